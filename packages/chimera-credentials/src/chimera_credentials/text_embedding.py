"""A manifest store inside a text: as characters that nobody sees (C2PA, "embedding manifests into unstructured text").

Every byte becomes a Unicode variation selector, three or four bytes long. What is left of the room that the manifest
says the wrapper takes is filled with zeros, so the lengths must agree to the byte.
"""

import re
import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_MAGIC = b"C2PATXT\0"
_VERSION = 1
_HEAD = struct.Struct(">8sBI")
_MARK = "\ufeff"
_LOW, _HIGH = 0xFE00, 0xE0100
_SHORT = 16
"""So many byte values have a selector of three bytes in UTF-8; the others have one of four."""
_LONG = bytes(range(_SHORT, 256))
_ZERO = chr(_LOW)
_ZERO_BYTES = 3
_MOST_ZEROS = 120
"""Other verifiers take a long run of zeros at the end of a wrapper for something else."""
_WRAPPER = re.compile("\ufeff([\ufe00-\ufe0f\U000e0100-\U000e01ef]{13,})")
SLACK = 1000
"""Room beside the manifest, in which a length is looked for that zeros fill exactly."""


@dataclass(frozen=True)
class Wrapped:
    """A text that carries a store: the text alone, and where in its UTF-8 form the wrapper lies."""

    text: str
    store: bytes
    start: int
    length: int


def normal(text: str) -> str:
    """The form that is hashed: two spellings of one letter are one text (NFC)."""
    return unicodedata.normalize("NFC", text)


def wrapper(store: bytes) -> str:
    """The store in invisible characters."""
    whole = _HEAD.pack(_MAGIC, _VERSION, len(store)) + store
    return _MARK + "".join(chr(_LOW + byte) if byte < _SHORT else chr(_HIGH + byte - _SHORT) for byte in whole)


def size(store: bytes) -> int:
    """How many bytes of UTF-8 the wrapper of a store takes."""
    whole = _HEAD.pack(_MAGIC, _VERSION, len(store)) + store
    return len(_MARK.encode()) + 4 * len(whole) - len(whole.translate(None, delete=_LONG))


def fitted(padded: Callable[[int], bytes], length: int) -> str | None:
    """A wrapper of exactly this many bytes, with few zeros at its end; None when there is none.

    `padded` gives the store with so much room in its signature.
    """
    for room in reversed(range(SLACK // _ZERO_BYTES)):
        store = padded(room)
        left = length - size(store)
        if left >= 0 and left % _ZERO_BYTES == 0 and left <= _MOST_ZEROS * _ZERO_BYTES:
            return wrapper(store) + _ZERO * (left // _ZERO_BYTES)
    return None


def unwrapped(text: str) -> list[Wrapped]:
    """Every wrapper in a text; one that is cut short, or is none of ours to read, has an empty store."""
    whole = normal(text)
    found = []
    for match in _WRAPPER.finditer(whole):
        content = bytes(_byte(character) for character in match[1])
        magic, version, length = _HEAD.unpack_from(content)
        if magic != _MAGIC:
            continue
        store, rest = content[_HEAD.size : _HEAD.size + length], content[_HEAD.size + length :]
        readable = version == _VERSION and len(store) == length and not any(rest)
        alone = whole[: match.start()] + whole[match.end() :]
        start = len(whole[: match.start()].encode())
        found.append(Wrapped(alone, store if readable else b"", start, len(match[0].encode())))
    return found


def _byte(selector: str) -> int:
    code = ord(selector)
    return code - _LOW if code < _HIGH else code - _HIGH + _SHORT
