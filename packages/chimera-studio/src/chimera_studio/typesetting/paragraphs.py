"""Sets text in a box: wraps it, shrinks it until it fits, and cuts it with an ellipsis where nothing else helps."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from chimera_studio.typesetting.bidi import base_level, in_sight_order, levels_of, without_marks
from chimera_studio.typesetting.shaping import Run, Voice, clean, emoji_at, runs_of

Align = Literal["start", "middle", "end"]

# What East Asian type setting does not leave alone at the start, or at the end, of a line.
_NOT_FIRST = frozenset(
    "、。，．・：；？！゛゜ヽヾゝゞ々ー）］｝」』】〕〉》”’…‥ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.!?;:)]}%"
)
_NOT_LAST = frozenset("（［｛「『【〔〈《“‘([{$¥￥＄")
_AFTER = frozenset("-‐–—/")
_ELLIPSIS = "…"
_FLOOR = 4.0


@dataclass(frozen=True)
class Style:
    """How a block of text wants to look; the sizes are in pixels."""

    voice: Voice
    size: float
    least: float
    leading: float = 1.3
    tracking: float = 0.0
    align: Align = "start"
    lines: int = 200
    balanced: bool = False


@dataclass(frozen=True)
class Line:
    """One line: its runs from left to right, where it starts, and how wide it is."""

    runs: tuple[Run, ...]
    x: float
    baseline: float
    width: float


@dataclass(frozen=True)
class Block:
    """Text that has found its place. `cut` counts the characters that did not fit, `missing` those without a glyph."""

    lines: tuple[Line, ...]
    x: float
    y: float
    width: float
    height: float
    size: float
    tracking: float
    rtl: bool
    cut: int = 0
    missing: int = 0

    @property
    def bottom(self) -> float:
        """Where the block ends."""
        return self.y + self.height

    @property
    def ink(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the lines."""
        if not self.lines:
            return self.x, self.y, self.x, self.y
        left = min(line.x for line in self.lines)
        return left, self.y, max(line.x + line.width for line in self.lines), self.bottom

    def moved(self, x: float, y: float) -> "Block":
        """The same block somewhere else."""
        lines = tuple(replace(line, x=line.x + x, baseline=line.baseline + y) for line in self.lines)
        return replace(self, lines=lines, x=self.x + x, y=self.y + y)


@dataclass(frozen=True)
class _Atom:
    """What is never parted at a line's end unless it is wider than the line."""

    text: str
    runs: tuple[Run, ...]
    width: float
    letters: int
    space: bool
    forced: bool = False


def set_text(text: str, style: Style, box: tuple[float, float, float, float]) -> Block:
    """Set a text in a box of x, y, width and height; every line of the answer lies inside it.

    The size goes down from the style's to its least until the text fits; then lines are cut off and an '
    'ellipsis says so's to its least until the text fits; then lines are cut off and an ellipsis says so.
    """
    x, y, width, height = box
    atoms, rtl = _atoms(text, style.voice)
    if not atoms or width <= 0 or height <= 0:
        return Block((), x, y, max(width, 0), 0, style.size, 0, rtl, cut=sum(atom.letters for atom in atoms))
    most = min(style.size, height / style.leading)
    least = min(style.least, most)
    size = _largest(atoms, style, width, height, least, most)
    widest = max(_row_width(row, style, size) for row in _wrapped(atoms, style, width, size)[0])
    if widest > width:
        # One letter is wider than the box.
        size *= width / widest * 0.999
    return _placed(atoms, replace(style, size=size), box, rtl)


def _largest(atoms: Sequence[_Atom], style: Style, width: float, height: float, least: float, most: float) -> float:
    """The largest size between two at which everything fits, or the least."""

    def fits(size: float) -> bool:
        rows, broken = _wrapped(atoms, style, width, size)
        # A title whose words are torn apart is worse than a smaller one.
        torn = broken and size > least * 1.02 and style.lines < 20
        return not torn and len(rows) <= style.lines and len(rows) * size * style.leading <= height + 0.01

    if fits(most):
        return most
    low, high = least, most
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _placed(atoms: Sequence[_Atom], style: Style, box: tuple[float, float, float, float], rtl: bool) -> Block:
    x, y, width, height = box
    size, leading = style.size, style.size * style.leading
    rows, _ = _wrapped(atoms, style, width, size)
    room = max(1, min(style.lines, int((height + 0.01) / leading)))
    cut = 0
    if len(rows) > room:
        cut = sum(atom.letters for row in rows[room:] for atom in row)
        rows, more = rows[:room], 0
        rows[-1], more = _ellipsed(rows[-1], style, width, size)
        cut += more
    elif style.balanced and 1 < len(rows) < 6:
        rows = _balanced(atoms, style, width, size, len(rows))
    align = style.align
    if rtl and align in ("start", "end"):
        align = "end" if align == "start" else "start"
    lines = []
    for number, row in enumerate(rows):
        runs = [run for atom in _trimmed(row) for run in atom.runs]
        wide = _row_width(row, style, size)
        left = x + {"start": 0.0, "middle": (width - wide) / 2, "end": width - wide}[align]
        baseline = y + number * leading + leading / 2 + size * 0.355
        ordered = in_sight_order(runs, [run.level for run in runs])
        lines.append(Line(tuple(ordered), left, baseline, wide))
    missing = sum(run.missing for line in lines for run in line.runs)
    tall = len(rows) * leading
    return Block(tuple(lines), x, y, width, tall, size, style.tracking * size, rtl, cut, missing)


def _balanced(atoms: Sequence[_Atom], style: Style, width: float, size: float, rows: int) -> list[list[_Atom]]:
    """The same number of lines, of more even width."""
    low, high = width * 0.45, width
    for _ in range(8):
        middle = (low + high) / 2
        found, broken = _wrapped(atoms, style, middle, size)
        low, high = (low, middle) if len(found) <= rows and not broken else (middle, high)
    return _wrapped(atoms, style, high, size)[0]


@lru_cache(maxsize=1024)
def _atoms(text: str, voice: Voice) -> tuple[tuple[_Atom, ...], bool]:
    """The text as words and spaces, shaped, and whether its first paragraph runs from right to left."""
    atoms: list[_Atom] = []
    rtl = False
    paragraphs = without_marks(clean(text)).strip("\n ").split("\n")
    for number, paragraph in enumerate(paragraphs):
        if number:
            atoms.append(_Atom("\n", (), 0, 0, True, forced=True))
        else:
            rtl = bool(base_level(next((line for line in paragraphs if base_level(line)), paragraph)))
            rtl = rtl and bool(base_level(" ".join(paragraphs)))
        levels = levels_of(paragraph, int(rtl))
        for start, end in _words(paragraph):
            piece = paragraph[start:end]
            runs = runs_of(piece, levels[start:end], voice)
            wide = sum(run.width for run in runs)
            atoms.append(_Atom(piece, runs, wide, len(piece), not piece.strip()))
    return tuple(atoms), rtl


def _words(text: str) -> list[tuple[int, int]]:
    """Where the words and the spaces between them are; East Asian text may part between most characters."""
    spans = []
    for found in re.finditer(r"\s+|\S+", text):
        start, end = found.span()
        if found.group().isspace():
            spans.append((start, end))
            continue
        last, position = start, start
        while position < end:
            step = emoji_at(text, position) or 1
            position += step
            if position < end and _may_part(text[position - 1], text[position], step > 1):
                spans.append((last, position))
                last = position
        spans.append((last, end))
    return spans


def _may_part(before: str, after: str, emoji: bool) -> bool:
    if after in _NOT_FIRST or before in _NOT_LAST:
        return False
    if before in _AFTER:
        return after.isalpha()
    return emoji or _wide(before) or _wide(after)


def _wide(character: str) -> bool:
    code = ord(character)
    return 0x2E80 <= code <= 0xA4CF or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF or 0x20000 <= code < 0x40000


def _advance(atom: _Atom, style: Style, size: float) -> float:
    return (atom.width + style.tracking * atom.letters) * size


def _row_width(row: Sequence[_Atom], style: Style, size: float) -> float:
    return sum(_advance(atom, style, size) for atom in _trimmed(row))


def _trimmed(row: Sequence[_Atom]) -> Sequence[_Atom]:
    end = len(row)
    while end and row[end - 1].space:
        end -= 1
    start = 0
    while start < end and row[start].space:
        start += 1
    return row[start:end]


def _wrapped(atoms: Sequence[_Atom], style: Style, width: float, size: float) -> tuple[list[list[_Atom]], bool]:
    """The rows of a text at a size, and whether a word had to be torn."""
    rows: list[list[_Atom]] = [[]]
    used, torn = 0.0, False
    for atom in atoms:
        if atom.forced:
            rows.append([])
            used = 0.0
            continue
        wide = _advance(atom, style, size)
        if used + wide <= width or atom.space:
            if not (atom.space and not rows[-1]):
                rows[-1].append(atom)
                used += wide
            continue
        if rows[-1]:
            rows.append([])
            used = 0.0
        if wide > width:
            torn = True
            for part in _torn(atom, lambda piece: _advance(piece, style, size) <= width):
                if rows[-1]:
                    rows.append([])
                rows[-1].append(part)
                used = _advance(part, style, size)
        else:
            rows[-1].append(atom)
            used = wide
    return rows, torn


def _torn(atom: _Atom, fits: Callable[[_Atom], bool]) -> list[_Atom]:
    """A word that is wider than a line, in parts that are not; a part of one cluster may still be wider."""
    clusters = _clusters(atom)
    parts: list[_Atom] = []
    current = clusters[0]
    for cluster in clusters[1:]:
        longer = _joined(current, cluster)
        if fits(longer):
            current = longer
        else:
            parts.append(current)
            current = cluster
    return [*parts, current]


@lru_cache(maxsize=4096)
def _clusters(atom: _Atom) -> tuple[_Atom, ...]:
    """A word glyph by glyph where its runs allow it, else run by run."""
    made: list[_Atom] = []
    for run in atom.runs:
        whole = _Atom(run.text, (run,), run.width, len(run.text), False)
        if run.emoji or run.level % 2 or len(run.glyphs) != len(run.text) or len(run.text) == 1:
            made.extend(_pieces(run) if run.level % 2 and len(run.text) > 1 else (whole,))
            continue
        for number, glyph in enumerate(run.glyphs):
            after = run.glyphs[number + 1].x if number + 1 < len(run.glyphs) else run.width
            piece = Run(run.text[number], run.level, after - glyph.x, (replace(glyph, x=0.0),))
            made.append(_Atom(piece.text, (piece,), piece.width, 1, False))
    return tuple(made)


def _pieces(run: Run) -> tuple[_Atom, ...]:
    """A run from right to left, in pieces of a share each, in reading order: its glyphs stand the other way round."""
    ordered = sorted(run.glyphs, key=lambda glyph: -glyph.x)
    if len(ordered) < 2:
        return (_Atom(run.text, (run,), run.width, len(run.text), False),)
    made, right = [], run.width
    share = len(run.text) / len(ordered)
    for number, glyph in enumerate(ordered):
        text = run.text[round(number * share) : round((number + 1) * share)]
        left = max(0.0, min(glyph.x, right)) if number + 1 < len(ordered) else 0.0
        piece = Run(text, run.level, right - left, (replace(glyph, x=glyph.x - left),))
        made.append(_Atom(text, (piece,), piece.width, len(text), False))
        right = left
    return tuple(made)


def _joined(one: _Atom, other: _Atom) -> _Atom:
    return _Atom(
        one.text + other.text, one.runs + other.runs, one.width + other.width, one.letters + other.letters, False
    )


def _ellipsed(row: Sequence[_Atom], style: Style, width: float, size: float) -> tuple[list[_Atom], int]:
    """A row with an ellipsis at its end, and how many characters gave way to it."""
    kept = list(_trimmed(row))
    level = kept[-1].runs[-1].level if kept and kept[-1].runs else 0
    dots_runs = runs_of(_ELLIPSIS, (level,), style.voice)
    dots = _Atom(_ELLIPSIS, dots_runs, sum(run.width for run in dots_runs), 1, False)
    cut = 0
    while kept and _row_width([*kept, dots], style, size) > width:
        last = kept.pop()
        clusters = _clusters(last) if not last.space and last.runs else ()
        if len(clusters) > 1:
            kept.extend(clusters[:-1])
            cut += clusters[-1].letters
        else:
            cut += last.letters
        while kept and kept[-1].space:
            cut += kept.pop().letters
    if not kept and _row_width([dots], style, size) > width:
        return [], cut
    return [*kept, dots], cut
