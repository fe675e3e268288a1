"""How alike two texts are, and the sketch by which a text's likes are found among many (JDG-6)."""

import re
import zlib
from collections.abc import Sequence

SKETCH = 12
"""Hashes of a sketch. Of two texts that share 70 % of their word triples, about one pair in two million shares none."""

_NOISE = re.compile(r"\S+://\S+|[#@]\w+|^\s*\d+/\d+", re.MULTILINE)
_WORD = re.compile(r"\w+")


def shingles(parts: Sequence[str]) -> frozenset[int]:
    """The hashes of all three words in a row; links, tags, handles and thread counters do not count."""
    words = _WORD.findall(_NOISE.sub(" ", "\n".join(parts)).casefold())
    rows = zip(words, words[1:], words[2:], strict=False) if len(words) > 2 else iter([tuple(words)] if words else [])
    return frozenset(zlib.crc32(" ".join(row).encode()) for row in rows)


def minhash(parts: Sequence[str]) -> list[int]:
    """The smallest hashes of a text: the more two texts have in common, the surer they share some."""
    return sorted(shingles(parts))[:SKETCH]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of word triples that two texts have in common (Jaccard): 1 for the same words, 0 for nothing alike."""
    mine, theirs = shingles(one), shingles(other)
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0
