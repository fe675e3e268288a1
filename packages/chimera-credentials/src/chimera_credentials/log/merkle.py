"""Merkle trees of RFC 6962 (RFC 9162, section 2): roots, proofs that a leaf is in, proofs that a tree only grew.

A tree is kept as its leaves and, of what is above them, only the roots of whole blocks of 256, 65,536, … leaves. So
a log of n leaves stores n/255 hashes more than its leaves, and needs at most 256 of each level to prove anything.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

TILE_HEIGHT = 8
"""Stored blocks are this many levels of the tree apart."""

Subtree = tuple[int, int]
"""A stored hash by level and index: the root of the leaves from `index * 256**level` on, 256**level of them."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of what a leaf says."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """The right edge of a tree: all that has to be known to append to it."""

    def __init__(self, size: int = 0, blocks: Iterable[bytes] = ()) -> None:
        """`blocks` are the roots of the perfect subtrees that `size` leaves fall into, the largest first."""
        self.size = size
        self._blocks = list(blocks)

    @classmethod
    def restore(cls, size: int, known: Mapping[Subtree, bytes]) -> "Frontier":
        """The edge of a tree of which the pieces of `edge(size)` are known."""
        return cls(size, (subtree(begin, end, known) for begin, end in _perfect(size)))

    def append(self, leaf: bytes) -> list[tuple[Subtree, bytes]]:
        """Add a leaf hash; the blocks to be stored that are whole now."""
        done: list[tuple[Subtree, bytes]] = []
        index, height, made = self.size, 0, leaf
        while index >> height & 1:
            made = node_hash(self._blocks.pop(), made)
            height += 1
            if height % TILE_HEIGHT == 0:
                done.append(((height // TILE_HEIGHT, index >> height), made))
        self._blocks.append(made)
        self.size += 1
        return done

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._blocks:
            return EMPTY
        *rest, made = self._blocks
        for block in reversed(rest):
            made = node_hash(block, made)
        return made


def edge(size: int) -> list[Subtree]:
    """What has to be known of a tree to append to it."""
    return [piece for begin, end in _perfect(size) for piece in pieces(begin, end)]


def pieces(begin: int, end: int) -> list[Subtree]:
    """What has to be known to compute the root of a subtree."""
    level = _stored(end - begin)
    if level is not None:
        return [(level, begin // (end - begin))]
    middle = begin + _split(end - begin)
    return pieces(begin, middle) + pieces(middle, end)


def subtree(begin: int, end: int, known: Mapping[Subtree, bytes]) -> bytes:
    """The root of the leaves from `begin` to before `end`, a subtree of RFC 6962, out of its pieces."""
    level = _stored(end - begin)
    if level is not None:
        return known[level, begin // (end - begin)]
    middle = begin + _split(end - begin)
    return node_hash(subtree(begin, middle, known), subtree(middle, end, known))


def inclusion(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that a leaf is in a tree of this size, as a proof lists them."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency(old: int, new: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that a tree of `new` leaves begins with the one that had `old`."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves does not grow to {new}")
    if old in (0, new):
        return []
    path: list[tuple[int, int]] = []
    begin, end, whole = 0, new, True
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    return ([] if whole else [(begin, end)]) + path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that this leaf hash is at this place under this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, made = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            made = node_hash(step, made)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            made = node_hash(made, step)
        place, last = place >> 1, last >> 1
    return last == 0 and made == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the newer tree begins with the older one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node_hash(newer, step)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def _split(size: int) -> int:
    """The largest power of two below a size: where RFC 6962 parts a tree."""
    return 1 << (size - 1).bit_length() - 1


def _stored(size: int) -> int | None:
    """The level at which a subtree of this size is stored, if it is."""
    height = size.bit_length() - 1
    return height // TILE_HEIGHT if size == 1 << height and height % TILE_HEIGHT == 0 else None


def _perfect(size: int) -> list[tuple[int, int]]:
    """The perfect subtrees that a tree falls into, the largest first."""
    found: list[tuple[int, int]] = []
    begin = 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            found.append((begin, begin + (1 << height)))
            begin += 1 << height
    return found
