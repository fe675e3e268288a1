"""Custody: the only place that holds a signing key (PRV-1)."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera_protocol.errors import Invalid

_HEADER = b'{"alg":"EdDSA","b64":false,"crit":["b64"]}'
_PROTECTED = base64.urlsafe_b64encode(_HEADER).rstrip(b"=")


class KeyFile:
    """Implements `ports.Signer` with an Ed25519 key in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._key = _load(path) if path.exists() else _make(path)

    @property
    def public_key(self) -> str:
        """The public key, base64url without padding (RFC 8037 `x`)."""
        raw = self._key.public_key().public_bytes_raw()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def sign(self, payload: bytes) -> str:
        """A detached JWS with unencoded payload (RFC 7515 appendix F, RFC 7797, RFC 8037)."""
        signature = base64.urlsafe_b64encode(self._key.sign(_PROTECTED + b"." + payload)).rstrip(b"=")
        return f"{_PROTECTED.decode()}..{signature.decode()}"

    def sign_raw(self, payload: bytes) -> bytes:
        """A bare Ed25519 signature, as the notes of a transparency log carry it."""
        return self._key.sign(payload)


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise Invalid(
            f"{path.name} does not hold a readable key: {str(error)[:200]}",
            remedy="Put the right file back, or move it away: a new key is made, which old signatures do not fit.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid(f"{path.name} does not hold an Ed25519 key", remedy="Move it away; a new key is made.")
    return key


def _make(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(pem)
    try:
        os.link(draft, path)  # two processes may start at once: the first key wins, whole
    except FileExistsError:
        key = _load(path)
    draft.unlink()
    return key
