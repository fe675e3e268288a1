"""The bidirectional algorithm: which way each character of a paragraph runs, and how a line of them is put in order."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from bidi import algorithm

if TYPE_CHECKING:
    from bidi.algorithm import Character, Storage  # names of our stubs; the library has none

Piece = TypeVar("Piece")


_PAIRS = {"(": ")", "[": "]", "{": "}", "«": "»", "（": "）", "［": "］", "「": "」", "『": "』", "【": "】"}
_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
_RIGHT = ("R", "AL", "AN")
_ISOLATES = str.maketrans("", "", "\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def base_level(text: str) -> int:
    """1 for a paragraph that runs from right to left, by its first strong character; else 0."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return int(kind != "L")
    return 0


def without_marks(text: str) -> str:
    """The text without direction marks and isolates, which the algorithm here does not read."""
    return text.translate(_ISOLATES)


def levels_of(text: str, base: int) -> tuple[int, ...]:
    """The embedding level of each character of a paragraph: even runs to the right, odd to the left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    if base == 0 and not any(kind in _RIGHT for kind in kinds):
        return (0,) * len(text)
    # The algorithm drops boundary neutrals, joiners among them; they go with the character before them.
    read = [position for position, kind in enumerate(kinds) if kind not in ("BN", "")]
    storage = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, "R" if base else "L"
    algorithm.get_embedding_levels("".join(text[position] for position in read), storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    _pair_brackets(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    found = dict(zip(read, (character["level"] for character in storage["chars"]), strict=True))
    levels, last = [], base
    for position in range(len(text)):
        last = found.get(position, last)
        levels.append(last)
    return tuple(levels)


def _pair_brackets(storage: "Storage") -> None:
    """Let both brackets of a pair run the same way (rule N0), which the library leaves out."""
    characters, own = storage["chars"], storage["base_dir"]
    for opening, closing in _bracket_pairs(characters):
        inside = {
            _STRONG[character["type"]]
            for character in characters[opening + 1 : closing]
            if character["type"] in _STRONG
        }
        way = own
        if own not in inside:
            if not inside:
                continue
            before = (_STRONG[c["type"]] for c in reversed(characters[:opening]) if c["type"] in _STRONG)
            other = "R" if own == "L" else "L"
            way = other if next(before, own) == other else own
        characters[opening]["type"] = characters[closing]["type"] = way


def _bracket_pairs(characters: Sequence["Character"]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    waiting: list[tuple[str, int]] = []
    for position, character in enumerate(characters):
        if character["type"] != "ON":
            continue
        if character["ch"] in _PAIRS:
            waiting.append((_PAIRS[character["ch"]], position))
            continue
        for depth in range(len(waiting) - 1, -1, -1):
            if waiting[depth][0] == character["ch"]:
                pairs.append((waiting[depth][1], position))
                del waiting[depth:]
                break
    return sorted(pairs)


def in_sight_order(pieces: Sequence[Piece], levels: Sequence[int]) -> list[Piece]:
    """The pieces of one line from left to right, given in reading order with their levels.

    >>> in_sight_order(["a", "B", "C", "d"], [0, 1, 1, 0])
    ['a', 'C', 'B', 'd']
    """
    ordered = list(zip(pieces, levels, strict=True))
    highest = max(levels, default=0)
    lowest = min((level for level in levels if level % 2), default=highest + 1)
    for level in range(highest, lowest - 1, -1):
        start = 0
        while start < len(ordered):
            end = start
            while end < len(ordered) and ordered[end][1] >= level:
                end += 1
            ordered[start:end] = reversed(ordered[start:end])
            start = end + 1
    return [piece for piece, _ in ordered]
