"""What is hashed and signed about a piece (PRV-1): its texts, and its files by the hashes of their content.

The formula has a name, which is signed with the hash. What was signed before it had one is under the first.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import rfc8785
from pydantic import JsonValue

from chimera.media.types import MediaItem
from chimera.provenance.ports import Made, Versioned
from chimera_protocol.statements import signed_bytes, verify

FORMULA = "chimera-content/2"

_DOMAIN = b"\xffchimera: content hash, version 2\n"
"""What no text of a piece begins with, as it is no UTF-8, and too long to be met by a digest: what the first formula
hashed was a text, or digests."""

_FILE = re.compile(r"sha256:[0-9a-f]{64}")


class PieceContent(Protocol):
    """Whatever has the texts and the files of a piece."""

    @property
    def parts(self) -> Sequence[str]:
        """Its texts in order."""

    @property
    def media(self) -> Sequence[MediaItem]:
        """Its files in order."""


def content_hash(parts: Sequence[str], files: Sequence[str] = ()) -> str:
    """SHA-256 over the domain and the RFC 8785 form of `{"media": […], "parts": […], "v": 2}`."""
    said: JsonValue = {"v": 2, "parts": list(parts), "media": list(files)}
    return hashlib.sha256(_DOMAIN + rfc8785.dumps(said)).hexdigest()


def hash_of(piece: PieceContent) -> str:
    """The content hash of a piece."""
    return content_hash(piece.parts, files_of(piece))


def files_of(piece: PieceContent) -> list[str]:
    """The hashes of its files."""
    return [item.sha256 for item in piece.media]


def content_hashes(parts: Sequence[str], files: Sequence[str]) -> Mapping[str | None, str]:
    """The hash of a piece by every formula that there was, under the name that was signed with it."""
    return {None: _first(parts, files), FORMULA: content_hash(parts, files)}


def is_hash_of(said: JsonValue, formula: JsonValue, hashes: Mapping[str | None, str]) -> bool:
    """Whether a hash, and the name of its formula, are among those of a piece."""
    if not (formula is None or isinstance(formula, str)):
        return False
    return isinstance(said, str) and said != "" and said == hashes.get(formula)


def _first(parts: Sequence[str], files: Sequence[str]) -> str:
    """The first formula: the digest of the one text, or that of the digests, a file being the text `sha256:…`.

    It took a text of that form for a file, and nothing for an empty text. Nobody has published either, so whoever shows
    one now has no hash by it.
    """
    if not (parts or files) or any(_FILE.fullmatch(part) for part in parts):
        return ""
    said = [*parts, *(f"sha256:{digest}" for digest in files)]
    digests = [hashlib.sha256(each.encode()) for each in said]
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()


def statement(asset_id: str, piece: PieceContent, task: Versioned, metadata: Made) -> dict[str, JsonValue]:
    """What Chimera says about a piece and signs: which content, made by what, under which persona."""
    return {
        "asset_id": asset_id,
        "content_hash": hash_of(piece),
        "content_formula": FORMULA,
        "soul_hash": task.soul_hash,
        "model": metadata.model_used,
        "seeds": list(metadata.seeds),
        "prompt_hash": metadata.prompt.sha256 if metadata.prompt else None,
        "source_type": "trainedAlgorithmicMedia" if metadata.model_used != "composer" else "algorithmicMedia",
    }


def statement_holds(statement: Mapping[str, JsonValue], piece: PieceContent, signature: str, public_key: str) -> bool:
    """Whether a piece is what its signed statement says, under this key (PRV-1)."""
    said, formula = statement.get("content_hash"), statement.get("content_formula")
    if not is_hash_of(said, formula, content_hashes(piece.parts, files_of(piece))):
        return False
    return verify(signature, signed_bytes(statement), public_key)
