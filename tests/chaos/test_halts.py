"""A halt of each scope under full load: nothing of the halted part begins after it, and nothing of it is lost."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.chaos.assertions import EFFECTS, effects_are_published_once, network_posts, unfinished
from tests.chaos.crew import Crew
from tests.chaos.driver import PLACES, ROLES, THINGS
from tests.chaos.test_zombies import frozen_at, seen
from tests.failpoints import VARIABLE
from tests.journeys.fleet import LIMITLESS, Fleet, Json, brief, dispatch, open_fleet, soul, until

from chimera.values import HaltScope

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICY: Json = {**LIMITLESS, "bounds": {"approve": 0.3, "review": 0.2}, "near_duplicate": 1.0}
ORDERS = 64
"""Pieces of each influencer's."""
WHEN = ("by day", "by night")
BEGUN = 3
WATCHED = timedelta(seconds=3)
STOOD_STILL_S = 1.0
"""Longer than a last look is good for, and no longer than the lease."""
LONG = 120.0
DONE = "SELECT count(*) FROM effect WHERE status = 'done' AND arguments ->> 'account' = ANY($1)"
WAITING = """
SELECT count(*) FROM effect
WHERE status = 'authorised' AND attempt = 0 AND created_at > $2 AND arguments ->> 'account' = ANY($1)
"""
LATER = "SELECT now() > $1::timestamptz"
BEGUN_BY_NOW = "SELECT effect_id FROM effect WHERE attempt > 0 AND arguments ->> 'account' = ANY($1)"
OWNERS = "SELECT DISTINCT effect_id, number FROM publication, unnest(external_ids) AS number WHERE number = ANY($1)"
"""Which effect brought each of these posts about."""


class Town:
    """Three influencers of two tenants, all of them with more work than can be done at once."""

    def __init__(self, fleet: Fleet, rival: Fleet) -> None:
        self.fleet = fleet
        self.rival = rival
        self.bela = f"bela_{fleet.account[-12:]}"

    async def open(self) -> None:
        for each in (self.fleet, self.rival):
            await each.put("/v1/policy", POLICY)
            await each.post("/v1/personas", {"source": soul(each.account, sources=False)}, 201)
        await self.fleet.post("/v1/personas", {"source": soul(self.bela, "Bela", sources=False)}, 201)

    async def order(self) -> None:
        """As fast as they are taken; it goes on over the halt."""
        subjects = [f"{thing} of {place} {when}" for when in WHEN for place in PLACES for thing in THINGS]
        for number, subject in enumerate(subjects[: 3 * ORDERS]):
            each = self.rival if number % 3 == 2 else self.fleet
            persona = "Bela" if number % 3 == 1 else "TechInfluencer"
            context = {"persona": persona, "goal": f"Tell of {subject}"}
            await each.post("/v1/tasks", dispatch(f"order-{number}", context=context, parameters={"topic": subject}))

    @property
    def accounts(self) -> list[str]:
        return [self.fleet.account, self.bela, self.rival.account]

    async def halted(self, scope: HaltScope) -> tuple[str, list[str]]:
        """What to name in a halt of this scope, and whose posts it stops."""
        nora, bela, rival = self.accounts
        (standing,) = [row for row in await self.fleet.items("/v1/campaigns") if row["persona"] == "TechInfluencer"]
        return {
            HaltScope.FLEET: ("*", [nora, bela, rival]),
            HaltScope.TENANT: ("*", [nora, bela]),
            HaltScope.INFLUENCER: (self.fleet.agent_id, [nora]),
            HaltScope.CAMPAIGN: (standing["campaign_id"], [nora]),
            HaltScope.TOOL: ("twitter-mcp/post_tweet", [nora, bela]),
        }[scope]

    async def posts(self) -> Mapping[str, Json]:
        posts = await network_posts(self.fleet)
        return {number: post for number, post in posts.items() if post["author"] in self.accounts}


@pytest_asyncio.fixture(loop_scope="session")
async def town(fleet: Fleet) -> AsyncIterator[Town]:
    rival = await open_fleet(fleet.system, fleet.raw, "rival", f"rival_{fleet.account[-12:]}")
    made = Town(fleet, rival)
    await made.open()
    yield made
    await rival.client.aclose()


def since(posts: Mapping[str, Json], accounts: Sequence[str], moment: datetime) -> list[str]:
    """The numbers of the posts of these accounts that came later."""
    made = {number: datetime.fromisoformat(post["created_at"]) for number, post in posts.items()}
    return [number for number, post in posts.items() if post["author"] in accounts and made[number] > moment]


@pytest.mark.parametrize("scope", [*HaltScope])
async def test_nothing_that_a_halt_covers_begins_after_it_and_nothing_is_lost(
    town: Town, raw: Any, crew: Crew, scope: HaltScope
) -> None:
    target, stopped = await town.halted(scope)
    others = [account for account in town.accounts if account not in stopped]
    for role, count in ROLES.items():
        for number in range(1, count + 1):
            await crew.add(f"{role}-{number}", role, town.fleet.system.settings)
    ordering = asyncio.create_task(town.order())
    await until(lambda: raw.fetchval(DONE, stopped), lambda count: count >= BEGUN, LONG)

    order = {"scope": scope.value, "target": target}
    await town.fleet.post("/v1/halt", {**order, "reason": "a storm is coming"}, 204)
    answered = datetime.now(UTC)
    begun = {row["effect_id"] for row in await raw.fetch(BEGUN_BY_NOW, stopped)}

    await until(lambda: raw.fetchval(LATER, answered + WATCHED), bool)
    await ordering
    if others:
        await until(town.posts, lambda posts: since(posts, others, answered), LONG)
    if scope is HaltScope.TOOL:  # what is approved meanwhile waits
        await until(lambda: raw.fetchval(WAITING, stopped, answered), bool, LONG)
    posts = await town.posts()
    late = since(posts, stopped, answered)
    owners = await until(lambda: raw.fetch(OWNERS, late), lambda rows: len(rows) == len(late), LONG)
    assert {row["effect_id"] for row in owners} <= begun, crew.tails()
    before = len([post for post in posts.values() if post["author"] in stopped])
    assert before < len(stopped) * ORDERS, "the halt came when nothing was left to stop"

    await town.fleet.post("/v1/resume", order, 204)
    await until(lambda: unfinished(raw), lambda rows: not rows, LONG)
    posts = await town.posts()
    effects_are_published_once(await raw.fetch(EFFECTS), dict(posts))
    assert len([post for post in posts.values() if post["author"] in stopped]) > before
    assert crew.unexpected() == []


STANDS = [(point, what) for point in ("begun", "cleared") for what in ("cancel", "halt")]


@pytest.mark.parametrize(("point", "what"), STANDS)
async def test_a_publisher_that_stood_still_posts_nothing_that_was_stopped_meanwhile(
    fleet: Fleet, raw: Any, crew: Crew, tmp_path: Path, point: str, what: str
) -> None:
    """Whether it is frozen before the last look or right after it, one instruction before the call."""
    marker, settings = tmp_path / "frozen", fleet.system.settings
    zombie = await crew.add("zombie", "publisher", settings, **{VARIABLE: f"freeze-{point}:{marker}"})
    for name in ("planner", "worker", "judge"):
        await crew.add(name, name, settings)
    given = brief(deliverables=[{"topics": ["AI history"]}], sources=[], autostart=True)
    campaign_id = await fleet.start(given)
    await frozen_at(crew, "zombie", marker)
    stopping: Json = {"scope": "tenant", "reason": "a storm is coming"}
    if what == "cancel":
        await fleet.post(f"/v1/campaigns/{campaign_id}/cancel", status=204)
    else:
        await fleet.post("/v1/halt", stopping, 204)

    await seen(lambda: time.time() - marker.stat().st_mtime > STOOD_STILL_S)
    zombie.signal(signal.SIGCONT)

    if what == "cancel":
        await until(lambda: unfinished(raw), lambda rows: not rows, LONG)
        assert [row["status"] for row in await raw.fetch("SELECT status FROM effect")] == ["failed"]
        assert await fleet.posts() == []
        return
    await seen(lambda: zombie.said("an operator has stopped it") or zombie.said('"event": "superseded"'))
    assert await fleet.posts() == []
    await fleet.post("/v1/resume", {"scope": "tenant"}, 204)
    await fleet.campaign(campaign_id, "finished", LONG)
    (_,) = await fleet.published_once()
