"""Whether a piece is what was signed about it (PRV-1)."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from chimera.provenance.rules.hashes import content_hash
from chimera_protocol.statements import signed_bytes, verify


def statement_holds(statement: Mapping[str, JsonValue], parts: Sequence[str], signature: str, public_key: str) -> bool:
    """Whether a piece is what its signed statement says, under this key (PRV-1)."""
    if statement.get("content_hash") != content_hash(parts):
        return False
    return verify(signature, signed_bytes(statement), public_key)
