"""What the log's sealer needs."""

from typing import Protocol

from chimera.audit.types import Sealed


class Seal(Protocol):
    """The transparency log grows (PRV-4)."""

    async def seal(self) -> Sealed:
        """Take in what is not in the log yet, and sign where it stands."""
        ...
