"""Queues on Redis: fair turns, priorities, leases, and nothing left behind (DAT-3, ORC-10)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from redis.asyncio import Redis

from chimera.database.outbox import QueueItem
from chimera.ids import new_id
from chimera.redis.connection import connect
from chimera.redis.queue import StreamQueue, prefix, streams
from chimera.tasks.types.messages import Lease
from chimera.values import Priority, Stage
from chimera_devnet.process import until

LEASE_MS = 60_000


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def queue(client: Redis) -> StreamQueue:
    return StreamQueue(client, lease_ms=LEASE_MS, window=8)


def tickets(
    count: int, tenant: UUID | None = None, agent: UUID | None = None, priority: Priority = Priority.MEDIUM
) -> list[QueueItem]:
    tenant, agent = tenant or new_id(), agent or new_id()
    return [QueueItem(id=new_id(), tenant_id=tenant, agent_id=agent, priority=priority) for _ in range(count)]


async def drain(queue: StreamQueue, count: int = 1, consumer: str = "me") -> list[UUID]:
    """Everything that waits, in the order in which it is handed out."""
    found: list[UUID] = []
    while leases := await queue.take(Stage.WORK, consumer, count, 0):
        assert len(leases) <= count
        found += [lease.id for lease in leases]
        await queue.done(Stage.WORK, leases)
    return found


async def expire(client: Redis, *leases: Lease) -> None:
    """Let leases run out: they were last renewed long ago."""
    for lease in leases:
        (pending,) = await client.xpending_range(lease.stream, "swarm", lease.entry, lease.entry, 1)
        holder = pending["consumer"]
        await client.xclaim(lease.stream, "swarm", holder, 0, [lease.entry], idle=2 * LEASE_MS, justid=True)


async def take(queue: StreamQueue, consumer: str, count: int = 1) -> list[Lease]:
    return await queue.take(Stage.WORK, consumer, count, 0)


def another(client: Redis, **changes: int) -> StreamQueue:
    """The queue as another process sees it."""
    return StreamQueue(client, **{"lease_ms": LEASE_MS, "window": 8, **changes})


async def test_tickets_of_one_influencer_keep_their_order(queue: StreamQueue) -> None:
    sent = tickets(50)
    assert await queue.put(Stage.WORK, sent) == 50
    assert await drain(queue, 7) == [ticket.id for ticket in sent]


async def test_a_large_tenant_does_not_starve_a_small_one(queue: StreamQueue) -> None:
    large, small = tickets(1_000), tickets(1)
    await queue.put(Stage.WORK, large)
    await queue.put(Stage.WORK, small)
    order = await drain(queue, 4)
    assert len(order) == 1_001
    assert order.index(small[0].id) <= 8 + 1


async def test_tenants_take_turns_whatever_the_number_of_their_influencers(queue: StreamQueue) -> None:
    one, other = new_id(), new_id()
    many = [tickets(10, tenant=one)[0] for _ in range(20)]
    few = tickets(20, tenant=other)
    await queue.put(Stage.WORK, [*many, *few])
    order = await drain(queue)
    late = order[8:30]
    mine = sum(ticket in {known.id for known in few} for ticket in late)
    assert abs(mine - (len(late) - mine)) <= 2


async def test_influencers_of_one_tenant_take_turns(queue: StreamQueue) -> None:
    tenant = new_id()
    busy, quiet = tickets(100, tenant=tenant), tickets(3, tenant=tenant)
    await queue.put(Stage.WORK, busy)
    await queue.put(Stage.WORK, quiet)
    order = await drain(queue)
    assert order.index(quiet[-1].id) <= 8 + 2 * 3


async def test_urgent_tickets_come_first(queue: StreamQueue) -> None:
    low, high = tickets(3, priority=Priority.LOW), tickets(3, priority=Priority.HIGH)
    await queue.put(Stage.WORK, [*low, *high])
    first = await take(queue, "me", 3)
    assert {lease.id for lease in first} == {ticket.id for ticket in high}


@pytest.mark.parametrize("priority", [Priority.MEDIUM, Priority.LOW])
async def test_unhurried_tickets_do_not_starve_under_urgent_traffic(queue: StreamQueue, priority: Priority) -> None:
    (patient,) = tickets(1, priority=priority)
    await queue.put(Stage.WORK, [*tickets(200, priority=Priority.HIGH), patient])
    order = await drain(queue)
    assert order.index(patient.id) <= 8


async def test_an_id_is_queued_once_however_often_it_is_put(queue: StreamQueue) -> None:
    (ticket,) = tickets(1)
    assert [await queue.put(Stage.WORK, [ticket, ticket]), await queue.put(Stage.WORK, [ticket])] == [1, 0]
    (lease,) = await take(queue, "me", 5)
    assert await queue.put(Stage.WORK, [ticket]) == 0
    await queue.done(Stage.WORK, [lease])
    assert await queue.put(Stage.WORK, [ticket]) == 1


async def test_stages_do_not_mix(queue: StreamQueue) -> None:
    (ticket,) = tickets(1)
    await queue.put(Stage.JUDGE, [ticket])
    assert await take(queue, "me") == []
    assert [lease.id for lease in await queue.take(Stage.JUDGE, "me", 1, 0)] == [ticket.id]


async def test_an_expired_lease_goes_to_another_consumer_marked_as_redelivered(
    queue: StreamQueue, client: Redis
) -> None:
    await queue.put(Stage.WORK, tickets(1))
    (lease,) = await take(queue, "first")
    assert not lease.redelivered
    assert await take(another(client), "second") == []
    await expire(client, lease)
    (again,) = await take(another(client), "second")
    assert (again.id, again.entry, again.redelivered) == (lease.id, lease.entry, True)


async def test_a_renewed_lease_is_kept(queue: StreamQueue, client: Redis) -> None:
    await queue.put(Stage.WORK, tickets(1))
    (lease,) = await take(queue, "first")
    await expire(client, lease)
    await queue.renew(Stage.WORK, "first", [lease])
    assert await take(another(client), "second") == []


async def test_a_frozen_consumer_cannot_take_back_what_another_has_been_given(
    queue: StreamQueue, client: Redis
) -> None:
    await queue.put(Stage.WORK, tickets(1))
    (lease,) = await take(queue, "frozen")
    await expire(client, lease)
    await take(another(client), "second")
    await queue.renew(Stage.WORK, "frozen", [lease])
    (pending,) = await client.xpending_range(lease.stream, "swarm", "-", "+", 10)
    assert pending["consumer"] == "second"


async def test_an_expired_lease_behind_many_live_ones_is_found(queue: StreamQueue, client: Redis) -> None:
    await queue.put(Stage.WORK, tickets(40))
    leases = await take(queue, "first", 8) + await take(queue, "first", 8) + await take(queue, "first", 8)
    await expire(client, leases[-1])
    assert [lease.id for lease in await take(another(client), "second")] == [leases[-1].id]


async def test_no_more_is_handed_out_than_was_asked_for(queue: StreamQueue, client: Redis) -> None:
    for priority in Priority:
        await queue.put(Stage.WORK, tickets(2, priority=priority))
    leases = await take(queue, "first", 6)
    assert len(leases) == 6
    await expire(client, *leases)
    assert len(await take(another(client), "second", 2)) == 2


async def test_nothing_is_left_behind_once_all_is_done(queue: StreamQueue, client: Redis) -> None:
    for priority in Priority:
        await queue.put(Stage.WORK, [*tickets(30, priority=priority), *tickets(5, priority=priority)])
    await drain(queue, 5)
    kept = {key async for key in client.scan_iter("*")}
    assert kept <= {*streams(Stage.WORK), f"{prefix(Stage.WORK)}turn"}
    for stream in streams(Stage.WORK):
        assert await client.xlen(stream) == 0
        assert (await client.xpending(stream, "swarm"))["pending"] == 0
    assert await queue.depth(Stage.WORK) == 0


async def test_done_twice_changes_nothing(queue: StreamQueue) -> None:
    await queue.put(Stage.WORK, tickets(2))
    (lease,) = await take(queue, "me")
    await queue.done(Stage.WORK, [lease])
    await queue.done(Stage.WORK, [lease])
    assert await queue.depth(Stage.WORK) == 1


async def test_the_bound_holds_and_says_how_many_were_taken(client: Redis) -> None:
    queue = another(client, bound=10)
    assert [await queue.put(Stage.WORK, tickets(8)), await queue.put(Stage.WORK, tickets(8))] == [8, 2]
    assert (await queue.depth(Stage.WORK), queue.bound) == (10, 10)
    await queue.done(Stage.WORK, await take(queue, "me", 3))
    assert await queue.put(Stage.WORK, tickets(8)) == 3


async def test_the_queue_works_again_after_redis_was_emptied(queue: StreamQueue, client: Redis) -> None:
    sent = tickets(20)
    await queue.put(Stage.WORK, sent)
    held = await take(queue, "me", 3)
    await client.flushall()
    assert await take(queue, "me") == []
    await queue.renew(Stage.WORK, "me", held)
    await queue.done(Stage.WORK, held)
    assert await queue.put(Stage.WORK, sent) == 20
    assert await drain(queue, 6) == [ticket.id for ticket in sent]


async def test_a_waiting_consumer_wakes_up_on_a_put(queue: StreamQueue, client: Redis) -> None:
    async def waited() -> Sequence[Lease]:
        while not (found := await queue.take(Stage.WORK, "me", 1, 5_000)):
            pass
        return found

    waiting = asyncio.create_task(waited())

    async def blocked() -> bool:
        return any(one["cmd"] == "xreadgroup" for one in await client.client_list())

    assert await until(blocked, 5)
    sent = tickets(1)
    await another(client).put(Stage.WORK, sent)
    (lease,) = await asyncio.wait_for(waiting, 5)
    assert lease.id == sent[0].id


async def test_a_wait_ends_when_nothing_comes(queue: StreamQueue) -> None:
    async with asyncio.timeout(5):
        assert await queue.take(Stage.WORK, "me", 1, 50) == []
        assert await queue.take(Stage.WORK, "me", 1, 50) == []


async def test_two_consumers_never_get_the_same_ticket(queue: StreamQueue, client: Redis) -> None:
    sent = tickets(200)
    await queue.put(Stage.WORK, sent)
    found = await asyncio.gather(*(drain(another(client), 3, f"consumer {number}") for number in range(5)))
    assert sorted(id for part in found for id in part) == sorted(ticket.id for ticket in sent)
