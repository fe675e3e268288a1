"""What a storm rages over: PostgreSQL, Redis and the social network, each on a port that outlives its death."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from chimera.gateways.mcp.host import ToolServer
from chimera.settings import Settings
from chimera.wiring import tool_servers
from chimera_devnet import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer

BOUND_S = 30.0
CALL_S = 3.0
PORTS = range(20_000, 32_000)


def quiet_port() -> int:
    """A free port below those that outgoing connections are given: nobody takes it while its owner is dead."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class _Lasting(EmbeddedServer):
    """A server that comes back where it was, as one that is configured by its address does."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self._fixed = quiet_port()

    def command(self) -> list[str]:
        self.port = self._fixed
        return super().command()

    async def crash(self) -> None:
        """Die of kill -9."""
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class LastingPostgres(_Lasting, EmbeddedPostgres):
    """PostgreSQL."""


class LastingRedis(_Lasting, EmbeddedRedis):
    """Redis."""


class Network:
    """The bundled social network over HTTP; others may open the same file over stdio. Its faults are in a file."""

    def __init__(self, state: Path) -> None:
        self.port = quiet_port()
        self.file = state / "social.db"
        self.switch = state / "faults"
        self._log = state / "network.log"
        self._due: Counter[tuple[str, str]] = Counter()
        self._process: asyncio.subprocess.Process | None = None
        self.deaths = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def arguments(self) -> list[str]:
        """How to serve this file with these faults."""
        return ["-m", "chimera_devnet.social", "--db", str(self.file), "--fault", f"@{self.switch}"]

    def config(self, settings: Settings, name: str, **reached: Any) -> Path:
        """An MCP configuration file in which the network is reached so."""
        bundled = tool_servers(settings)["twitter-mcp"]
        known = {"reads": bundled.reads, "acts": bundled.acts, "platform": bundled.platform}
        server = ToolServer(**known, timeout_seconds=CALL_S, **reached)
        path = settings.state / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"mcpServers": {"twitter-mcp": server.model_dump(mode="json")}}), "utf-8")
        return path

    async def start(self) -> None:
        """Serve; returns when it listens."""
        assert await self._launch(), self._log.read_text()

    async def _launch(self) -> bool:
        """A new process; False when it dies before it listens."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self.arguments, "--transport", "http", "--port", str(self.port)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        return b"listening" in await asyncio.wait_for(self._process.stdout.readline(), BOUND_S)

    async def stop(self) -> None:
        """Die of kill -9; every connection is reset."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def keep(self) -> None:
        """Start it again whenever it has died."""
        while self._process is not None:
            await self._process.wait()
            self.deaths += 1
            await self._launch()

    def fail(self, mode: str, times: int, seconds: str = "") -> None:
        """Let so many writing calls more go wrong; a 429 says for how many seconds it holds, where told."""
        self._due[mode, seconds] += times
        self._write([f"{mode}:{count}:{held}".rstrip(":") for (mode, held), count in sorted(self._due.items())])

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._write([])

    def _write(self, lines: list[str]) -> None:
        draft = self.switch.with_suffix(".draft")
        draft.write_text("\n".join(lines), "utf-8")
        draft.replace(self.switch)
