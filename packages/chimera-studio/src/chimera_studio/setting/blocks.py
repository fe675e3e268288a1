"""Blocks of text: how they want to look, and the place that Typst finds for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypedDict, cast

from chimera_studio.setting.compiler import Json, measured
from chimera_studio.setting.fonts import Role, families, optical_size
from chimera_studio.setting.letters import Emoji, Written, emoji_drawing, letters_of, written

Align = Literal["start", "middle", "end"]
Side = Literal["left", "middle", "right"]
Pieces = tuple[str | Emoji, ...]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Style:
    """How a block of text wants to look; the sizes are in pixels."""

    role: Role
    weight: int
    size: float
    least: float
    leading: float = 1.3
    tracking: float = 0.0
    align: Align = "start"
    lines: int = 200
    balanced: bool = False
    language: str = "en"

    def told(self, rtl: bool) -> dict[str, Json]:
        """What the templates have to know of it, its colour apart."""
        language = self.language.lower().split("-")[0]
        known = language.isascii() and language.isalpha() and 2 <= len(language) <= 3
        return {
            "fonts": [*families(self.role, self.language)],
            "weight": self.weight,
            "optical": optical_size(self.role),
            "tracking": self.tracking,
            "leading": self.leading,
            "lang": language if known else "en",
            "rtl": rtl,
        }


@dataclass(frozen=True)
class Span:
    """One text of a column: its name in the answer, its words, how it looks, and the gap above it."""

    name: str
    text: str
    style: Style
    fill: str
    gap: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class Block:
    """Text that has found its place.

    Its lines are set `across` wide from `x` on; `ink` is where they are. `cut` counts the characters that did not fit,
    `missing` those without a glyph.
    """

    style: Style
    pieces: Pieces
    x: float
    y: float
    across: float
    wide: float
    height: float
    size: float
    side: Side
    lines: int
    rtl: bool
    cut: int = 0
    missing: int = 0

    @property
    def bottom(self) -> float:
        """Where the block ends."""
        return self.y + self.height

    @property
    def text(self) -> str:
        """What is written, without emoji."""
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    @property
    def ink(self) -> Bounds:
        """Left, top, right and bottom of the lines."""
        left = self.x + {"left": 0.0, "middle": 0.5, "right": 1.0}[self.side] * (self.across - self.wide)
        return left, self.y, left + self.wide, self.bottom

    def moved(self, x: float, y: float) -> "Block":
        """The same block somewhere else."""
        return replace(self, x=self.x + x, y=self.y + y)

    def told(self, fill: str, active: int = -1, spoken: str = "", ground: str = "") -> Json:
        """What `picture.typ` has to know of it. The word of number `active` is in another colour, on a ground."""
        pieces = _told(self.pieces)
        return {
            **self.style.told(self.rtl),
            "pieces": _marked(pieces, active) if active >= 0 else pieces,
            "fill": fill,
            "spoken": spoken or fill,
            "ground": ground or fill,
            "size": self.size,
            "side": self.side,
            "across": self.across,
            "x": self.x,
            "y": self.y,
        }


class _Placed(TypedDict):
    pieces: list[str | dict[str, str]]
    size: float
    across: float
    wide: float
    high: float
    lines: float
    short: bool
    y: float


def set_text(text: str, style: Style, box: Bounds) -> Block:
    """Set a text in a box of x, y, width and height; every line of the answer lies inside it.

    The size goes down from the style's to its least until the text fits; then lines are cut off, and an ellipsis says
    so.
    """
    return set_column((Span("", text, style, "#000000"),), box)[0]


def set_column(items: Sequence[Span], box: Bounds, grow: float = 1.0, rtl: bool = False) -> list[Block]:
    """Set texts under each other in a box, each in the room that those before it leave.

    Args:
        grow: How much larger than its style a text may become where little text leaves much room.
        rtl: What stands at the start stands on the right, whichever way its text runs.
    """
    return set_columns((tuple(items),), (box,), grow, rtl)[0]


def set_columns(
    columns: Sequence[tuple[Span, ...]], boxes: Sequence[Bounds], grow: float = 1.0, rtl: bool = False
) -> list[list[Block]]:
    """Set several columns at once, which is quicker than one after the other."""
    answers = _found(tuple(columns), tuple((box[2], box[3]) for box in boxes), grow) if columns else ()
    return [
        [_block(item, written(item.text), one, box, rtl) for item, one in zip(column, placed, strict=True)]
        for column, placed, box in zip(columns, answers, boxes, strict=True)
    ]


@lru_cache(maxsize=256)
def _found(
    columns: tuple[tuple[Span, ...], ...], rooms: tuple[tuple[float, float], ...], grow: float
) -> tuple[tuple[_Placed, ...], ...]:
    emoji: dict[str, Json] = {}
    told: list[Json] = []
    for column, (width, height) in zip(columns, rooms, strict=True):
        items: list[Json] = []
        for item in column:
            text = written(item.text)
            emoji |= drawings(text.pieces)
            items.append({
                **item.style.told(text.rtl),
                "pieces": _told(text.pieces),
                "fill": "#000000",
                "size": item.style.size,
                "least": item.style.least,
                "lines": item.style.lines,
                "balanced": item.style.balanced,
                "gap": item.gap,
                "share": item.share,
            })  # fmt: skip
        told.append({"items": items, "width": width, "height": height, "grow": grow})
    found = cast(list[list[_Placed]], measured({"columns": told, "drawings": emoji}))
    return tuple(tuple(column) for column in found)


def _block(item: Span, text: Written, placed: _Placed, box: Bounds, rtl: bool) -> Block:
    pieces = _read(placed["pieces"], text.pieces)
    side = _side(item.style.align, text.rtl, rtl)
    spare = {"left": 0.0, "middle": 0.5, "right": 1.0}[side] * (box[2] - placed["across"])
    cut = letters_of(text.pieces) - letters_of(pieces) + placed["short"]
    lines = round(placed["lines"])
    return Block(
        item.style, pieces, box[0] + spare, box[1] + placed["y"], placed["across"], placed["wide"], placed["high"],
        placed["size"], side, lines, text.rtl, cut, text.missing,
    )  # fmt: skip


def _side(align: Align, text_rtl: bool, all_rtl: bool) -> Side:
    if align == "middle":
        return "middle"
    right = text_rtl or (all_rtl and align == "start")
    return "right" if right == (align == "start") else "left"


def drawings(pieces: Pieces) -> dict[str, Json]:
    """The drawings of the emoji among some pieces, by their names."""
    return {piece.name: emoji_drawing(piece.name) for piece in pieces if isinstance(piece, Emoji)}


def _told(pieces: Pieces) -> list[Json]:
    return [piece if isinstance(piece, str) else {"emoji": piece.name} for piece in pieces]


def _read(told: Sequence[str | dict[str, str]], pieces: Pieces) -> Pieces:
    lengths = {piece.name: piece.letters for piece in pieces if isinstance(piece, Emoji)}
    return tuple(one if isinstance(one, str) else Emoji(one["emoji"], lengths[one["emoji"]]) for one in told)


def _marked(pieces: Sequence[Json], active: int) -> list[Json]:
    """The pieces with those of one word marked as spoken; words are what is between spaces."""
    found: list[Json] = []
    word, fresh = -1, True
    for piece in pieces:
        for part in _words(piece) if isinstance(piece, str) else (piece,):
            space = isinstance(part, str) and not part.strip()
            word += fresh and not space
            fresh = space
            mark = word == active and not space
            shown: Json = {"word": part} if isinstance(part, str) else part
            found.append({**shown, "spoken": True} if mark and isinstance(shown, dict) else part)
    return found


def _words(piece: str) -> list[str]:
    parts = [""]
    for letter in piece:
        if parts[-1] and parts[-1][-1].isspace() != letter.isspace():
            parts.append("")
        parts[-1] += letter
    return parts
