"""Signed statements on the wire: canonical JSON and detached signatures that any side can check."""

import base64
import hashlib
import json
from collections.abc import Mapping

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import JsonValue


def signed_bytes(said: Mapping[str, JsonValue]) -> bytes:
    """The exact bytes that a signature covers: RFC 8785."""
    return rfc8785.dumps(dict(said))


def plain_bytes(said: Mapping[str, JsonValue]) -> bytes:
    """The same bytes ten times as fast, for objects whose keys are ASCII and whose numbers are integers.

    RFC 8785 has rules of its own for floats and for the order of other keys, which the standard library has not.
    """
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def canonical_hash(value: Mapping[str, JsonValue]) -> str:
    """SHA-256 over the RFC 8785 form of a JSON object."""
    return hashlib.sha256(signed_bytes(value)).hexdigest()


def verify(signature: str, payload: bytes, public_key: str) -> bool:
    """Whether a detached Ed25519 JWS (RFC 7515 appendix F, RFC 7797) is good for this payload.

    `public_key` is base64url without padding (RFC 8037 `x`).
    """
    protected, _, mark = signature.partition("..")
    if not mark:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(public_key))
        key.verify(_decode(mark), protected.encode() + b"." + payload)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
