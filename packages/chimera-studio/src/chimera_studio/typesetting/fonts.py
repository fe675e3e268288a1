"""The typefaces the studio writes with: where their packages keep them, and which of them can draw a character."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from PIL import ImageFont

Role = Literal["display", "text", "serif", "serif_text", "mono"]
Script = Literal["wide", "arabic", "hebrew", "japanese", "korean", "chinese", "traditional", "symbols", "maths"]

_WESTERN = "justmytype_western_core"
_CJK = "justmytype_intl_cjk"
_RTL = "justmytype_intl_rtl"


@dataclass(frozen=True)
class Typeface:
    """One variable font file and the settings of its axes."""

    package: str
    file: str
    weight: int
    axes: tuple[tuple[str, float], ...] = ()

    @property
    def path(self) -> Path:
        """The font file, inside the package it came in."""
        return Path(str(files(self.package).joinpath(f"fonts/ofl/{self.file}")))

    @property
    def settings(self) -> dict[str, float]:
        """Every axis that is set, by its OpenType tag."""
        return {**dict(self.axes), "wght": float(self.weight)}

    def weighing(self, weight: int) -> "Typeface":
        """The same face, heavier or lighter."""
        return Typeface(self.package, self.file, weight, self.axes)


_INTER = "inter/Inter[opsz,wght].ttf"
_SERIF = "sourceserif4/SourceSerif4[opsz,wght].ttf"
_ROLES: dict[str, Typeface] = {
    "display": Typeface(_WESTERN, _INTER, 800, (("opsz", 32),)),
    "text": Typeface(_WESTERN, _INTER, 440, (("opsz", 18),)),
    "serif": Typeface(_WESTERN, _SERIF, 600, (("opsz", 60),)),
    "serif_text": Typeface(_WESTERN, _SERIF, 420, (("opsz", 20),)),
    "mono": Typeface(_WESTERN, "jetbrainsmono/JetBrainsMono[wght].ttf", 500),
}
_SCRIPTS: dict[str, Typeface] = {
    "wide": Typeface(_WESTERN, "notosans/NotoSans[wdth,wght].ttf", 400, (("wdth", 100),)),
    "arabic": Typeface(_RTL, "notosansarabic/NotoSansArabic[wdth,wght].ttf", 400, (("wdth", 100),)),
    "hebrew": Typeface(_RTL, "notosanshebrew/NotoSansHebrew[wdth,wght].ttf", 400, (("wdth", 100),)),
    "japanese": Typeface(_CJK, "notosansjp/NotoSansJP[wght].ttf", 400),
    "korean": Typeface(_CJK, "notosanskr/NotoSansKR[wght].ttf", 400),
    "chinese": Typeface(_CJK, "notosanssc/NotoSansSC[wght].ttf", 400),
    "traditional": Typeface(_CJK, "notosanstc/NotoSansTC[wght].ttf", 400),
    "symbols": Typeface(_WESTERN, "notosanssymbols2/NotoSansSymbols2-Regular.ttf", 400),
    "maths": Typeface(_WESTERN, "stixtwomath/STIXTwoMath-Regular.ttf", 400),
}
_FIXED_WEIGHT = frozenset({"symbols", "maths"})
_FIRST_CJK = {"ja": "japanese", "ko": "korean", "zh": "chinese", "zh-tw": "traditional", "zh-hk": "traditional"}


def typeface(name: str, weight: int | None = None) -> Typeface:
    """The face of a role or a script. KeyError for any other name."""
    found = _ROLES.get(name) or _SCRIPTS[name]
    return found if weight is None or name in _FIXED_WEIGHT else found.weighing(weight)


@cache
def fallbacks(role: str, weight: int, language: str) -> tuple[Typeface, ...]:
    """The faces to try in order: the role's own, then one for each script; `language` says whose Han forms come first.

    >>> fallbacks("text", 400, "ko")[4].file
    'notosanskr/NotoSansKR[wght].ttf'
    """
    lower = language.lower()
    first = _FIRST_CJK.get(lower) or _FIRST_CJK.get(lower.split("-")[0], "japanese")
    cjk = [first, *(name for name in ("japanese", "chinese", "korean", "traditional") if name != first)]
    if lower.startswith("zh"):
        cjk = [first, *(name for name in ("chinese", "traditional", "japanese", "korean") if name != first)]
    order = ("wide", "arabic", "hebrew", *cjk, "symbols", "maths")
    return (typeface(role, weight), *(typeface(name, weight) for name in order))


@cache
def face(script_or_role: str, size: int, weight: int | None = None) -> ImageFont.FreeTypeFont:
    """A Pillow font of a role or a script at a size in pixels, for callers that draw with Pillow themselves."""
    chosen = typeface(script_or_role, weight)
    font = ImageFont.truetype(chosen.path, size, layout_engine=ImageFont.Layout.BASIC)
    if script_or_role not in _FIXED_WEIGHT:
        settings = chosen.settings
        told = {"weight": "wght", "optical size": "opsz", "width": "wdth"}
        axes: list[float] = []
        for axis in font.get_variation_axes():
            name = axis["name"]
            written = name.decode() if isinstance(name, bytes) else str(name)
            value = settings.get(told.get(written.lower(), ""), axis["default"] or 0)
            axes.append(min(max(value, axis["minimum"] or 0), axis["maximum"] or 0))
        font.set_variation_by_axes(axes)
    return font
