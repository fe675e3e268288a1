"""Serving, the crew of role processes, and the address that is left for others."""

import asyncio
import os
import stat
from pathlib import Path

import httpx2
import psutil
import pytest

from chimera.cli import processes as running
from chimera.cli.serving import open_door, serving
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System


async def until(true: object, seconds: float = 60) -> None:
    """Wait for a condition, with a bound."""
    assert callable(true)
    async with asyncio.timeout(seconds):
        while not true():
            await running.pause(asyncio.Event(), 0.05)


def members() -> dict[str, psutil.Process]:
    """The role processes of this process."""
    found = psutil.process_iter(["ppid", "cmdline"])
    lines = {child: child.info["cmdline"] or [] for child in found if child.info["ppid"] == os.getpid()}
    return {line[-1]: child for child, line in lines.items() if "work" in line[-2:]}


async def test_it_serves_on_a_free_port_and_stops(settings: Settings) -> None:
    async with serving(System(settings), "127.0.0.1", 0) as url, httpx2.AsyncClient() as client:
        assert (await client.get(f"{url}/health")).status_code == 503

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/health")


async def test_a_port_that_is_taken_is_a_clear_error(settings: Settings) -> None:
    async with serving(System(settings), "127.0.0.1", 0) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="CHIMERA_PORT"):
            async with serving(System(settings), "127.0.0.1", port):
                pass


async def test_the_address_is_for_its_owner_alone_and_opens_the_door(settings: Settings) -> None:
    system = System(settings)
    settings.state.mkdir(parents=True, exist_ok=True)
    async with serving(system, "127.0.0.1", 0) as url:
        address = await open_door(system, url)
        caller = await system.accounts.authenticate(address.key)

    path = settings.state / "address.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert running.Address.read(settings.state) == address
    assert caller.platform


def test_no_address_is_none(tmp_path: Path) -> None:
    assert running.Address.read(tmp_path) is None


async def test_a_role_that_is_killed_is_started_again_and_all_end_together(settings: Settings) -> None:
    stopping = asyncio.Event()
    crew = asyncio.create_task(running.Supervisor(settings, [Role.PUBLISHER]).run(stopping))
    await until(lambda: "publisher" in members())
    first = members()["publisher"]
    first.kill()
    await until(lambda: members().get("publisher") not in (None, first))
    second = members()["publisher"]

    stopping.set()
    await crew

    assert second.pid != first.pid
    assert not second.is_running()


async def test_an_orphan_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(running.PARENT, str(os.getpid()))  # not this process's parent
    stopping = asyncio.Event()

    await asyncio.wait_for(running.stop_with_parent(stopping), 5)

    assert stopping.is_set()
