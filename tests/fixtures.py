"""What all tests share: throw-away servers, a database and an empty Redis for each test, no real model.

Randomised tests have two sizes: quick, and long where CHIMERA_TEST_LONG is set.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import hypothesis
import pydantic_ai.models
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from chimera.database.migrations import migrate
from chimera.settings import Settings
from chimera.wiring import System
from chimera_devnet import EmbeddedPostgres, EmbeddedRedis
from redis import Redis

T = TypeVar("T")
NewDatabase = Callable[[], AbstractContextManager[str]]
FIRST = ("tests/chaos/", "tests/browser/", "tests/journeys/")
"""Long tests begin first: at the end of a run in several processes, none is left to wait for alone."""
ALONE = ("tests/chaos/", "tests/browser/")
"""What kills processes or needs the machine to itself runs in one process, one test after the other."""


hypothesis.settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=500, deadline=None, print_blob=True)


def pytest_configure() -> None:
    """No test asks a real model, and none sees how this machine's own Chimera is set up."""
    pydantic_ai.models.ALLOW_MODEL_REQUESTS = False
    hypothesis.settings.load_profile("long" if os.environ.get("CHIMERA_TEST_LONG") else "quick")
    for name in [name for name in os.environ if name.startswith("CHIMERA_")]:
        if not name.startswith(("CHIMERA_TEST_", "CHIMERA_CHAOS_")):
            del os.environ[name]


class Parting(LoadScopeScheduling):
    """A run in several processes (`-n`) is parted by files, so that what a module shares is made once."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return next((folder for folder in ALONE if path.startswith(folder)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Parting:
    config.option.loadscopereorder = False  # the order is ours: see FIRST
    return Parting(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, at in enumerate(FIRST) if item.nodeid.startswith(at)), len(FIRST)))


def finish(work: Coroutine[object, object, T]) -> T:
    """Run to the end in a thread of its own: it does not matter whether the caller has an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def servers() -> Iterator[Path]:
    """The folder of the servers. Not a `tmp_path`: for root, the servers' account could not enter that."""
    with tempfile.TemporaryDirectory(prefix="chimera-tests-", dir=_memory()) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def _memory() -> Path | None:
    """A file system in memory, where a database is made in a tenth of the time; None without a roomy one."""
    place = Path("/dev/shm")
    if not place.is_dir() or shutil.disk_usage(place).free < 2**31 or os.statvfs(place).f_flag & os.ST_NOEXEC:
        return None
    return place


@pytest.fixture(scope="session")
def postgres(servers: Path) -> Iterator[str]:
    """The PostgreSQL server of this session: CHIMERA_TEST_DATABASE_URL, or one of our own."""
    with _serving(os.environ.get("CHIMERA_TEST_DATABASE_URL"), EmbeddedPostgres(servers, durable=False)) as url:
        yield url


@pytest.fixture(scope="session")
def redis(servers: Path, worker_id: str) -> Iterator[str]:
    """The Redis of this session: CHIMERA_TEST_REDIS_URL (it is emptied!), or one of our own.

    Of several processes (`-n`) each takes a database of its own, from the one that is named upwards.
    """
    given = os.environ.get("CHIMERA_TEST_REDIS_URL")
    if given and worker_id != "master":
        first = int(urlsplit(given).path.strip("/") or 0)
        given = urlsplit(given)._replace(path=f"/{first + int(worker_id.removeprefix('gw'))}").geturl()
    with _serving(given, EmbeddedRedis(servers, durable=False)) as url:
        yield url


@contextmanager
def _serving(given: str | None, server: EmbeddedPostgres | EmbeddedRedis) -> Iterator[str]:
    if given:
        yield given
        return
    try:
        yield finish(server.start())
    finally:
        finish(server.stop())


@pytest.fixture(scope="session")
def execute(postgres: str) -> Iterator[Callable[[str], None]]:
    """Runs a statement on the server, over one connection and in one thread for all the tests of this session."""
    with ThreadPoolExecutor(1) as thread:
        runner = asyncio.Runner()
        kept: list[asyncpg.Connection[asyncpg.Record]] = []

        async def run(statement: str) -> None:
            if not kept or kept[-1].is_closed():
                kept[:] = [await asyncpg.connect(postgres)]
            await kept[-1].execute(statement)

        yield lambda statement: thread.submit(runner.run, run(statement)).result()
        if kept:
            thread.submit(runner.run, kept[-1].close()).result()
        thread.submit(runner.close).result()


@pytest.fixture(scope="session")
def new_database(postgres: str, execute: Callable[[str], None]) -> Iterator[NewDatabase]:
    """Makes databases with the schema in them, one for each `with`."""

    @contextmanager
    def make(template: str | None = None) -> Iterator[str]:
        name = f"chimera_test_{uuid4().hex[:12]}"
        # A small database is copied in half the time by its files.
        copied = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        execute(f"CREATE DATABASE {name} {copied}")
        try:
            yield urlsplit(postgres)._replace(path=f"/{name}").geturl()
        finally:
            execute(f"DROP DATABASE {name} WITH (FORCE)")

    with make() as first:
        finish(migrate(first))
        yield lambda: make(template=urlsplit(first).path[1:])


@pytest.fixture
def database_url(new_database: NewDatabase) -> Iterator[str]:
    """A migrated database of the test's own."""
    with new_database() as url:
        yield url


@pytest.fixture
def redis_url(redis: str) -> str:
    """An empty Redis."""
    with Redis.from_url(redis) as client:
        client.flushdb()
    return redis


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Settings as in a process of its own, with the state in a temporary folder."""
    return Settings(
        state=tmp_path / "state", database_url=database_url, redis_url=redis_url, undo_seconds=0, cool_down_seconds=0
    )


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """Chimera, wired and connected, with no role at work."""
    system = System(settings)
    try:
        await system.open()
        yield system
    finally:
        await system.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of the browser tests: CHROMIUM, or the first one on the PATH."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    return found or pytest.skip("there is no chromium here: install it or name it in CHROMIUM")
