"""What a commit leaves to be done: it is queued when the commit is durable, and not before (DAT-3)."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from chimera.values import Priority, Stage
from chimera_protocol.wire import Wire


class QueueItem(Wire):
    """A line of a queue: the id of a row that is due, and where it queues."""

    id: UUID
    tenant_id: UUID
    agent_id: UUID
    priority: Priority


class Outbox(Protocol):
    """Where a database hands on what its transactions have enqueued."""

    async def deliver(self, due: Mapping[Stage, Sequence[QueueItem]]) -> None:
        """Queue what has been committed. It never fails: what cannot be queued waits for the sweeper."""
        ...
