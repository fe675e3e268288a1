"""Nothing is forgotten: what is due is found in PostgreSQL, whatever Redis and its readers do (DAT-3)."""

import asyncio
from typing import Any

from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.tasks.service.sweeper import SWEEP_LOCK, Sweeper
from chimera.values import Decision, Role, Stage


async def test_work_that_redis_has_lost_is_found_in_every_stage(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c"))
    await house.submit(await house.claim(made["b"]))
    done = await house.commit(await house.piece(made["c"]), Decision.REJECT)
    revising = house.queued[Stage.PLAN]
    assert done.followed
    found = await house.swept()
    assert found[Stage.WORK] == {made["a"]}
    assert found[Stage.JUDGE] == {made["b"]}
    assert found[Stage.PLAN] == set(revising)


async def test_what_has_just_been_queued_is_left_to_the_queue(house: Any) -> None:
    await house.running()
    house.take_queued()
    assert await Sweeper(house.system.swarm, lease_seconds=5).sweep()
    assert house.queued == {}


async def test_work_of_a_living_process_is_left_to_it(house: Any) -> None:
    made = await house.running()
    await house.claim(made["a"])
    assert not any((await house.swept()).values())
    assert await house.status(made["a"]) == "in_progress"


async def test_work_of_a_dead_process_is_taken_back(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"))
    await house.piece(made["b"])
    late = await house.claim(made["a"])
    await house.lose_process()
    found = await house.swept()
    assert (found[Stage.WORK], found[Stage.JUDGE]) == ({made["a"]}, {made["b"]})
    assert await house.status(made["a"]) == "queued"
    assert await house.value("SELECT cause FROM task WHERE task_id = $1", made["a"]) == "its process was lost"
    assert (await house.claim(made["a"])).attempt == 2
    assert (await house.submit(late)).status is None


async def test_a_process_that_leaves_in_good_order_gives_its_work_back_at_once(house: Any) -> None:
    made = await house.running()
    await house.claim(made["a"])
    await house.system.fleet.leave(ProcessHeartbeat(process_id=house.process_id, role=Role.WORKER, host="here", pid=1))
    assert (await house.swept())[Stage.WORK] == {made["a"]}


async def test_work_of_a_process_that_never_gave_a_sign_of_life_is_taken_back(house: Any) -> None:
    made = await house.running()
    await house.claim(made["a"])
    await house.raw.execute("DELETE FROM process")
    assert (await house.swept())[Stage.WORK] == {made["a"]}


async def test_what_a_living_process_has_lost_track_of_is_given_back_and_what_it_holds_is_not(house: Any) -> None:
    """Its claim's answer was lost, or PostgreSQL was away when it was given back; and Redis forgot the lease."""
    made = await house.running(*(house.node(key) for key in "abcd"))
    late, _ = await house.claim(made["a"]), await house.claim(made["b"])
    for key in "cd":
        await house.piece(made[key])
    let_go = house.system.work.release_lost_claims
    for stage in Stage:
        await let_go(house.process_id, stage, [], 5)
        await let_go(new_id(), stage, [], 0)
        await let_go(house.process_id, stage, list(made.tasks.values()), 0)
    assert not any((await house.swept()).values())

    await let_go(house.process_id, Stage.WORK, [made["b"]], 5)

    assert (await house.swept())[Stage.WORK] == {made["a"]}
    await let_go(house.process_id, Stage.JUDGE, [made["c"]], 5)
    found = await house.swept()
    assert (found[Stage.WORK], found[Stage.JUDGE]) == ({made["a"]}, {made["d"]})
    assert await house.value("SELECT cause FROM task WHERE task_id = $1", made["d"]) == "its process lost track of it"
    assert (await house.claim(made["a"])).attempt == 2
    assert (await house.submit(late)).status is None


async def test_a_task_starts_once_all_it_waits_for_is_done(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b"), house.node("c", "a", "b"))
    for key, expected in (("a", "pending"), ("b", "queued")):
        done = await house.commit(await house.piece(made[key]), effect=None)
        assert not done.followed
        assert house.queued == {}
        await house.swept()
        assert await house.status(made["c"]) == expected


async def test_a_task_does_not_start_before_what_it_waits_for_is_published(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    effect_id = await house.approved(made["a"])
    await house.swept()
    assert await house.status(made["b"]) == "pending"
    effect = await house.begin(effect_id)
    await house.system.effects.finish(effect, house.receipt())
    assert await house.status(made["b"]) == "queued"


async def test_nothing_of_a_paused_campaign_starts(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("b", "a"))
    await house.commit(await house.piece(made["a"]), effect=None)
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    await house.swept()
    assert await house.status(made["b"]) == "pending"


async def test_what_waits_for_something_that_will_never_be_is_cancelled(house: Any) -> None:
    ends = ("failed", "cancelled", "dead_letter", "rejected", "stale")
    pairs = [(house.node(f"n{i}"), house.node(f"after{i}", f"n{i}")) for i in range(len(ends))]
    made = await house.running(*(node for pair in pairs for node in pair), house.node("open"))
    for i, status in enumerate(ends):
        await house.raw.execute("UPDATE task SET status = $2 WHERE task_id = $1", made[f"n{i}"], status)
    await house.swept()
    for i, status in enumerate(ends):
        assert await house.status(made[f"after{i}"]) == "cancelled", status
    causes = await house.raw.fetch("SELECT DISTINCT cause FROM task WHERE node_key LIKE 'after%'")
    assert [row["cause"] for row in causes] == ["what it depends on did not come about"]


async def test_a_campaign_with_nothing_left_to_do_is_finished_and_a_standing_one_never(house: Any) -> None:
    made = await house.running()
    await house.commit(await house.piece(made["a"]), effect=None)
    query = "SELECT status FROM campaign WHERE campaign_id = $1"
    assert await house.value(query, made.campaign_id) == "finished"
    await house.swept()
    assert await house.value(query, house.nora.campaign_id) == "running"


async def test_a_campaign_that_waits_for_a_human_is_not_finished(house: Any) -> None:
    made = await house.running()
    await house.commit(await house.piece(made["a"]), Decision.ESCALATE)
    await house.swept()
    assert await house.value("SELECT status FROM campaign WHERE NOT standing") == "running"


async def test_a_sweep_is_bounded(house: Any) -> None:
    await house.running(*(house.node(f"n{number}") for number in range(12)))
    await house.raw.execute("UPDATE task SET updated_at = updated_at - interval '1 minute'")
    house.take_queued()
    assert await Sweeper(house.system.swarm, lease_seconds=5, batch=5).sweep()
    assert len(house.queued[Stage.WORK]) == 5


async def test_one_process_sweeps_at_a_time(house: Any, raw: Any) -> None:
    await house.running()
    async with raw.transaction():
        await raw.execute("SELECT pg_advisory_xact_lock($1)", SWEEP_LOCK)
        assert await Sweeper(house.system.swarm, lease_seconds=5).sweep() is False
    assert await Sweeper(house.system.swarm, lease_seconds=5).sweep() is True


async def test_of_many_who_sweep_at_once_each_queues_what_is_due_by_itself(house: Any) -> None:
    made = await house.running()
    await house.raw.execute("UPDATE task SET updated_at = updated_at - interval '1 minute'")
    sweeper = Sweeper(house.system.swarm, lease_seconds=5)
    house.take_queued()
    swept = await asyncio.gather(*(sweeper.sweep() for _ in range(8)))
    assert any(swept)
    assert house.queued == {Stage.WORK: [made["a"]] * sum(swept)}
