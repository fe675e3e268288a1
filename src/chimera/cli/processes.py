"""Processes: the server in this one, the roles beside it, and what is needed to find a running Chimera again."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
import uvicorn
from pydantic import BaseModel

from chimera.settings import Settings
from chimera.values import KeyRole, Role
from chimera.wiring import System
from chimera.wiring.api import create_app

log = structlog.get_logger()

STOP_SECONDS = 4.0
"""How long a process may take to stop before it is killed."""

PARENT = "CHIMERA_PARENT_PID"
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0


class Address(BaseModel):
    """Where a running Chimera is; kept in the state folder for its owner's eyes alone."""

    url: str
    key: str
    database_url: str
    redis_url: str

    @classmethod
    def read(cls, state: Path) -> "Address | None":
        """The address that was left here, if any; whether somebody still listens is another question."""
        try:
            return cls.model_validate_json((state / "address.json").read_text("utf-8"))
        except OSError:
            return None

    def write(self, state: Path) -> None:
        """Leave the address for the CLI and for processes that join."""
        path = state / "address.json"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(), "utf-8")


async def open_door(system: System, url: str) -> Address:
    """Make the key with which this machine's owner comes in: an operator's, for as long as a day."""
    tenant_id = await system.accounts.open_tenant(system.settings.tenant)
    key = await system.accounts.add_key(
        tenant_id,
        f"console of process {os.getpid()}",
        KeyRole.OPERATOR,
        platform=True,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    settings = system.settings
    address = Address(url=url, key=key, database_url=settings.database_url or "", redis_url=settings.redis_url or "")
    address.write(settings.state)
    return address


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: this program decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(system: System, host: str, port: int) -> AsyncIterator[str]:
    """The API and the board, from the first request served to the last; yields the address."""
    door = _listen(host, port)
    app = create_app(system)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[door]))
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait([task, listening], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        listening.cancel()
        await task
        raise OSError("the server ended before it could serve; its log says why")
    bound: int = door.getsockname()[1]
    try:
        yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"
    finally:
        await app.state.live.close()  # open tabs must not hold the process
        server.should_exit = True
        await asyncio.wait([task], timeout=STOP_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. OSError with what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.bind((host, port))
        door.listen(1_024)
    except OSError as error:
        door.close()
        raise OSError(f"cannot listen on {host}:{port} ({error.strerror}); set CHIMERA_PORT to another port") from error
    return door


class Supervisor:
    """Role processes beside this one; one that dies is started again, after a pause that grows."""

    def __init__(self, settings: Settings, roles: Sequence[Role]) -> None:
        self._settings = settings
        self._roles = roles
        self._logs = settings.state / "logs"

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep every role alive until `stopping`, then end them all in good order."""
        self._logs.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as group:
            for role in self._roles:
                group.create_task(self._keep(role, stopping))

    async def _keep(self, role: Role, stopping: asyncio.Event) -> None:
        wait, clock = 0.0, asyncio.get_running_loop().time
        while not stopping.is_set():
            begun = clock()
            process = await self._start(role)
            await _first(process.wait(), stopping.wait())
            if stopping.is_set():
                await _end(process)
                return
            # A process that had run for a while died a single death; one that had not may do it again at once.
            wait = _FIRST_PAUSE if clock() - begun > _LONGEST_PAUSE else min(_LONGEST_PAUSE, wait * 2 + _FIRST_PAUSE)
            await log.awarning("died", role=role.value, code=process.returncode, again_in=wait)
            await pause(stopping, wait)

    async def _start(self, role: Role) -> Process:
        environment = {**self._settings.environment(), PARENT: str(os.getpid())}
        with (self._logs / f"{role.value}.log").open("ab") as out:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "chimera.cli.server_commands", "work", role.value),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _first(*waits: Coroutine[None, None, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def stop_on_signals(stopping: asyncio.Event) -> Iterator[None]:
    """Set `stopping` on Ctrl-C, SIGTERM and SIGHUP."""
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in wanted:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


async def stop_with_parent(stopping: asyncio.Event) -> None:
    """Stop when the process that started this one is gone: no orphan goes on working."""
    parent = os.environ.get(PARENT)
    while parent is not None and not stopping.is_set():
        if os.getppid() != int(parent):
            await log.awarning("parent lost", parent=parent)
            stopping.set()
        await pause(stopping, 0.5)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until `stopping`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
