"""What tests of disasters share: a nursery of role processes, in one event loop, so that it starts once."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio
from stamina import instrumentation
from tests.chaos.chaos_setup import Network
from tests.chaos.crew import Crew
from tests.journeys.fleet import LIMITLESS, Fleet, fleet_on, soul

from chimera.settings import Settings


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Looking again and connecting again are no events worth a line in the log."""
    instrumentation.set_on_retry_hooks([])
    caplog.set_level("ERROR", "asyncpg.pool")
    yield
    instrumentation.set_on_retry_hooks(None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nursery() -> AsyncIterator[Crew]:
    """A crew that has learnt its trade."""
    crew = Crew()
    await crew.open()
    yield crew
    await crew.close()


@pytest_asyncio.fixture(loop_scope="session")
async def crew(nursery: Crew) -> AsyncIterator[Crew]:
    """A crew without hands as yet."""
    yield nursery
    await nursery.dismiss()


@pytest_asyncio.fixture(loop_scope="session")
async def raw(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the database's owner, whom no policy binds."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """One social network for all tests, started again when it dies; each test has an account of its own on it."""
    network = Network(tmp_path_factory.mktemp("platform"))
    await network.start()
    keeping = asyncio.create_task(network.keep())
    yield network
    keeping.cancel()
    await network.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(
    settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]", platform: Network
) -> AsyncIterator[Fleet]:
    """An influencer who reads nothing and whose pieces are waved through: quick work on short leases."""
    quick = settings.model_copy(update={"lease_seconds": 1.0, "wallets": False})
    config = platform.config(quick, "http", url=platform.url)
    async with fleet_on(quick.model_copy(update={"mcp_config": config}), raw) as made:
        await made.put("/v1/policy", {**LIMITLESS, "bounds": {"approve": 0.3, "review": 0.2}})
        await made.post("/v1/personas", {"source": soul(made.account, sources=False)}, 201)
        yield made
