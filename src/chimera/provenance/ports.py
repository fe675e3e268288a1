"""The keys that prove pieces, and what a statement about a piece is made of."""

from collections.abc import Sequence
from typing import Protocol


class Signer(Protocol):
    """Custody of the signing key (PRV-1)."""

    def sign(self, payload: bytes) -> str:
        """A detached JWS (RFC 7515, appendix F) over the payload."""
        ...


class PublicKey(Protocol):
    """What signatures are checked with."""

    @property
    def public_key(self) -> str:
        """Ed25519, base64url: `x` of RFC 8037."""
        ...


class Versioned(Protocol):
    """A task, as far as a statement tells of it."""

    @property
    def soul_hash(self) -> str:
        """The version of the persona that speaks."""
        ...


class Prompt(Protocol):
    """The prompt that a piece was written with."""

    @property
    def sha256(self) -> str:
        """Which one, exactly."""
        ...


class Made(Protocol):
    """How a piece was made, as far as a statement tells of it."""

    @property
    def model_used(self) -> str:
        """By which model."""
        ...

    @property
    def seeds(self) -> Sequence[str]:
        """From which seeds."""
        ...

    @property
    def prompt(self) -> Prompt | None:
        """With which prompt, if with one of ours."""
        ...
