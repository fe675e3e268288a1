"""What a character looks like, drawn by lot from its reference id: the same id is always the same person."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

Choice = TypeVar("Choice")

HairStyle = Literal[
    "bob", "long", "waves", "crop", "afro", "bun", "buzz",
    "quiff", "curls", "ponytail", "braids", "bald", "part", "veil",
]  # fmt: skip
Clothes = Literal["tee", "roll", "shirt", "hoodie", "blazer", "stripes", "dungarees"]
Glasses = Literal["none", "round", "square", "cat", "shades"]

HAIR_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)
_SKINS = ("#fbe0cf", "#f4cdb0", "#e8b48f", "#d69a6e", "#bd7e52", "#9a6240", "#774730", "#573222")
_HAIRS = (
    "#1d1714", "#3a2418", "#5e3a20", "#8f5b2c", "#c98d3f", "#e8c876", "#b2482a", "#c9c5c0",
    "#d9517f", "#3f73b8", "#5c3f99", "#2f8f7f",
)  # fmt: skip
_CLOTH = (
    "#d9482b", "#e88b1c", "#e3b526", "#5f9b3a", "#1d8a6f", "#1c8fa8", "#2b62c4", "#5a46b5",
    "#9b3fa3", "#cf3f78", "#2b2f3a", "#f0ece2", "#7d5a3c", "#7f8a94",
)  # fmt: skip
_IRISES = ("#4a2f1b", "#2d1d14", "#6f7a35", "#3f7d5f", "#3b72a6", "#6b7b88")
_ACCENTS = ("#ffc857", "#ff6b57", "#36c5a8", "#5aa9ff", "#f3f0e8", "#c77dff")
_CLOTHES: tuple[Clothes, ...] = ("tee", "roll", "shirt", "hoodie", "blazer", "stripes", "dungarees")
_GLASSES: tuple[Glasses, ...] = ("none", "none", "none", "round", "square", "cat", "shades")
_BEARDED: frozenset[HairStyle] = frozenset({"crop", "buzz", "quiff", "bald", "part", "curls", "afro"})
_FUN_HAIR = 8


@dataclass(frozen=True)
class Traits:
    """One person: every part that the drawing hangs on. Lengths are in a box of 400 by 400."""

    skin: str
    hair: str
    style: HairStyle
    iris: str
    clothes: Clothes
    cloth: str
    trim: str
    glasses: Glasses
    frame: str
    head: int
    jaw: int
    chin: int
    eye_gap: int
    eye_size: int
    brow: int
    brow_tilt: int
    nose: int
    mouth: int
    lips: bool
    beard: Literal["none", "full", "moustache", "goatee"]
    freckles: bool
    earrings: bool
    headphones: bool
    mole: int
    aura: str


class _Lot:
    """Draws from an endless stream that belongs to one id, a fresh name for each draw so that none shifts another."""

    def __init__(self, key: str) -> None:
        self._key = key

    def number(self, name: str, below: int) -> int:
        digest = hashlib.sha256(f"character:{self._key}:{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % below

    def between(self, name: str, low: int, high: int) -> int:
        return low + self.number(name, high - low + 1)

    def one(self, name: str, choices: Sequence[Choice]) -> Choice:
        return choices[self.number(name, len(choices))]

    def chance(self, name: str, percent: int) -> bool:
        return self.number(name, 100) < percent


def traits_of(character_reference_id: str) -> Traits:
    """The person behind a reference id.

    >>> traits_of("nova") == traits_of("nova"), traits_of("nova") == traits_of("ada")
    (True, False)
    """
    lot = _Lot(character_reference_id)
    style = lot.one("style", HAIR_STYLES)
    natural = lot.chance("natural hair", 74)
    hair = lot.one("hair", _HAIRS[:_FUN_HAIR] if natural else _HAIRS[_FUN_HAIR:])
    cloth = lot.one("cloth", _CLOTH)
    beard: Literal["none", "full", "moustache", "goatee"] = "none"
    if style in _BEARDED and lot.chance("beard", 55):
        beard = lot.one("beard kind", ("full", "full", "moustache", "goatee"))
    return Traits(
        skin=lot.one("skin", _SKINS),
        hair=hair,
        style=style,
        iris=lot.one("iris", _IRISES),
        clothes=lot.one("clothes", _CLOTHES),
        cloth=cloth,
        trim=lot.one("trim", [tint for tint in _CLOTH if tint != cloth]),
        glasses=lot.one("glasses", _GLASSES),
        frame=lot.one("frame", ("#1d1a1c", "#8a3324", "#c29a3a", "#2d5d8a", "#efe9dd")),
        head=lot.between("head", 62, 72),
        jaw=lot.between("jaw", 42, 58),
        chin=lot.between("chin", 266, 280),
        eye_gap=lot.between("eye gap", 27, 33),
        eye_size=lot.between("eye size", 10, 13),
        brow=lot.between("brow", 4, 8),
        brow_tilt=lot.between("brow tilt", -4, 4),
        nose=lot.number("nose", 4),
        mouth=lot.between("mouth", 20, 28),
        lips=beard == "none" and lot.chance("lips", 50),
        beard=beard,
        freckles=lot.chance("freckles", 22),
        earrings=beard == "none" and style != "veil" and lot.chance("earrings", 45),
        headphones=style not in ("veil", "afro") and lot.chance("headphones", 12),
        mole=lot.number("mole", 5),
        aura=lot.one("aura", _ACCENTS),
    )
