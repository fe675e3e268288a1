"""Chimera's StreamQueue: under the real runtime, as a queue in batches, and one by one."""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import uvloop

from bench.programs.phases import Tally, measure, redis_url
from chimera.database.outbox import QueueItem
from chimera.ids import new_id
from chimera.redis.connection import connect
from chimera.redis.queue import StreamQueue
from chimera.roles.consumer import Consumer
from chimera.tasks.types.messages import Lease
from chimera.values import Priority, Stage

BATCH = 100
"""Items put at once: as many as a plan has tasks at most."""
AGENTS = [(new_id(), new_id()) for _ in range(20)]
"""Tenant and influencer of the items, so that the queue's fair turns have something to do."""


class Hop:
    """A handler without work: what is left is what the runtime and the queue cost."""

    stage = Stage.WORK

    def __init__(self) -> None:
        self._tally = Tally()

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[UUID]:
        return [lease.id for lease in leases]

    def label(self, item: UUID) -> tuple[UUID, str]:
        return item, item.hex

    async def handle(self, item: UUID) -> None:
        self._tally.done(item.int)

    async def on_failure(self, item: UUID, error: Exception, retry_at: datetime) -> None:
        raise error


async def work(queue: StreamQueue, mode: str) -> None:
    """Handle until the process is ended."""
    if mode == "runtime":
        await Consumer(Hop(), queue, new_id()).run(asyncio.Event())
    tally, count = Tally(), 256 if mode == "batches" else 1
    while True:
        leases = await queue.take(Stage.WORK, "only", count, wait_ms=500)
        await queue.done(Stage.WORK, leases)
        for lease in leases:
            tally.done(lease.id.int)


class Sender:
    """Puts items whose ids are the moment they were sent at."""

    def __init__(self, queue: StreamQueue, batch: int) -> None:
        self._queue = queue
        self._batch = batch
        self._last = 0

    async def crowd(self, count: int) -> None:
        while count > 0:
            await self._queue.put(Stage.WORK, [self._item() for _ in range(min(self._batch, count))])
            count -= self._batch

    async def one(self, count: int) -> None:
        await self._queue.put(Stage.WORK, [self._item()])

    def _item(self) -> QueueItem:
        self._last = max(self._last + 1, time.monotonic_ns())
        tenant_id, agent_id = AGENTS[self._last % len(AGENTS)]
        return QueueItem(id=UUID(int=self._last), tenant_id=tenant_id, agent_id=agent_id, priority=Priority.MEDIUM)


async def _main(part: str, mode: str) -> None:
    client = connect(redis_url())
    queue = StreamQueue(client)
    if part == "work":
        await work(queue, mode)
    sender = Sender(queue, 1 if mode == "single" else BATCH)
    await measure(sender.crowd, sender.one)
    await client.aclose()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2]))
