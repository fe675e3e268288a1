"""Processes that are frozen past their lease, or killed with work in hand: others take over, and zombies lose."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.chaos.crew import Crew
from tests.chaos.test_points import ROLES, delivered, one_piece
from tests.failpoints import VARIABLE
from tests.journeys.fleet import Fleet, dispatch, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS = [
    ("worker", "written", "done"),  # with a piece that was not handed in
    ("judge", "judged", "done"),  # with a verdict that was not committed
    ("publisher", "begun", "done"),  # before the call, which it makes when it wakes
    ("publisher", "acted", "reconciled"),  # after the call, with a receipt that was not written
]
WRITTEN = """
SELECT (SELECT array_agg(attempt) FROM execution) AS executions,
    (SELECT array_agg(body::text) FROM verdict) AS verdicts,
    (SELECT count(*) FROM asset) AS assets, (SELECT count(*) FROM publication) AS publications,
    (SELECT array_agg(actor || ' ' || action ORDER BY actor, action) FROM audit_event) AS events,
    (SELECT status || attempt FROM task) AS task, (SELECT status || attempt FROM effect) AS effect
"""
IN_HAND = "SELECT task_id, attempt FROM task JOIN process ON process_id = claimed_by WHERE pid = $1"
MANY = 24


async def frozen_at(crew: Crew, name: str, marker: Path) -> None:
    """Until the process stands still there."""
    await seen(lambda: marker.exists() and crew.hands[name].frozen)


async def seen(holds: Callable[[], bool]) -> None:
    """Until it is so."""

    async def look() -> bool:
        return holds()

    await until(look, bool)


@pytest.mark.parametrize(("role", "point", "status"), STEPS)
async def test_a_zombie_cannot_commit(
    fleet: Fleet, raw: Any, crew: Crew, tmp_path: Path, role: str, point: str, status: str
) -> None:
    marker, settings = tmp_path / "frozen", fleet.system.settings
    zombie = await crew.add("zombie", role, settings, **{VARIABLE: f"freeze-{point}:{marker}"})
    for name in ROLES:
        if name != role:
            await crew.add(name, name, settings)
    await fleet.post("/v1/tasks", dispatch("piece"))
    await frozen_at(crew, "zombie", marker)
    await crew.add("heir", role, settings)
    assert await delivered(fleet) == status, crew.tails()
    before = await written(raw)

    zombie.signal(signal.SIGCONT)

    await seen(lambda: zombie.said('"event": "superseded"'))
    assert zombie.codes == []
    assert await written(raw) == before
    await one_piece(fleet)


async def written(raw: Any) -> Mapping[str, Any]:
    """All that a second commit of the same work would change or add."""
    return dict(await raw.fetchrow(WRITTEN))


async def test_what_a_killed_worker_had_in_hand_runs_again_soon(
    fleet: Fleet, raw: Any, crew: Crew, tmp_path: Path
) -> None:
    """The time is told, and not asserted: the machine may be busy.

    The heir sleeps until the victim is dead, or it may have done all the work before the victim touched any.
    """
    marker, settings = tmp_path / "died", fleet.system.settings
    victim = await crew.add("victim", "worker", settings, **{VARIABLE: f"written:{marker}"})
    pid = victim.pid
    heir = await crew.add("heir", "worker", settings)
    await until(lambda: raw.fetchval("SELECT count(*) FROM process"), lambda count: count == 2)
    heir.signal(signal.SIGSTOP)
    for number in range(MANY):
        await fleet.post("/v1/tasks", dispatch(f"piece-{number}"))
    await seen(marker.exists)
    heir.signal(signal.SIGCONT)
    killed = marker.stat().st_mtime
    in_hand = await raw.fetch(IN_HAND, pid)
    assert in_hand
    again = await run_again(raw, {row["task_id"]: row["attempt"] for row in in_hand})
    took, lease = sorted(moment - killed for moment in again), settings.lease_seconds
    sys.stdout.write(
        f"{len(took)} tasks of a killed worker ran again after {took[0]:.2f} to {took[-1]:.2f} s; lease {lease:g} s\n"
    )
    assert took[0] > 0, "before it was killed nobody else had it"


async def run_again(raw: Any, attempts: Mapping[UUID, int]) -> list[float]:
    """When each of the tasks was claimed again, as seen from here."""
    seen: dict[UUID, float] = {}

    async def look() -> int:
        now = time.time()
        for row in await raw.fetch("SELECT task_id, attempt FROM task WHERE task_id = ANY($1)", list(attempts)):
            if row["attempt"] > attempts[row["task_id"]]:
                seen.setdefault(row["task_id"], now)
        return len(seen)

    await until(look, lambda count: count == len(attempts), 60)
    return list(seen.values())
