"""The bench: claims, handles, hands on; retries, postpones and buries; renews leases; stops in good order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.roles.fakes import make_lease, until
from tests.roles.queues import FakePresence, FakeQueue, FakeSeal, FakeSweep

from chimera.database.outbox import QueueItem
from chimera.errors import Superseded, Unavailable
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.roles.consumer import Consumer, describe, retry_until_available, run_heartbeat, run_sealer, run_sweeper
from chimera.tasks.types.messages import Lease
from chimera.values import Role, Stage
from chimera_protocol.errors import Invalid

MARK = ProcessHeartbeat(process_id=new_id(), role=Role.WORKER, host="here", pid=1)


@dataclass
class FakeTrade:
    """A role that does what a test tells it to."""

    act: Callable[[UUID], Awaitable[None]]
    refused: set[UUID] = field(default_factory=set)
    claims: int = 0
    gave_up: list[tuple[UUID, Exception, datetime]] = field(default_factory=list)
    give_up_error: Exception | None = None
    claim_errors: list[Exception] = field(default_factory=list)
    recalled: list[tuple[UUID, list[UUID], float]] = field(default_factory=list)
    recall_error: Exception | None = None
    stage: Stage = Stage.WORK

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        self.recalled.append((process_id, list(held), seconds))
        if self.recall_error is not None:
            raise self.recall_error

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[UUID]:
        self.claims += 1
        if self.claim_errors:
            raise self.claim_errors.pop(0)
        return [lease.id for lease in leases if lease.id not in self.refused]

    def label(self, item: UUID) -> tuple[UUID, str]:
        return item, str(item)

    def tries(self, item: UUID) -> int:
        return 1

    async def handle(self, item: UUID) -> None:
        await self.act(item)

    async def on_failure(self, item: UUID, error: Exception, retry_at: datetime) -> None:
        self.gave_up.append((item, error, retry_at))
        if self.give_up_error is not None:
            raise self.give_up_error


def doing(error: Exception | None = None) -> FakeTrade:
    async def act(_: UUID) -> None:
        if error is not None:
            raise error

    return FakeTrade(act)


async def run(trade: FakeTrade, queue: FakeQueue, *, limit_seconds: float = 5.0) -> None:
    """Work until the queue is empty."""
    stopping = asyncio.Event()
    queue.on_idle = stopping.set
    bench = Consumer(trade, queue, new_id(), width=4, lease_seconds=1.0, limit_seconds=limit_seconds)
    async with asyncio.timeout(5):
        await bench.run(stopping)


async def test_an_item_is_dropped_from_its_queue_once_it_is_done_and_not_before() -> None:
    lease = make_lease()
    queue = FakeQueue([lease])
    before: list[UUID] = []

    async def act(item: UUID) -> None:
        before.extend([item, *queue.dropped])

    await run(FakeTrade(act), queue)
    assert before == [lease.id]
    assert queue.dropped == [lease.id]


async def test_an_item_that_nobody_may_claim_is_dropped_unhandled() -> None:
    lease, queue = make_lease(), FakeQueue()
    trade = doing(Invalid("never asked"))
    trade.refused = {lease.id}
    queue.leases = [lease]
    await run(trade, queue)
    assert (queue.dropped, trade.gave_up) == ([lease.id], [])


async def test_a_failure_is_given_to_its_handler_with_a_time_to_come_and_the_item_is_dropped() -> None:
    lease, error = make_lease(), Invalid("no")
    queue, trade = FakeQueue([lease]), doing(error)
    await run(trade, queue)
    ((item, given, retry_at),) = trade.gave_up
    assert (item, given) == (lease.id, error)
    assert retry_at > datetime.now(UTC)
    assert queue.dropped == [lease.id]


async def test_an_error_nobody_foresaw_is_a_failure_too_and_the_bench_goes_on() -> None:
    first, second = make_lease(), make_lease()
    queue, trade = FakeQueue([first, second]), doing(ZeroDivisionError("what"))
    await run(trade, queue)
    assert {item for item, _, _ in trade.gave_up} == {first.id, second.id}


async def test_work_that_takes_too_long_is_a_failure() -> None:
    lease = make_lease()

    async def hang(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    trade = FakeTrade(hang)
    await run(trade, FakeQueue([lease]), limit_seconds=0.05)
    assert [type(error) for _, error, _ in trade.gave_up] == [TimeoutError]
    assert describe(trade.gave_up[0][1]) == "it took too long"


async def test_what_is_superseded_is_no_failure_and_keeps_its_lease() -> None:
    queue, trade = FakeQueue([make_lease()]), doing(Superseded("another attempt has won"))
    await run(trade, queue)
    assert (trade.gave_up, queue.dropped) == ([], [])


async def test_what_is_out_of_reach_is_given_back_at_once() -> None:
    """Its lease may be gone with Redis: nobody else would ever notice that nobody works on it."""
    error = Unavailable("Redis is away")
    queue, trade = FakeQueue([make_lease()]), doing(error)
    await run(trade, queue)
    assert [given for _, given, _ in trade.gave_up] == [error]


async def test_without_postgresql_the_lease_is_left_to_run_out() -> None:
    queue, trade = FakeQueue([make_lease()]), doing(Unavailable("PostgreSQL is away"))
    trade.give_up_error = Unavailable("PostgreSQL is away")
    await run(trade, queue)
    assert queue.dropped == []


async def test_a_failure_that_cannot_be_written_down_keeps_its_lease() -> None:
    queue, trade = FakeQueue([make_lease()]), doing(Invalid("no"))
    trade.give_up_error = Unavailable("PostgreSQL is away")
    await run(trade, queue)
    assert queue.dropped == []


async def test_a_bench_waits_out_a_lost_redis_and_goes_on() -> None:
    lease, queue, trade = make_lease(), FakeQueue(error=Unavailable("Redis is away")), doing()
    stopping = asyncio.Event()
    queue.on_idle = stopping.set
    running = asyncio.create_task(Consumer(trade, queue, new_id(), lease_seconds=1.0).run(stopping))
    await asyncio.sleep(0)
    assert trade.claims == 0
    queue.error, queue.leases = None, [lease]
    await asyncio.wait_for(running, 5)
    assert queue.dropped == [lease.id]


async def test_a_bench_outlives_a_claim_that_fails_in_a_way_nobody_foresaw() -> None:
    """One row that cannot be read, or one deadlock, must not take the role down with it."""
    queue, trade = FakeQueue([make_lease(), make_lease()]), doing()
    trade.claim_errors = [ValueError("a row that cannot be read")]
    await run(trade, queue)
    assert trade.claims >= 1


async def test_leases_are_renewed_while_the_work_goes_on_and_not_afterwards() -> None:
    lease, renewed = make_lease(), asyncio.Event()

    class Watched(FakeQueue):
        async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
            await super().renew(stage, consumer, leases)
            if leases:
                renewed.set()

    async def act(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        await asyncio.wait_for(renewed.wait(), 5)
        return {}

    queue = Watched([lease])
    bench = Consumer(FakeTrade(act), queue, new_id(), lease_seconds=0.06)
    running = asyncio.create_task(bench.run(asyncio.Event()))
    await asyncio.wait_for(renewed.wait(), 5)
    await until(lambda: queue.dropped)
    count = len(queue.renewed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert set(queue.renewed) == {lease.id}
    assert len(queue.renewed) == count


async def test_what_is_held_is_compared_with_what_was_claimed_even_after_a_lost_database() -> None:
    lease, done, process_id = make_lease(), asyncio.Event(), new_id()

    async def act(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        await asyncio.wait_for(done.wait(), 5)
        return {}

    trade, queue = FakeTrade(act, recall_error=Unavailable("away")), FakeQueue([lease])
    running = asyncio.create_task(Consumer(trade, queue, process_id, lease_seconds=0.05).run(asyncio.Event()))
    await until(lambda: (process_id, [lease.id], 0.05) in trade.recalled and len(trade.recalled) > 1)
    done.set()
    await until(lambda: trade.recalled[-1] == (process_id, [], 0.05))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    count = len(trade.recalled)
    await asyncio.sleep(0)
    assert len(trade.recalled) == count


async def test_no_more_is_taken_than_the_bench_is_wide() -> None:
    gate, most, now = asyncio.Event(), 0, 0

    async def act(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        nonlocal most, now
        now += 1
        most = max(most, now)
        if now == 4:
            gate.set()
        await asyncio.wait_for(gate.wait(), 5)
        now -= 1
        return {}

    trade = FakeTrade(act)
    await run(trade, FakeQueue([make_lease() for _ in range(12)]))
    assert most == 4


async def test_stopping_lets_what_is_in_hand_be_finished() -> None:
    stopping, queue, begun = asyncio.Event(), FakeQueue([make_lease()]), asyncio.Event()
    finished = False

    async def act(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        nonlocal finished
        begun.set()
        await stopping.wait()
        await asyncio.sleep(0)
        finished = True
        return {}

    bench = Consumer(FakeTrade(act), queue, new_id(), lease_seconds=2.0)
    running = asyncio.create_task(bench.run(stopping))
    await asyncio.wait_for(begun.wait(), 5)
    stopping.set()
    await asyncio.wait_for(running, 5)
    assert finished


async def test_stopping_waits_for_endless_work_no_longer_than_a_lease() -> None:
    stopping, begun, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def act(_: UUID) -> Mapping[Stage, Sequence[QueueItem]]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return {}

    queue = FakeQueue([make_lease()])
    running = asyncio.create_task(Consumer(FakeTrade(act), queue, new_id(), lease_seconds=0.2).run(stopping))
    await asyncio.wait_for(begun.wait(), 5)
    stopping.set()
    await asyncio.wait_for(running, 2)
    await asyncio.wait_for(cancelled.wait(), 2)
    assert queue.dropped == []


async def test_signs_of_life_survive_a_lost_database_and_end_with_a_good_bye() -> None:
    presence, stopping = FakePresence(errors=[Unavailable("away")]), asyncio.Event()
    running = asyncio.create_task(run_heartbeat(presence, MARK, 0.01, stopping))
    await until(lambda: presence.signs.count("mark") >= 3)
    stopping.set()
    await asyncio.wait_for(running, 5)
    assert presence.signs[-1] == "leave"


async def test_it_is_swept_again_and_again_until_the_end() -> None:
    sweep = FakeSweep()
    await swept(sweep, 3)
    assert sweep.sweeps >= 3


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("deadlock detected")])
async def test_a_sweep_that_fails_once_is_made_again(error: Exception) -> None:
    """Nothing is forgotten as long as somebody sweeps: no single error may end it for the life of a process."""
    sweep = FakeSweep(errors=[error])
    await swept(sweep, 2)
    assert (sweep.errors, sweep.sweeps >= 2) == ([], True)


async def swept(sweep: FakeSweep, times: int) -> None:
    """Let a sweeper run until it has swept as often as that."""
    stopping = asyncio.Event()
    running = asyncio.create_task(run_sweeper(sweep, 0.01, stopping))
    await until(lambda: sweep.sweeps >= times or running.done())
    stopping.set()
    await running


async def test_the_log_is_sealed_on_whatever_goes_wrong_and_a_broken_one_is_said_aloud() -> None:
    tenant, stopping = new_id(), asyncio.Event()
    seal = FakeSeal(broken={tenant: "leaf 7 is not what was signed"}, errors=[Unavailable("away"), ValueError("odd")])
    with capture_logs() as logs:
        running = asyncio.create_task(run_sealer(seal, 0.01, stopping))
        await until(lambda: seal.seals >= 3 or running.done())
        stopping.set()
        await running
    told = [(entry["event"], entry.get("tenant")) for entry in logs]
    assert told[:3] == [("not sealed", None), ("not sealed", None), ("the log does not hold", str(tenant))]


@pytest.mark.parametrize(
    ("error", "said"),
    [(Invalid("no such thing"), "no such thing"), (ValueError("x" * 900), "ValueError: " + "x" * 488)],
)
def test_a_cause_is_worded_for_people_and_bounded(error: Exception, said: str) -> None:
    assert describe(error) == said


class Flaky:
    """Away for the first calls."""

    def __init__(self, times: int) -> None:
        self.times, self.calls, self.asked = times, 0, asyncio.Event()

    async def act(self) -> None:
        self.calls += 1
        self.asked.set()
        if self.calls <= self.times:
            raise Unavailable("PostgreSQL cannot be reached")


async def test_what_is_away_is_waited_for() -> None:
    away = Flaky(2)
    await asyncio.wait_for(retry_until_available(away.act, asyncio.Event()), 20)
    assert away.calls == 3


async def test_nobody_waits_for_it_who_is_to_stop() -> None:
    away, stopping = Flaky(1_000), asyncio.Event()
    waiting = asyncio.create_task(retry_until_available(away.act, stopping))
    await asyncio.wait_for(away.asked.wait(), 5)
    stopping.set()
    await asyncio.wait_for(waiting, 5)
    assert away.calls == 1


async def test_another_error_than_being_away_is_not_waited_out() -> None:
    async def broken() -> None:
        raise Invalid("no such database")

    with pytest.raises(Invalid):
        await retry_until_available(broken, asyncio.Event())
