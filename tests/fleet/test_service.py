"""The living fleet: who is alive, what waits, what is halted (OPS-3)."""

from typing import Any

import pytest

from chimera.errors import Conflict, Unavailable
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.values import Decision, HaltScope, Role, Stage
from chimera_protocol.errors import NotFound


def mark(role: Role | str) -> ProcessHeartbeat:
    return ProcessHeartbeat(process_id=new_id(), role=role, host="here", pid=1)


async def test_living_processes_are_counted_by_role(system: Any) -> None:
    assert await system.fleet.alive(5) == dict.fromkeys(Role, 0)
    judge = mark(Role.JUDGE)
    for process in (judge, judge, mark(Role.JUDGE), mark("planner,worker,judge,publisher")):
        await system.fleet.mark(process)
    assert await system.fleet.alive(5) == {**dict.fromkeys(Role, 1), Role.JUDGE: 3}
    await system.fleet.leave(judge)
    assert (await system.fleet.alive(5))[Role.JUDGE] == 2


async def test_a_process_that_gives_no_sign_of_life_is_not_alive_until_it_does_again(system: Any, raw: Any) -> None:
    worker = mark(Role.WORKER)
    await system.fleet.mark(worker)
    await raw.execute("UPDATE process SET last_seen = now() - interval '6 seconds'")
    assert (await system.fleet.alive(5))[Role.WORKER] == 0
    assert (await system.fleet.alive(10))[Role.WORKER] == 1
    await system.fleet.mark(worker)
    assert (await system.fleet.alive(5))[Role.WORKER] == 1


async def test_the_backlog_says_how_long_the_oldest_has_been_due(house: Any) -> None:
    assert await house.system.fleet.backlog() == []
    made = await house.running(house.node("a"), house.node("b"), house.node("c"), house.node("d"))
    await house.submit(await house.claim(made["b"]))
    await house.approved(made["c"])
    await house.commit(await house.piece(made["d"]), Decision.REJECT)
    await house.raw.execute("UPDATE task SET due_at = now() - interval '90 seconds', updated_at = due_at")
    await house.raw.execute("UPDATE task SET updated_at = due_at")
    found = {row.stage: row for row in await house.system.fleet.backlog()}
    assert {stage: row.waiting for stage, row in found.items()} == dict.fromkeys(Stage, 1)
    assert 85 < found[Stage.WORK].oldest_seconds < 120
    assert 0 <= found[Stage.PUBLISH].oldest_seconds < 60


async def test_halted_and_paused_work_is_no_backlog(house: Any) -> None:
    made = await house.running()
    halt = (house.tenant_id, HaltScope.CAMPAIGN, str(made.campaign_id))
    await house.system.fleet.halt(*halt, "storm", "operator:me")
    assert await house.system.fleet.backlog() == []
    await house.system.fleet.resume(*halt, "operator:me")
    assert [row.waiting for row in await house.system.fleet.backlog()] == [1]
    await house.system.campaigns.pause(house.tenant_id, made.campaign_id, "operator:me")
    assert await house.system.fleet.backlog() == []


async def test_a_halt_is_in_force_once_and_lifted_once(house: Any) -> None:
    halt = (house.tenant_id, HaltScope.TENANT, "acme")
    await house.system.fleet.halt(*halt, "storm", "operator:me")
    with pytest.raises(Conflict, match="halted already"):
        await house.system.fleet.halt(*halt, "storm", "operator:me")
    await house.system.fleet.resume(*halt, "operator:you")
    with pytest.raises(NotFound):
        await house.system.fleet.resume(*halt, "operator:you")
    await house.system.fleet.halt(*halt, "again", "operator:me")
    rows = await house.raw.fetch("SELECT actor, lifted_by FROM halt ORDER BY halt_id")
    assert [tuple(row) for row in rows] == [("operator:me", "operator:you"), ("operator:me", None)]
    actions = await house.raw.fetch("SELECT action FROM audit_event WHERE action LIKE 'fleet.%' ORDER BY event_id")
    assert [row["action"] for row in actions] == ["fleet.halted", "fleet.resumed", "fleet.halted"]


async def test_another_tenant_cannot_lift_a_halt(house: Any, other_tenant: Any) -> None:
    await house.system.fleet.halt(house.tenant_id, HaltScope.TENANT, "acme", "storm", "operator:me")
    with pytest.raises(NotFound):
        await house.system.fleet.resume(other_tenant[0], HaltScope.TENANT, "acme", "operator:you")


CHORES = ("swept", "sealed")


@pytest.mark.parametrize(("chore", "other"), [CHORES, CHORES[::-1]])
async def test_a_chore_was_last_done_by_somebody_who_is_alive(system: Any, raw: Any, chore: str, other: str) -> None:
    assert await system.fleet.chores(5) == {}
    first, second = mark(Role.WORKER), mark(Role.JUDGE)
    await system.fleet.mark(first)
    await system.fleet.mark(second)
    await raw.execute("UPDATE process SET started_at = now() - interval '1 hour'")
    assert (await system.fleet.chores(5))[chore] > 3_500, "two live, and neither has ever done it"
    await getattr(system.fleet, chore)(first.process_id)
    assert 0 <= (await system.fleet.chores(5))[chore] < 5
    assert (await system.fleet.chores(5))[other] > 3_500
    await system.fleet.leave(first)
    assert (await system.fleet.chores(5))[chore] > 3_500
    await raw.execute("UPDATE process SET last_seen = now() - interval '1 hour'")
    assert await system.fleet.chores(5) == {}


async def test_whoever_has_just_come_to_life_need_not_have_done_its_chores_yet(system: Any) -> None:
    await system.fleet.mark(mark(Role.WORKER))
    chores = await system.fleet.chores(5)
    assert set(chores) == set(CHORES)
    assert all(0 <= seconds < 5 for seconds in chores.values())


async def test_postgresql_is_reached_or_unavailable(system: Any) -> None:
    await system.fleet.reach()
    await system.swarm.close()
    with pytest.raises(Unavailable):
        await system.fleet.reach()
