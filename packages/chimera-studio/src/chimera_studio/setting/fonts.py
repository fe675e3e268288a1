"""The typefaces the studio writes with, by their families, and which characters they can draw."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from fontTools.ttLib import TTFont

Role = Literal["display", "text", "serif"]

_WESTERN = "justmytype_western_core"
_CJK = "justmytype_intl_cjk"
_RTL = "justmytype_intl_rtl"
PACKAGES = (_WESTERN, _CJK, _RTL)


@dataclass(frozen=True)
class Typeface:
    """One variable font: its family, and the file it is in."""

    family: str
    package: str
    file: str

    @property
    def path(self) -> Path:
        """The font file, inside the package it came in."""
        return folder(self.package) / self.file


_INTER = Typeface("Inter", _WESTERN, "inter/Inter[opsz,wght].ttf")
_SERIF = Typeface("Source Serif 4", _WESTERN, "sourceserif4/SourceSerif4[opsz,wght].ttf")
_ROLES: dict[Role, tuple[Typeface, int]] = {"display": (_INTER, 32), "text": (_INTER, 18), "serif": (_SERIF, 60)}
_BEFORE_HAN = (
    Typeface("Noto Sans", _WESTERN, "notosans/NotoSans[wdth,wght].ttf"),
    Typeface("Noto Sans Arabic", _RTL, "notosansarabic/NotoSansArabic[wdth,wght].ttf"),
    Typeface("Noto Sans Hebrew", _RTL, "notosanshebrew/NotoSansHebrew[wdth,wght].ttf"),
)
_AFTER_HAN = (
    Typeface("Noto Sans Symbols 2", _WESTERN, "notosanssymbols2/NotoSansSymbols2-Regular.ttf"),
    Typeface("STIX Two Math", _WESTERN, "stixtwomath/STIXTwoMath-Regular.ttf"),
)
_HAN = {
    "ja": Typeface("Noto Sans JP", _CJK, "notosansjp/NotoSansJP[wght].ttf"),
    "zh": Typeface("Noto Sans SC", _CJK, "notosanssc/NotoSansSC[wght].ttf"),
    "ko": Typeface("Noto Sans KR", _CJK, "notosanskr/NotoSansKR[wght].ttf"),
    "zh-tw": Typeface("Noto Sans TC", _CJK, "notosanstc/NotoSansTC[wght].ttf"),
}
# From the small to the large, as a face is not opened before a character needs it.
_SOUGHT = (_INTER, *_BEFORE_HAN, *_AFTER_HAN, *_HAN.values(), _SERIF)


def folder(package: str) -> Path:
    """Where a package of fonts keeps them."""
    return Path(str(files(package).joinpath("fonts/ofl")))


def optical_size(role: Role) -> int:
    """The optical size of a role; fixed, so that a text grows evenly with its size."""
    return _ROLES[role][1]


@cache
def families(role: Role, language: str) -> tuple[str, ...]:
    """The families to try in order: the role's own, then one for each script; `language` says whose Han forms lead.

    >>> families("text", "ko")[4]
    'Noto Sans KR'
    """
    lower = language.lower()
    first = "zh-tw" if lower in ("zh-tw", "zh-hk", "zh-hant") else lower.split("-")[0]
    rest = ("zh", "zh-tw", "ja", "ko") if lower.startswith("zh") else tuple(_HAN)
    han = [key for key in dict.fromkeys((first, *rest)) if key in _HAN]
    return tuple(face.family for face in (_ROLES[role][0], *_BEFORE_HAN, *(_HAN[key] for key in han), *_AFTER_HAN))


@cache
def _covered(face: Typeface) -> frozenset[int]:
    with TTFont(face.path, lazy=True) as font:
        return frozenset(font.getBestCmap())


@cache
def drawable(character: str, on: str = "") -> bool:
    """Whether some face can draw a character; of a mark, whether one can that has the letter it stands `on`."""
    wanted = {ord(letter) for letter in character + on}
    return any(wanted <= _covered(face) for face in _SOUGHT)
