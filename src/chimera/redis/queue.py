"""Queues on Redis Streams: priorities, fair turns, leases. PostgreSQL can rebuild all of it (DAT-3, ORC-10)."""

import time
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from chimera.database.group_commit import GroupCommit
from chimera.database.outbox import QueueItem
from chimera.errors import Unavailable
from chimera.redis.connection import Script, reaching
from chimera.tasks.types.messages import Lease
from chimera.values import Priority, Stage

GROUP = "swarm"
START = "0-0"
FLAGS = TypeAdapter(list[int])
ENTRIES = TypeAdapter(list[tuple[str, dict[str, str]]])
REPLY = TypeAdapter(list[tuple[str, list[tuple[str, dict[str, str]]]]])


class StreamQueue:
    """Implements `ports.Queue`. One stream for each stage and priority; the keys of a stage share a slot."""

    def __init__(self, client: Redis, *, lease_ms: int = 5_000, bound: int = 100_000, window: int = 256) -> None:
        self._client = client
        self._lease_ms = lease_ms
        self._bound = bound
        self._window = window
        self._reclaimed: dict[Stage, float] = {}
        # Many small writes at once share one round trip; a lone one does not wait for company.
        self._puts: dict[Stage, GroupCommit[Sequence[QueueItem], int]] = {
            stage: GroupCommit(partial(self._put_all, stage)) for stage in Stage
        }
        self._dones: dict[Stage, GroupCommit[Sequence[Lease], None]] = {
            stage: GroupCommit(partial(self._done_all, stage)) for stage in Stage
        }
        self._put = Script(client, "refill", "put")
        self._take = Script(client, "refill", "take")
        self._renew = Script(client, "renew")
        self._done = Script(client, "done")

    async def put(self, stage: Stage, items: Sequence[QueueItem]) -> int:
        """Append what is not queued yet; how many were taken."""
        return await self._puts[stage](items) if items else 0

    async def take(self, stage: Stage, consumer: str, count: int, wait_ms: int) -> list[Lease]:
        """Take up to `count` items: expired leases first, whether or not there is new traffic, then the urgent ones."""
        found = await self._expired(stage, consumer, count)
        if len(found) < count:
            flat = await self._take([prefix(stage)], [consumer, count - len(found), self._window])
            found += _leases(flat)
        if found or wait_ms <= 0:
            return found
        return await self._wait(stage, consumer, wait_ms)

    async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
        """Keep the leases of work that is still going on."""
        if leases:
            await self._renew([lease.stream for lease in leases], [consumer, *(lease.entry for lease in leases)])

    async def done(self, stage: Stage, leases: Sequence[Lease]) -> None:
        """Drop items that are dealt with."""
        if leases:
            await self._dones[stage](leases)

    async def depth(self, stage: Stage) -> int:
        """Items waiting or in hand."""
        async with reaching():
            return int(await self._client.scard(f"{prefix(stage)}members"))

    @property
    def bound(self) -> int:
        """Tickets that one stage holds at most."""
        return self._bound

    async def _put_all(self, stage: Stage, calls: Sequence[Sequence[QueueItem]]) -> Sequence[int]:
        args: list[str | int] = [self._bound, self._window]
        for item in (item for items in calls for item in items):
            args += [str(item.id), str(item.tenant_id), str(item.agent_id), item.priority.value]
        taken = iter(FLAGS.validate_python(await self._put([prefix(stage)], args)))
        return [sum(next(taken) for _ in items) for items in calls]

    async def _done_all(self, stage: Stage, calls: Sequence[Sequence[Lease]]) -> Sequence[None]:
        leases = [lease for held in calls for lease in held]
        args = [part for lease in leases for part in (lease.entry, str(lease.id))]
        await self._done([f"{prefix(stage)}members", *(lease.stream for lease in leases)], args)
        return [None for _ in calls]

    async def _expired(self, stage: Stage, consumer: str, count: int) -> list[Lease]:
        now = time.monotonic()
        if now - self._reclaimed.get(stage, 0) < self._lease_ms / 10_000:
            return []
        self._reclaimed[stage] = now
        found: list[Lease] = []
        for stream in streams(stage):
            found += await self._reclaim(stream, consumer, count - len(found))
        return found

    async def _reclaim(self, stream: str, consumer: str, count: int) -> list[Lease]:
        found: list[Lease] = []
        cursor = START
        while len(found) < count:  # one call looks at a few entries only: the expired ones may stand further back
            try:
                async with reaching():
                    reply = await self._client.xautoclaim(
                        stream, GROUP, consumer, self._lease_ms, cursor, count - len(found)
                    )
            except Unavailable as error:
                if isinstance(error.__cause__, ResponseError):  # no such stream yet
                    break
                raise
            entries = ENTRIES.validate_python(reply[1])
            found += [_lease(stream, *entry).model_copy(update={"redelivered": True}) for entry in entries]
            cursor = str(reply[0])
            if cursor == START:
                break
        return found

    async def _wait(self, stage: Stage, consumer: str, wait_ms: int) -> list[Lease]:
        fresh: dict[bytes | str | memoryview, int | bytes | str | memoryview] = dict.fromkeys(streams(stage), ">")
        try:
            async with reaching():
                reply = await self._client.xreadgroup(GROUP, consumer, fresh, count=1, block=wait_ms)
        except Unavailable as error:
            if not isinstance(error.__cause__, ResponseError):
                raise
            await self._make_groups(stage)
            return []
        return [_lease(stream, *entry) for stream, entries in REPLY.validate_python(reply or []) for entry in entries]

    async def _make_groups(self, stage: Stage) -> None:
        for stream in streams(stage):
            try:
                async with reaching():
                    await self._client.xgroup_create(stream, GROUP, "0", mkstream=True)
            except Unavailable as error:
                if "BUSYGROUP" not in str(error.__cause__):
                    raise


def prefix(stage: Stage) -> str:
    """The common start of a stage's keys; the hash tag keeps them on one cluster node."""
    return f"chimera:{{{stage.value}}}:"


def streams(stage: Stage) -> list[str]:
    """The stage's streams, urgent first."""
    return [f"{prefix(stage)}{priority.value}:stream" for priority in Priority]


def _lease(stream: str, entry: str, fields: dict[str, str]) -> Lease:
    return Lease(id=UUID(fields["id"]), stream=stream, entry=entry, redelivered=False)


def _leases(flat: object) -> list[Lease]:
    if not isinstance(flat, list):
        return []
    rows = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return [Lease(id=UUID(id), stream=stream, entry=entry, redelivered=False) for stream, entry, id in rows]
