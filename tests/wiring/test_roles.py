"""Roles at work: the processes they are in count for the fleet's health, and no others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chimera.errors import Unavailable
from chimera.fleet.service import HealthService
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.values import Role
from chimera.wiring import System
from chimera.wiring.api import offered
from chimera.wiring.roles import serve


@asynccontextmanager
async def serving(system: System, *roles: Role) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    work = asyncio.create_task(serve(system, list(roles), stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(work, 15)


async def alive(system: System) -> list[str]:
    """What health says once the processes have given a sign of life."""
    async with asyncio.timeout(10):
        while not any((health := await offered(system).get(HealthService).health()).roles.values()):
            pass
    return health.problems


async def test_health_is_green_with_every_role_alive_and_red_again_when_they_have_left(system: System) -> None:
    async with serving(system, *Role):
        assert await alive(system) == []
        assert (await offered(system).get(HealthService).health()).healthy
    assert (await offered(system).get(HealthService).health()).problems == [f"no living {role.value}" for role in Role]


@pytest.mark.parametrize("roles", [(Role.WORKER,), (Role.PLANNER, Role.WORKER)])
async def test_health_counts_only_the_roles_that_a_process_works_in(system: System, roles: tuple[Role, ...]) -> None:
    async with serving(system, *roles):
        missing = [role for role in Role if role not in roles]
        assert await alive(system) == [f"no living {role.value}" for role in missing]


async def test_a_role_process_outlives_a_database_that_goes_just_when_it_has_connected(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, tries = system.fleet.mark, 0

    async def away_at_first(process: ProcessHeartbeat) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unavailable("PostgreSQL cannot be reached: it is shutting down")
        await mark(process)

    monkeypatch.setattr(system.fleet, "mark", away_at_first)
    async with serving(system, Role.WORKER):
        assert "no living worker" not in await alive(system)
