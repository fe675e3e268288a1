"""What the tests of credentials share."""

from credential_setup import authority, clock, media, signer, statement, stranger, unstamped

__all__ = ["authority", "clock", "media", "signer", "statement", "stranger", "unstamped"]
