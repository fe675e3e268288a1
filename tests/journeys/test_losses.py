"""Redis forgets, PostgreSQL goes away, a process dies: no work is lost and no post is made twice (DAT-3, PUB-2)."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from tests.journeys.fleet import EXAMPLES, Fleet, Json, brief, dispatch, fleet_on, until
from tests.journeys.proxy import proxied

from chimera.errors import Unavailable
from chimera.gateways.mcp.host import ToolHost
from chimera.settings import Settings
from chimera.tasks.types.messages import Task
from chimera.values import KeyRole, Role
from chimera.wiring.roles import serve

pytestmark = pytest.mark.asyncio(loop_scope="session")

Network = tuple[ToolHost, Path]
TOPICS = ["AI history", "a database with long plans", "certificates and trust on the web", "languages that last"]
FOUR = {"deliverables": [{"count": 4, "topics": TOPICS}], "autostart": True}
LONG = 45.0


async def begun(fleet: Fleet, campaign_id: str, *states: str) -> list[Json]:
    """The tasks, once one of them has come so far."""
    return await until(
        lambda: fleet.tasks_of(campaign_id),
        lambda rows: any(row["kind"] == "create" and row["status"] in states for row in rows),
        LONG,
    )


async def test_a_redis_that_forgets_everything_in_the_middle_loses_nothing(fleet: Fleet, redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    async with fleet.working():
        campaign_id = await fleet.start(brief(**FOUR))
        for states in (("queued", "in_progress"), ("in_review",), ("completed", "awaiting_approval")):
            await begun(fleet, campaign_id, *states, "completed", "awaiting_approval")
            await redis.flushall()
        await fleet.campaign(campaign_id, "finished", LONG)
    await redis.aclose()
    assert len(await fleet.published_once()) == 4


async def test_a_task_in_hand_while_redis_forgets_everything_is_taken_up_again(
    settings: Settings, raw: Any, network: Network, redis_url: str
) -> None:
    """Redis restarts empty between a claim and the first sign of life: no lease is left that could run out."""
    redis, struck = Redis.from_url(redis_url), asyncio.Event()

    class Struck:
        async def thinking(self, task: Task, role: Role) -> None:
            if not struck.is_set():
                struck.set()
                await redis.flushall()
                raise Unavailable("Redis cannot be reached")

        async def busy(self, agents: list[UUID]) -> dict[UUID, dict[str, str]]:
            return {}

    hasty = settings.model_copy(update={"lease_seconds": 1.0, "feeds": EXAMPLES / "feeds" / "feeds.yaml"})
    async with fleet_on(hasty, raw, network[0], pulse=Struck()) as fleet, fleet.working():
        await fleet.post("/v1/tasks", dispatch("struck"))
        await asyncio.wait_for(struck.wait(), 10)
        await fleet.delivered("struck")
        assert len(await fleet.published_once()) == 1
    await redis.aclose()


async def test_a_task_is_accepted_while_redis_is_down_and_done_once_it_is_back(
    settings: Settings, raw: Any, network: Network
) -> None:
    assert settings.redis_url is not None
    async with proxied(settings.redis_url) as proxy:
        there = settings.model_copy(update={"redis_url": proxy.url})
        async with fleet_on(there, raw, network[0]) as fleet, fleet.working():
            await fleet.post("/v1/tasks", dispatch("before"))
            await fleet.delivered("before")
            await proxy.cut()
            await fleet.post("/v1/tasks", dispatch("during"))
            health = await fleet.get("/health", 503)
            assert any("Redis" in problem for problem in health["problems"])
            assert (await fleet.get("/v1/tasks/during"))["status"] == "queued"
            await proxy.open()
            await fleet.delivered("during", patience=LONG)
            assert (await fleet.get("/health"))["healthy"]
            assert len(await fleet.published_once()) == 2


async def test_lists_are_readable_while_redis_is_down(settings: Settings, raw: Any, network: Network) -> None:
    """What an influencer does this moment is unknown then; that it is there is not."""
    assert settings.redis_url is not None
    async with (
        proxied(settings.redis_url) as proxy,
        fleet_on(settings.model_copy(update={"redis_url": proxy.url}), raw, network[0]) as fleet,
    ):
        await proxy.cut()
        (influencer,) = await fleet.items("/v1/influencers")
        assert influencer["agent_id"] == fleet.agent_id


async def test_while_postgresql_is_down_every_call_is_a_503_and_afterwards_work_goes_on(
    settings: Settings, raw: Any, network: Network
) -> None:
    assert settings.database_url is not None
    async with proxied(settings.database_url) as proxy:
        there = settings.model_copy(update={"database_url": proxy.url, "lease_seconds": 1.0})
        async with fleet_on(there, raw, network[0]) as fleet, fleet.working():
            await fleet.post("/v1/tasks", dispatch("before"))
            await fleet.delivered("before")
            await proxy.cut()
            for method, path, body in (
                ("GET", "/v1/tasks", None),
                ("POST", "/v1/tasks", dispatch("during")),
                ("GET", "/health", None),
            ):
                answer = await fleet.call(method, path, 503, json=body)
                assert "PostgreSQL" in answer.text
                if path != "/health":
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert int(answer.headers["retry-after"]) > 0
            await proxy.open()
            await until(lambda: answers(fleet), lambda status: status == 200)
            await fleet.post("/v1/tasks", dispatch("after"))
            await fleet.delivered("after", patience=LONG)
            assert len(await fleet.published_once()) == 2


async def answers(fleet: Fleet) -> int:
    headers = {"Authorization": f"Bearer {fleet.keys[KeyRole.OPERATOR]}"}
    return (await fleet.client.get("/v1/tasks", headers=headers)).status_code


async def test_work_in_flight_while_postgresql_is_down_is_finished_once_it_is_back(
    settings: Settings, raw: Any, network: Network
) -> None:
    assert settings.database_url is not None
    async with proxied(settings.database_url) as proxy:
        there = settings.model_copy(update={"database_url": proxy.url, "lease_seconds": 1.0})
        async with fleet_on(there, raw, network[0]) as fleet, fleet.working():
            campaign_id = await fleet.start(brief(**FOUR))
            await begun(fleet, campaign_id, "in_progress", "in_review", "completed")
            await proxy.cut()
            assert await answers(fleet) == 503
            await proxy.open()
            await until(lambda: answers(fleet), lambda status: status == 200)
            await fleet.campaign(campaign_id, "finished", LONG)
            assert len(await fleet.published_once()) == 4


async def test_a_worker_process_that_is_killed_in_the_middle_loses_nothing(
    settings: Settings, raw: Any, network: Network
) -> None:
    hasty = settings.model_copy(update={"lease_seconds": 1.0, "feeds": EXAMPLES / "feeds" / "feeds.yaml"})
    async with fleet_on(hasty, raw, network[0]) as fleet:
        async with fleet.working(Role.PLANNER, Role.JUDGE, Role.PUBLISHER):
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "chimera.cli.server_commands", "work", "worker"),
                env=hasty.environment(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                campaign_id = await fleet.start(brief(**FOUR))
                await begun(fleet, campaign_id, "in_progress", "in_review", "completed")
            finally:
                worker.kill()
                await worker.wait()
        async with fleet.working():
            await fleet.campaign(campaign_id, "finished", LONG)
        assert len(await fleet.published_once()) == 4
        await fleet.books_balance()


async def test_roles_that_are_cut_off_in_the_middle_are_followed_by_others_that_finish(fleet: Fleet) -> None:
    stopping = asyncio.Event()
    first = asyncio.create_task(serve(fleet.system, list(Role), stopping))
    campaign_id = await fleet.start(brief(**FOUR))
    await begun(fleet, campaign_id, "in_progress", "in_review", "completed")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with fleet.working():
        await fleet.campaign(campaign_id, "finished", LONG)
    assert len(await fleet.published_once()) == 4
