"""Killed with -9 at each named step between the verdict and the receipt: exactly one post, in the end."""

from pathlib import Path

import pytest
from tests.chaos.assertions import EFFECTS, TASKS, effects_are_published_once, network_posts, tasks_are_whole
from tests.chaos.chaos_setup import Network
from tests.chaos.crew import KILLED, Crew
from tests.failpoints import VARIABLE
from tests.journeys.fleet import Fleet, dispatch, result, until

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
THREAD = [
    "AI comes from people who asked where thinking comes from.",
    "Tell where AI comes from, and somebody will listen.",
    "AI comes to whoever can tell a question from an answer.",
    "Where AI comes from is an old story, and few people tell it.",
    "Tell it, and AI comes a little closer to people.",
]
THREAD_POINTS = [
    ("acted", "reconciled"),  # half of it out, and that not known
    ("part_acted", "reconciled"),  # continued by one post, and its receipt not kept
    ("finished", "done"),
]


async def delivered(fleet: Fleet) -> str:
    """How the piece came to its end."""
    envelope = await until(
        lambda: fleet.get("/v1/tasks/piece"),
        lambda found: found["delivery"] and found["delivery"]["status"] in ("done", "reconciled", "failed"),
        LONG,
    )
    return str(envelope["delivery"]["status"])


async def one_piece(fleet: Fleet, texts: int = 1) -> None:
    """One piece was ordered: its posts are there, and all that belongs to it once."""
    assert fleet.raw is not None
    tasks, effects = await fleet.raw.fetch(TASKS), await fleet.raw.fetch(EFFECTS)
    assert (len(tasks), len(effects)) == (1, 1)
    tasks_are_whole(tasks)
    posts = {number: post for number, post in (await network_posts(fleet)).items() if post["author"] == fleet.account}
    assert len(posts) == texts
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
    await crew.until(lambda: crew.hands[role].codes == [KILLED])
    assert marker.exists()
    await one_piece(fleet)


@pytest.mark.parametrize(("point", "status"), THREAD_POINTS)
async def test_whoever_is_killed_over_half_a_thread_leaves_it_whole_and_each_text_once(
    fleet: Fleet, platform: Network, crew: Crew, tmp_path: Path, point: str, status: str
) -> None:
    marker = tmp_path / "died"
    platform.fail("partial_thread", 1)
    await crew.add("judge", "judge", fleet.system.settings)
    await crew.add("publisher", "publisher", fleet.system.settings, **{VARIABLE: f"{point}:{marker}"})
    await fleet.post("/v1/tasks", dispatch("piece", "create_thread", worker="external"))
    await fleet.post("/v1/tasks/claim", {}, 200)
    await fleet.post("/v1/tasks/piece/result", result("piece", THREAD))
    assert await delivered(fleet) == status, crew.tails()
    await crew.until(lambda: crew.hands["publisher"].codes == [KILLED])
    assert marker.exists()
    await one_piece(fleet, len(THREAD))
