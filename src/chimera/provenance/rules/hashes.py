"""What is hashed and signed about a piece (PRV-1)."""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from chimera.provenance.ports import Made, Versioned
from chimera_protocol.statements import signed_bytes, verify


def content_hash(parts: Sequence[str]) -> str:
    """SHA-256 over the UTF-8 text; over the digests of the texts when there are several, so that no two splits
    of a text hash alike."""
    digests = [hashlib.sha256(part.encode()) for part in parts]
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()


def said_and_shown(parts: Sequence[str], media: Sequence[str]) -> list[str]:
    """What a piece's content hash is over: its texts, and its files by the hashes of their content."""
    return [*parts, *(f"sha256:{digest}" for digest in media)]


def statement(asset_id: str, parts: Sequence[str], task: Versioned, metadata: Made) -> dict[str, JsonValue]:
    """What Chimera says about a piece and signs: which content, made by what, under which persona."""
    return {
        "asset_id": asset_id,
        "content_hash": content_hash(parts),
        "soul_hash": task.soul_hash,
        "model": metadata.model_used,
        "seeds": list(metadata.seeds),
        "prompt_hash": metadata.prompt.sha256 if metadata.prompt else None,
        "source_type": "trainedAlgorithmicMedia" if metadata.model_used != "composer" else "algorithmicMedia",
    }


def statement_holds(statement: Mapping[str, JsonValue], parts: Sequence[str], signature: str, public_key: str) -> bool:
    """Whether a piece is what its signed statement says, under this key (PRV-1)."""
    if statement.get("content_hash") != content_hash(parts):
        return False
    return verify(signature, signed_bytes(statement), public_key)
