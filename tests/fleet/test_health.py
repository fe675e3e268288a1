"""Health that does not flatter: who is missing and what is out of reach (OPS-3)."""

import pytest

from chimera.errors import Unavailable
from chimera.fleet.service import HealthService, OverviewService
from chimera.ids import new_id
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System
from chimera.wiring.api import offered

NOWHERE = "redis://127.0.0.1:1/0"


async def test_a_fleet_without_processes_is_red(system: System) -> None:
    assert (await offered(system).get(HealthService).health()).problems == [f"no living {role.value}" for role in Role]


async def test_health_names_a_redis_that_is_out_of_reach(settings: Settings) -> None:
    system = System(settings.model_copy(update={"redis_url": NOWHERE}))
    await system.open()
    health = await offered(system).get(HealthService).health()
    missing = await offered(system).get(HealthService).missing()
    await system.close()
    assert any("Redis cannot be reached" in problem for problem in health.problems)
    assert len(missing) == 1
    assert "Redis" in missing[0]


async def test_a_database_that_is_out_of_reach_is_unavailable_and_not_a_crash(settings: Settings) -> None:
    system = System(settings.model_copy(update={"database_url": "postgresql://u:p@127.0.0.1:1/x"}))
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await system.open()
    assert any("PostgreSQL" in problem for problem in (await offered(system).get(HealthService).health()).problems)
    await system.close()


async def test_whoever_reaches_both_services_is_ready(system: System) -> None:
    assert await offered(system).get(HealthService).missing() == []


async def test_a_glance_at_an_empty_fleet_finds_nothing(system: System) -> None:
    seen = await offered(system).get(OverviewService).glance(new_id())
    assert (seen.influencers, seen.campaigns, seen.halts, seen.published) == ([], [], [], 0)
