"""Journeys run in one event loop, so that the bundled MCP servers start once for all of them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from stamina import instrumentation
from tests.fixtures import NewDatabase
from tests.journeys.fleet import EXAMPLES, Fleet, open_fleet, wire
from tests.journeys.paying import PASSPHRASE, Street, street_settings

from chimera.gateways.mcp.host import ToolHost
from chimera.settings import Settings
from chimera.wiring import System, services, tool_servers


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """Looking again is no event worth a line in the log."""
    instrumentation.set_on_retry_hooks([])
    yield
    instrumentation.set_on_retry_hooks(None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ToolHost, Path]]:
    """The bundled MCP servers over stdio, and the file of the local network."""
    state = tmp_path_factory.mktemp("network")
    host = ToolHost(tool_servers(Settings(state=state, feeds=EXAMPLES / "feeds" / "feeds.yaml")))
    yield host, state / "social.db"
    await host.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def street(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase, redis: str
) -> AsyncIterator[Street]:
    """One embedded chain with its signer, as `chimera up` starts them, for all journeys of payments."""
    with new_database() as database_url:
        given = street_settings(
            tmp_path_factory.mktemp("street") / "state",
            database_url=database_url,
            redis_url=redis,
            wallet_passphrase=SecretStr(PASSPHRASE),
        )
        async with services(given) as found:
            made = Street(found)
            yield made
            await made.host.close()


@pytest_asyncio.fixture(loop_scope="session")
async def raw(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the database's owner, whom no policy binds."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def wired(settings: Settings, network: tuple[ToolHost, Path]) -> AsyncIterator[System]:
    """Chimera, connected, with the shared MCP servers and no role at work."""
    system = wire(settings.model_copy(update={"feeds": EXAMPLES / "feeds" / "feeds.yaml"}), network[0])
    await system.open()
    yield system
    await system.close()


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(wired: System, raw: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Fleet]:
    """A tenant with one influencer, whose account on the network is its own."""
    made = await open_fleet(wired, raw, "acme", f"acme_{uuid4().hex[:12]}")
    yield made
    await made.client.aclose()
