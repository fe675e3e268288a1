"""What every queue behind `ports.Queue` does, whatever it is made of (ORC-10, DAT-3)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from chimera.database.outbox import QueueItem
from chimera.ids import new_id
from chimera.redis.connection import connect
from chimera.redis.queue import StreamQueue
from chimera.tasks.ports import Queue
from chimera.tasks.types.messages import Lease
from chimera.values import Priority, Stage

LEASE_MS = 400
MAKERS: dict[str, Callable[[Redis], Queue]] = {
    "streams": lambda client: StreamQueue(client, lease_ms=LEASE_MS, bound=40),
    "streams that hold two at a time": lambda client: StreamQueue(client, lease_ms=LEASE_MS, bound=40, window=2),
}


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(params=list(MAKERS))
def queue(client: Redis, request: pytest.FixtureRequest) -> Queue:
    return MAKERS[request.param](client)


def ticket(priority: Priority = Priority.MEDIUM, tenant: UUID | None = None, agent: UUID | None = None) -> QueueItem:
    return QueueItem(id=new_id(), tenant_id=tenant or new_id(), agent_id=agent or new_id(), priority=priority)


async def taken(queue: Queue, count: int, consumer: str = "me", stage: Stage = Stage.WORK) -> list[Lease]:
    """So many leases, however many calls it takes; fewer only when there are no more."""
    found: list[Lease] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            more = await queue.take(stage, consumer, count - len(found), wait_ms=20)
            if not more:
                break
            found += more
    return found


async def test_what_is_put_in_is_taken_out_once(queue: Queue) -> None:
    tickets = [ticket() for _ in range(10)]
    assert await queue.put(Stage.WORK, tickets) == 10
    first, second = await taken(queue, 5, "one"), await taken(queue, 10, "two")
    assert {lease.id for lease in [*first, *second]} == {each.id for each in tickets}
    assert len(first) + len(second) == 10
    assert not any(lease.redelivered for lease in [*first, *second])


async def test_a_ticket_that_is_queued_already_is_not_queued_again(queue: Queue) -> None:
    one = ticket()
    assert await queue.put(Stage.WORK, [one]) == 1
    assert await queue.put(Stage.WORK, [one, one]) == 0
    leases = await taken(queue, 5)
    assert await queue.put(Stage.WORK, [one]) == 0
    await queue.done(Stage.WORK, leases)
    assert await queue.put(Stage.WORK, [one]) == 1


async def test_the_stages_are_queues_of_their_own(queue: Queue) -> None:
    one = ticket()
    for stage in Stage:
        assert await queue.put(stage, [one]) == 1
    for stage in Stage:
        assert [lease.id for lease in await taken(queue, 5, stage=stage)] == [one.id]


async def test_no_more_is_held_than_the_bound_and_the_rest_is_refused_softly(queue: Queue) -> None:
    assert await queue.put(Stage.WORK, [ticket() for _ in range(50)]) == 40
    assert await queue.depth(Stage.WORK) == 40


async def test_depth_counts_what_waits_and_what_is_in_hand(queue: Queue) -> None:
    await queue.put(Stage.WORK, [ticket() for _ in range(3)])
    leases = await taken(queue, 2)
    assert await queue.depth(Stage.WORK) == 3
    await queue.done(Stage.WORK, leases)
    assert await queue.depth(Stage.WORK) == 1


async def test_nothing_put_in_is_nothing_taken_out(queue: Queue) -> None:
    assert await queue.put(Stage.WORK, []) == 0
    assert await queue.take(Stage.WORK, "me", 5, wait_ms=0) == []
    await queue.done(Stage.WORK, [])
    await queue.renew(Stage.WORK, "me", [])


async def test_a_waiting_taker_gets_what_is_put_in_meanwhile(queue: Queue) -> None:
    await queue.take(Stage.WORK, "me", 1, wait_ms=10)
    waiting = asyncio.create_task(queue.take(Stage.WORK, "me", 1, wait_ms=5_000))
    await asyncio.sleep(0)
    one = ticket()
    await queue.put(Stage.WORK, [one])
    assert [lease.id for lease in await asyncio.wait_for(waiting, 3)] == [one.id]


async def test_urgent_tickets_come_first(queue: Queue) -> None:
    late, soon = [ticket(Priority.LOW) for _ in range(3)], [ticket(Priority.HIGH) for _ in range(2)]
    await queue.put(Stage.WORK, [*late, *soon])
    first = await taken(queue, 2)
    assert {lease.id for lease in first} == {each.id for each in soon}


async def test_low_priority_does_not_starve(queue: Queue) -> None:
    low = ticket(Priority.LOW)
    await queue.put(Stage.WORK, [low, *(ticket(Priority.HIGH) for _ in range(39))])
    order = [(await taken(queue, 1))[0].id for _ in range(30)]
    assert low.id in order


async def test_a_crowd_of_one_tenant_does_not_keep_another_waiting(queue: Queue) -> None:
    crowd, alone = new_id(), new_id()
    await queue.put(Stage.WORK, [ticket(tenant=crowd) for _ in range(30)])
    await queue.put(Stage.WORK, [other := ticket(tenant=alone)])
    await queue.put(Stage.WORK, [ticket(tenant=crowd) for _ in range(5)])
    order = [lease.id for lease in await taken(queue, 36)]
    assert len(order) == 36
    assert other.id in order


async def test_a_lease_that_runs_out_is_given_to_another_and_says_so(queue: Queue) -> None:
    await queue.put(Stage.WORK, [one := ticket()])
    await taken(queue, 1, "dead")
    again: list[Lease] = []
    async with asyncio.timeout(5):
        while not again:
            again = await queue.take(Stage.WORK, "alive", 1, wait_ms=50)
    assert [(lease.id, lease.redelivered) for lease in again] == [(one.id, True)]


async def test_a_renewed_lease_does_not_run_out(queue: Queue) -> None:
    await queue.put(Stage.WORK, [ticket()])
    leases = await taken(queue, 1, "busy")
    loop = asyncio.get_running_loop()
    end = loop.time() + 3 * LEASE_MS / 1_000
    while loop.time() < end:
        await queue.renew(Stage.WORK, "busy", leases)
        assert await queue.take(Stage.WORK, "idle", 1, wait_ms=50) == []


async def test_a_lease_that_was_lost_cannot_be_renewed_back(queue: Queue) -> None:
    await queue.put(Stage.WORK, [ticket()])
    lost = await taken(queue, 1, "frozen")
    async with asyncio.timeout(5):
        while not await queue.take(Stage.WORK, "alive", 1, wait_ms=50):
            pass
    await queue.renew(Stage.WORK, "frozen", lost)
    assert await queue.take(Stage.WORK, "frozen", 1, wait_ms=0) == []


async def test_a_queue_that_lost_its_memory_can_be_filled_again(queue: Queue, client: Redis) -> None:
    tickets = [ticket() for _ in range(5)]
    await queue.put(Stage.WORK, tickets)
    leases = await taken(queue, 2)
    await client.flushdb()
    await queue.done(Stage.WORK, leases)
    await queue.renew(Stage.WORK, "me", leases)
    assert await queue.put(Stage.WORK, tickets) == 5
    assert len(await taken(queue, 5)) == 5
