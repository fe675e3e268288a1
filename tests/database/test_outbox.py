"""What a transaction enqueues is queued after its commit, and only then (DAT-3)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chimera.database.outbox import QueueItem
from chimera.errors import Unavailable
from chimera.ids import new_id
from chimera.redis.outbox import QueueOutbox
from chimera.values import Priority, Stage


def item() -> QueueItem:
    return QueueItem(id=new_id(), tenant_id=new_id(), agent_id=new_id(), priority=Priority.MEDIUM)


class Queue:
    """A queue that keeps what it is given, or is away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.puts: list[tuple[Stage, list[QueueItem]]] = []

    async def put(self, stage: Stage, items: Sequence[QueueItem]) -> int:
        if self.error is not None:
            raise self.error
        self.puts.append((stage, list(items)))
        return len(items)


class Watching:
    """An outbox that looks at the database at the moment it is given something."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._one_by_one = asyncio.Lock()
        self.seen: list[tuple[int, Mapping[Stage, Sequence[QueueItem]]]] = []

    async def deliver(self, due: Mapping[Stage, Sequence[QueueItem]]) -> None:
        async with self._one_by_one:
            self.seen.append((await self._raw.fetchval("SELECT count(*) FROM tenant WHERE name = 'late'"), due))


ADD = "INSERT INTO tenant (tenant_id, name) VALUES ($1, 'late')"


@pytest.fixture
def outbox(system: Any, raw: Any) -> Watching:
    system.swarm._outbox = watching = Watching(raw)
    return watching


async def test_what_a_transaction_enqueues_is_queued_when_all_can_see_what_it_wrote(system: Any, outbox: Any) -> None:
    first, second, third = item(), item(), item()
    async with system.swarm.transaction() as connection:
        connection.enqueue(Stage.WORK, [first])
        await connection.execute(ADD, new_id())
        connection.enqueue(Stage.JUDGE, [second])
        connection.enqueue(Stage.WORK, [third])
        connection.enqueue(Stage.PLAN, [])
        assert outbox.seen == []
    assert outbox.seen == [(1, {Stage.WORK: [first, third], Stage.JUDGE: [second]})]


async def test_what_is_rolled_back_is_not_queued(system: Any, outbox: Any, raw: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with system.swarm.transaction() as connection:
            connection.enqueue(Stage.WORK, [item()])
            await connection.execute(ADD, new_id())
            raise ZeroDivisionError
    assert outbox.seen == []
    assert await raw.fetchval("SELECT count(*) FROM tenant WHERE name = 'late'") == 0


async def test_what_follows_from_a_single_statement_is_queued_too(system: Any, outbox: Any) -> None:
    one = item()
    async with system.swarm.connection() as connection:
        await connection.execute(ADD, new_id())
        connection.enqueue(Stage.PUBLISH, [one])
    async with system.swarm.connection() as connection:
        await connection.fetchval("SELECT 1")
    assert outbox.seen == [(1, {Stage.PUBLISH: [one]})]


async def test_many_transactions_at_once_queue_each_its_own(system: Any, outbox: Any) -> None:
    items = [item() for _ in range(40)]

    async def write(one: QueueItem) -> None:
        async with system.swarm.transaction() as connection:
            await connection.fetchval("SELECT pg_backend_pid()")
            connection.enqueue(Stage.WORK, [one])

    await asyncio.gather(*map(write, items))
    queued = [due[Stage.WORK] for _, due in outbox.seen]
    assert sorted(len(due) for due in queued) == [1] * 40
    assert {due[0].id for due in queued} == {one.id for one in items}


async def test_the_outbox_puts_every_stage_into_its_queue() -> None:
    queue, one, other = Queue(), item(), item()
    await QueueOutbox(queue).deliver({Stage.WORK: [one], Stage.PLAN: [other]})  # type: ignore[arg-type]
    assert queue.puts == [(Stage.WORK, [one]), (Stage.PLAN, [other])]


async def test_what_cannot_be_queued_is_left_to_the_sweeper_and_the_caller_hears_nothing_of_it() -> None:
    queue = Queue(Unavailable("Redis is away"))
    await QueueOutbox(queue).deliver({Stage.WORK: [item()]})  # type: ignore[arg-type]
    assert queue.puts == []


async def test_a_commit_stands_though_redis_is_away(house: Any) -> None:
    """What was committed is due in PostgreSQL: the next sweep brings it to its queue."""
    made = await house.running()
    house.system.swarm._outbox = QueueOutbox(Queue(Unavailable("Redis is away")))  # type: ignore[arg-type]
    await house.submit(await house.claim(made["a"]))
    assert (await house.status(made["a"]), house.queued) == ("in_review", {})
    house.system.swarm._outbox = house.outbox
    assert (await house.swept())[Stage.JUDGE] == {made["a"]}
