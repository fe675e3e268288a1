"""The key that signs what is published."""

from typing import Protocol


class Signer(Protocol):
    """Custody of the signing key (PRV-1)."""

    def sign(self, payload: bytes) -> str:
        """A detached JWS (RFC 7515, appendix F) over the payload."""
        ...
