"""The way from a commit to the queues."""

from collections.abc import Mapping, Sequence

import structlog

from chimera.database.outbox import QueueItem
from chimera.errors import Unavailable
from chimera.tasks.ports import Queue
from chimera.values import Stage

log = structlog.get_logger()


class QueueOutbox:
    """Appends to the queues what has been committed; without Redis it waits in PostgreSQL for the sweeper."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def deliver(self, due: Mapping[Stage, Sequence[QueueItem]]) -> None:
        """Queue it, or say that it was left to the sweeper."""
        try:
            for stage, items in due.items():
                await self._queue.put(stage, items)
        except Unavailable as error:
            await log.awarning("left to the sweeper", cause=error.detail)
