"""Time-ordered ids (UUIDv7, RFC 9562), so that indexes grow at their end."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid_utils.compat.uuid7()
