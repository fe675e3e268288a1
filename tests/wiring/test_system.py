"""The wiring: what is put together, what is said when it cannot be, and health that does not flatter (OPS-3)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chimera.contracts.claims import Ticket
from chimera.contracts.errors import Invalid, QueueFull, Unavailable
from chimera.contracts.ids import new_id
from chimera.contracts.values import Priority, Role, Stage
from chimera.settings import Settings
from chimera.wiring import System

NOWHERE = "redis://127.0.0.1:1/0"


@asynccontextmanager
async def serving(system: System, *roles: Role) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    work = asyncio.create_task(system.serve(list(roles), stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(work, 15)


async def alive(system: System) -> list[str]:
    """What health says once the processes have given a sign of life."""
    async with asyncio.timeout(10):
        while not any((health := await system.health()).roles.values()):
            pass
    return health.problems


async def test_a_system_without_addresses_is_refused_with_the_way_out() -> None:
    with pytest.raises(Invalid, match="CHIMERA_DATABASE_URL"):
        System(Settings())


async def test_health_is_green_with_every_role_alive_and_red_again_when_they_have_left(system: System) -> None:
    async with serving(system, *Role):
        assert await alive(system) == []
        assert (await system.health()).healthy
    assert (await system.health()).problems == [f"no living {role.value}" for role in Role]


@pytest.mark.parametrize("roles", [(Role.WORKER,), (Role.PLANNER, Role.WORKER)])
async def test_health_counts_only_the_roles_that_a_process_works_in(system: System, roles: tuple[Role, ...]) -> None:
    async with serving(system, *roles):
        missing = [role for role in Role if role not in roles]
        assert await alive(system) == [f"no living {role.value}" for role in missing]


async def test_health_names_a_redis_that_is_out_of_reach(settings: Settings) -> None:
    system = System(settings.model_copy(update={"redis_url": NOWHERE}))
    await system.open()
    health = await system.health()
    await system.close()
    assert any("Redis cannot be reached" in problem for problem in health.problems)


async def test_a_database_that_is_out_of_reach_is_unavailable_and_not_a_crash(settings: Settings) -> None:
    system = System(settings.model_copy(update={"database_url": "postgresql://u:p@127.0.0.1:1/x"}))
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await system.open()
    assert any("PostgreSQL" in problem for problem in (await system.health()).problems)
    await system.close()


def tickets(count: int) -> list[Ticket]:
    return [Ticket(id=new_id(), tenant_id=new_id(), agent_id=new_id(), priority=Priority.LOW) for _ in range(count)]


async def test_handing_on_without_redis_leaves_it_to_the_sweeper(settings: Settings) -> None:
    system = System(settings.model_copy(update={"redis_url": NOWHERE}))
    await system.hand_on({Stage.WORK: tickets(1)})
    await system.make_room(Stage.WORK)
    await system.close()


async def test_a_queue_at_its_bound_takes_no_more(settings: Settings) -> None:
    system = System(settings.model_copy(update={"queue_bound": 3}))
    await system.hand_on({Stage.WORK: tickets(2)})
    await system.make_room(Stage.WORK)
    await system.hand_on({Stage.WORK: tickets(1)})
    with pytest.raises(QueueFull, match="the bound is 3"):
        await system.make_room(Stage.WORK)
    await system.make_room(Stage.JUDGE)
    await system.close()


async def test_the_tools_of_the_roles_cannot_act(system: System) -> None:
    with pytest.raises(Invalid, match="only a granted effect"):
        await system.tools.call("twitter-mcp", "post_tweet", {})


async def test_parts_are_made_once_and_the_key_is_kept_in_the_state_folder(system: System) -> None:
    assert system.signer is system.signer
    assert system.host is system.host
    assert (system.settings.state / "keys" / "provenance.pem").exists()
