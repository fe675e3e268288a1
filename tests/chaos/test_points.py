"""Killed with -9 at each named step between the verdict and the receipt: exactly one post, in the end."""

from pathlib import Path

import pytest
from tests.chaos.crew import KILLED, Crew
from tests.chaos.grounds import Network
from tests.chaos.truths import EFFECTS, TASKS, effects_are_published_once, network_posts, tasks_are_whole
from tests.journeys.fleet import Fleet, dispatch, until

from chimera.swarm.faults import VARIABLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROLES = ("worker", "judge", "publisher")
LONG = 45.0
POINTS = [
    ("judge", "judged", "", "done"),  # decided, and nothing of it written
    ("judge", "approved", "", "done"),  # committed, and nobody told
    ("publisher", "begun", "", "done"),  # marked as executing, and the platform not asked
    ("publisher", "acted", "", "reconciled"),  # on the platform, and its answer not written
    ("publisher", "finished", "", "done"),  # written, and what waits for it not told
    ("publisher", "read_back", "die_after_accept", "reconciled"),  # found on the platform, and not written
    ("publisher", "read_back", "die_before_accept", "done"),  # known not to be there, and not written
]


async def delivered(fleet: Fleet) -> str:
    """How the piece came to its end."""
    envelope = await until(
        lambda: fleet.get("/v1/tasks/piece"),
        lambda found: found["delivery"] and found["delivery"]["status"] in ("done", "reconciled", "failed"),
        LONG,
    )
    return str(envelope["delivery"]["status"])


async def one_post(fleet: Fleet) -> None:
    """One piece was ordered: there is one post, and all that belongs to it once."""
    assert fleet.raw is not None
    tasks, effects = await fleet.raw.fetch(TASKS), await fleet.raw.fetch(EFFECTS)
    assert (len(tasks), len(effects)) == (1, 1)
    tasks_are_whole(tasks)
    posts = {number: post for number, post in (await network_posts(fleet)).items() if post["author"] == fleet.account}
    assert len(posts) == 1
    effects_are_published_once(effects, posts)


@pytest.mark.parametrize(("role", "point", "fault", "status"), POINTS)
async def test_whoever_is_killed_there_leaves_exactly_one_post(
    fleet: Fleet, platform: Network, crew: Crew, tmp_path: Path, role: str, point: str, fault: str, status: str
) -> None:
    marker = tmp_path / "died"
    if fault:
        platform.fail(fault, 1)
    for name in ROLES:
        fatal = {VARIABLE: f"{point}:{marker}"} if name == role else {}
        await crew.add(name, name, fleet.system.settings, **fatal)
    await fleet.post("/v1/tasks", dispatch("piece"))
    assert await delivered(fleet) == status, crew.tails()
    assert marker.exists()
    await crew.until(lambda: crew.hands[role].codes == [KILLED])
    await one_post(fleet)
