"""Signed checkpoints of a log, in a form that other people's software reads (C2SP tlog-checkpoint, signed-note).

A checkpoint says how many leaves the log had, and their root. Two lines more than the format asks for say when it was
made, and which checkpoint it follows on.
"""

import base64
import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera_protocol.wire import Sha256, Wire


class NoteSigner(Protocol):
    """Signs checkpoints with Ed25519, over the bytes as they are."""

    @property
    def public_key(self) -> str:
        """The public key, base64url without padding (RFC 8037 `x`)."""
        ...

    def sign_raw(self, payload: bytes) -> bytes:
        """A bare Ed25519 signature (RFC 8032)."""
        ...


FIRST = "0" * 64
"""What the first checkpoint of a log names as the one before it."""


_ED25519 = b"\x01"


_SIGNED = "\n\n— "


_BODY = re.compile(
    r"(?P<origin>[^\s+]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"time (?P<time>[0-9T:.-]{26}Z)\nprevious (?P<previous>[0-9a-f]{64})\n"
)


def _hint(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:4]


def raw_key(key: str) -> bytes:
    """A public key's 32 bytes, from base64url (RFC 8037 `x`) or a verifier key `name+hint+base64` of signed-note."""
    parts = key.split("+", 2)
    if len(parts) == 3:
        raw = base64.b64decode(parts[2], validate=True).removeprefix(_ED25519)
    else:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
    if len(raw) != 32:
        raise ValueError("an Ed25519 key has 32 bytes")
    return raw


class Checkpoint(Wire):
    """A state of the log."""

    origin: str
    size: int
    root: Sha256
    time: datetime
    previous: Sha256

    @property
    def text(self) -> str:
        """The text that is signed."""
        root = base64.b64encode(bytes.fromhex(self.root)).decode()
        time = f"{self.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        return f"{self.origin}\n{self.size}\n{root}\ntime {time}\nprevious {self.previous}\n"

    @property
    def hash(self) -> str:
        """What the next checkpoint names as the one before it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def signed(self, signer: NoteSigner) -> str:
        """The note: the text, an empty line, and the signature."""
        mark = _hint(self.origin, raw_key(signer.public_key)) + signer.sign_raw(self.text.encode())
        return f"{self.text}\n— {self.origin} {base64.b64encode(mark).decode()}\n"


def read(note: str) -> Checkpoint:
    """What a note says, whoever signed it; ValueError when it is none of ours."""
    match = _BODY.fullmatch(_text(note))
    if match is None:
        raise ValueError("it is not written as a checkpoint")
    return Checkpoint(
        origin=match["origin"],
        size=int(match["size"]),
        root=base64.b64decode(match["root"], validate=True).hex(),
        time=datetime.fromisoformat(match["time"]),
        previous=match["previous"],
    )


def signed_by(note: str, keys: Collection[str]) -> str | None:
    """Which of these public keys has signed a note, if one has. Signatures of others are passed over."""
    text = _text(note)
    for line in note[len(text) + 1 :].splitlines():
        dash, _, rest = line.partition(" ")
        name, _, mark = rest.rpartition(" ")
        if dash != "—":
            continue
        for key in keys:
            if _fits(text, name, mark, raw_key(key)):
                return key
    return None


def verifier_key(origin: str, public_key: str) -> str:
    """The key as other software of the format takes it: `name+hint+base64`."""
    raw = raw_key(public_key)
    return f"{origin}+{_hint(origin, raw).hex()}+{base64.b64encode(_ED25519 + raw).decode()}"


def _text(note: str) -> str:
    """What of a note is signed; empty when there is no signature."""
    end = note.find(_SIGNED)
    return note[: end + 1] if end >= 0 else ""


def _fits(text: str, name: str, mark: str, key: bytes) -> bool:
    try:
        given = base64.b64decode(mark, validate=True)
        if given[:4] != _hint(name, key):
            return False
        Ed25519PublicKey.from_public_bytes(key).verify(given[4:], text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
