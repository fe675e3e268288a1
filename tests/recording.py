"""An outbox that can be looked into."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from chimera.database.outbox import Outbox, QueueItem
from chimera.values import Stage
from chimera.wiring import System


class RecordingOutbox:
    """Delivers to the real outbox, and keeps the ids of what it was given."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.queued: dict[Stage, list[UUID]] = {}

    async def deliver(self, due: Mapping[Stage, Sequence[QueueItem]]) -> None:
        for stage, items in due.items():
            self.queued.setdefault(stage, []).extend(item.id for item in items)
        await self._outbox.deliver(due)

    def take(self) -> dict[Stage, list[UUID]]:
        """What was queued since the last look."""
        taken, self.queued = self.queued, {}
        return taken


def recorded(system: System) -> RecordingOutbox:
    """The system's outbox, put in between the first time."""
    known = system.swarm._outbox
    if isinstance(known, RecordingOutbox):
        return known
    assert known is not None, "nothing takes what is enqueued to the queues"
    outbox = RecordingOutbox(known)
    system.swarm._outbox = system.tenants._outbox = outbox
    return outbox
