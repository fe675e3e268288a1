"""The life of effects, as the Publisher sees it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chimera.publishing.types import Effect, Receipt
from chimera.tasks.types.messages import Lease


class Effects(Protocol):
    """The life of effects in PostgreSQL (PUB-2)."""

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        """Check the grants and mark the effects as executing, durably; an interrupted one comes back as unknown."""
        ...

    async def clear(self, effect: Effect) -> None:
        """The last look before the platform is asked: Halted when an operator has stopped it meanwhile, Superseded
        when somebody else has the effect."""
        ...

    async def finish(self, effect: Effect, receipt: Receipt) -> None:
        """Record the receipt: publication, settlement; the tasks that waited for it are queued."""
        ...

    async def mark_unknown(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """Nobody knows whether it happened: to be reconciled by reading the platform."""
        ...

    async def ask(self, effect: Effect, question: str, due_at: datetime | None) -> None:
        """Put the doubt to a human. With a time it is read back then all the same; without one it waits."""
        ...

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """It certainly did not happen: it may be tried again."""
        ...

    async def fail(self, effect: Effect, cause: str) -> None:
        """It did not happen and will not: releases its money, tells the Planner."""
        ...

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Doubt what the process began longer ago than that and does not hold: it has lost track of it."""
        ...
