"""Processes: the roles beside this one, when one ends, and what is needed to find a running Chimera again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import BaseModel

from chimera.settings import Settings
from chimera.values import Role

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
