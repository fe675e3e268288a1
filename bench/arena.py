"""The servers of one run, the same for all, and the processes that are measured on them."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from chimera.database.migrations import migrate
from chimera_devnet import EmbeddedPostgres, EmbeddedRedis

ROOT = Path(__file__).resolve().parent.parent
APART = ROOT / ".venv-bench" / "apart" / "bin" / "python"


class ProgramFailed(Exception):
    """A measured program did not come to an end; the message holds the last of what it said."""


class Arena:
    """PostgreSQL and Redis with durable settings, and programs started against them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._postgres = EmbeddedPostgres(folder / "state")
        self._redis = EmbeddedRedis(folder / "state")
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Arena"]:
        """Start the servers in a folder that is removed at the end."""
        async with AsyncExitStack() as stack:
            arena = cls(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chimera-bench-"))))
            # Root's servers run as another account, which must be able to pass.
            arena.folder.chmod(0o711)
            for server in (arena._postgres, arena._redis):
                stack.push_async_callback(server.stop)
                await server.start()
            yield arena

    @property
    def servers(self) -> Mapping[str, int]:
        """The servers' process ids."""
        return {"postgres": self._postgres.pid or 0, "redis": self._redis.pid or 0}

    async def versions(self) -> Mapping[str, str]:
        """What the servers are."""
        connection = await asyncpg.connect(self._postgres.url)
        client = Redis.from_url(self._redis.url, decode_responses=True)
        try:
            version = await connection.fetchval("SHOW server_version")
            info = await client.info("server")
        finally:
            await connection.close()
            await client.aclose()
        name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
        return {"PostgreSQL": version, name: str(info.get("valkey_version") or info["redis_version"])}

    async def fresh(self, *, schema: bool = False) -> dict[str, str]:
        """An empty Redis and a new database, as environment variables; with `schema` it is Chimera's."""
        client = Redis.from_url(self._redis.url)
        await client.flushall()
        await client.aclose()
        self._count += 1
        name = f"bench_{self._count}"
        connection = await asyncpg.connect(self._postgres.url)
        await connection.execute(f'CREATE DATABASE "{name}"')
        # What the last one left to write must not burden the next.
        await connection.execute("CHECKPOINT")
        await connection.close()
        url = self._postgres.url.rsplit("/", 1)[0] + f"/{name}"
        if schema:
            await migrate(url)
        return {
            "BENCH_REDIS_URL": self._redis.url,
            "BENCH_DATABASE_URL": url,
            "BENCH_STATE": str(self.folder / "work"),
            "BENCH_TALLY": str(self.folder / f"tally-{self._count}"),
            "BENCH_SERVERS": json.dumps(dict(self.servers)),
        }

    async def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, apart: bool = False, seconds: float = 60
    ) -> dict[str, float]:
        """Run `python -m` with these arguments to its end; the JSON object in its last line."""
        said, _ = await self.hear(arguments, environment, apart=apart, seconds=seconds)
        answer: dict[str, float] = json.loads(said.splitlines()[-1])
        return answer

    async def hear(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, apart: bool = False, seconds: float = 60
    ) -> tuple[str, str]:
        """The same, as the text of standard output and of standard error."""
        child = await self._start(arguments, environment, apart)
        try:
            async with asyncio.timeout(seconds):
                said, complaints = await child.communicate()
        except TimeoutError as error:
            raise ProgramFailed(f"{arguments[0]} took more than {seconds:.0f} s") from error
        finally:
            await _end(child)
        if child.returncode != 0 or not said.strip():
            raise ProgramFailed(f"{' '.join(arguments)} failed:\n{complaints.decode()[-2_000:]}")
        return said.decode().strip(), complaints.decode()

    @asynccontextmanager
    async def worker(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, apart: bool = False
    ) -> AsyncIterator[dict[str, str]]:
        """Keep a worker process running meanwhile; the environment for those who deal with it."""
        child = await self._start(arguments, environment, apart, quiet=True)
        try:
            yield {**environment, "BENCH_WORKER": str(child.pid)}
        finally:
            await _end(child)

    async def _start(
        self, arguments: Sequence[str], environment: Mapping[str, str], apart: bool, *, quiet: bool = False
    ) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.DEVNULL if quiet else asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            str(APART) if apart else sys.executable,
            "-m",
            *arguments,
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )


async def _end(child: asyncio.subprocess.Process) -> None:
    """End a program and what it has started, without ceremony: what it was for is measured, or has failed."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        await child.wait()
