"""What the embedded servers share: private files, locks that die with their holder, waits that end."""

import os
import pwd
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_devnet import StateLock, StateLocked
from chimera_devnet.process import (
    SystemAccount,
    account_for,
    free_port,
    hold,
    keep_secret,
    make_state,
    open_private,
    reachable,
    runnable,
    settle,
    tail,
    until,
)

AS_ROOT = os.geteuid() == 0
ME = SystemAccount(os.geteuid(), os.getegid())
STRANGER = SystemAccount(54_321, 54_321)


@pytest.fixture
def parent() -> Iterator[Path]:
    # Not tmp_path: for root it lies below a folder that the servers' account cannot enter.
    with tempfile.TemporaryDirectory(prefix="chimera-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def holding(path: Path) -> bool:
    """Whether somebody holds the lock."""
    handle = hold(path, ME)
    if handle is not None:
        os.close(handle)
    return handle is None


def test_the_state_folder_is_made_private_and_an_existing_one_keeps_its_mode(parent: Path) -> None:
    made = make_state(parent / "a" / "state")
    assert made == (parent / "a" / "state").resolve()
    assert mode(made) == (0o711 if AS_ROOT else 0o700)
    made.chmod(0o755)
    assert mode(make_state(made)) == 0o755


def test_servers_do_not_run_as_root(parent: Path) -> None:
    account = account_for(parent)
    assert account.uid != 0
    assert AS_ROOT or account == ME


@pytest.mark.skipif(not AS_ROOT, reason="only root can give a folder away")
def test_the_owner_of_the_folder_runs_its_servers(parent: Path) -> None:
    entry = next(entry for entry in pwd.getpwall() if 0 < entry.pw_uid < 2**31)
    os.chown(parent, entry.pw_uid, entry.pw_gid)
    assert account_for(parent) == (entry.pw_uid, entry.pw_gid)


@pytest.mark.parametrize(("bits", "within"), [(0o700, False), (0o711, True), (0o755, True)])
def test_a_file_is_within_reach_when_every_folder_above_it_is(parent: Path, bits: int, within: bool) -> None:
    folder = parent / "folder"
    folder.mkdir()
    file = folder / "file"
    file.write_text("x")
    file.chmod(0o644)
    folder.chmod(bits)
    assert reachable(file, STRANGER, 4) is within
    assert not reachable(file, STRANGER, 2)


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another account")
def test_a_state_folder_out_of_reach_is_settled_elsewhere_once(parent: Path) -> None:
    hidden = parent / "hidden"
    hidden.mkdir(mode=0o700)
    folder, account = settle(hidden / "state", durable=False)
    try:
        assert not folder.is_relative_to(hidden)
        assert reachable(folder, account, 1)
        assert settle(hidden / "state", durable=False) == (folder, account)
        assert mode(hidden) == 0o700
    finally:
        folder.rmdir()


def test_a_private_file_is_for_its_account_alone(parent: Path) -> None:
    os.close(open_private(parent / "file", ME))
    assert mode(parent / "file") == 0o600
    (parent / "file").chmod(0o666)
    os.close(open_private(parent / "file", ME))
    assert mode(parent / "file") == 0o600


def test_a_private_file_is_never_opened_through_a_link(parent: Path) -> None:
    (parent / "elsewhere").write_text("precious")
    (parent / "file").symlink_to(parent / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        open_private(parent / "file", ME)
    assert (parent / "elsewhere").read_text() == "precious"


def test_a_secret_is_made_up_once_and_kept(parent: Path) -> None:
    secret = keep_secret(parent / "one", ME)
    assert len(secret) >= 32
    assert keep_secret(parent / "one", ME) == secret
    assert keep_secret(parent / "two", ME) != secret
    assert mode(parent / "one") == 0o600


def test_a_lock_has_one_holder_and_is_free_once_it_lets_go(parent: Path) -> None:
    handle = hold(parent / "lock", ME)
    assert handle is not None
    assert holding(parent / "lock")
    os.close(handle)
    assert not holding(parent / "lock")


def test_a_lock_dies_with_its_holder_and_lives_on_in_its_children(parent: Path) -> None:
    handle = hold(parent / "lock", ME)
    assert handle is not None
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", "import signal; signal.pause()"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, handle, handle)],
    )
    os.close(handle)
    try:
        assert holding(parent / "lock")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert not holding(parent / "lock")


def test_state_lock_lets_the_next_holder_in_after_the_first(parent: Path) -> None:
    state = parent / "state"
    with StateLock(state):
        with pytest.raises(StateLocked, match=f"process {os.getpid()} "), StateLock(state):
            pass
        assert (state / "chimera.lock").stat().st_mode & 0o777 == 0o600
    with StateLock(state):
        pass


def test_a_program_within_reach_is_run_where_it_is(parent: Path) -> None:
    program = parent / "package" / "program"
    program.parent.mkdir(mode=0o755)
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    assert runnable(program, program.parent, account_for(parent), parent / "shelter") == program
    assert not (parent / "shelter").exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another account")
def test_a_program_out_of_reach_is_copied_with_its_libraries(parent: Path) -> None:
    hidden = parent / "hidden"
    for name in ("package", "package.libs"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "program").write_text(name)
    hidden.chmod(0o700)
    account = account_for(parent)
    twin = runnable(hidden / "package" / "program", hidden / "package", account, parent / "shelter")
    assert (twin, twin.read_text()) == (parent / "shelter" / "package" / "program", "package")
    assert (parent / "shelter" / "package.libs" / "program").exists()
    assert reachable(twin, account, 5)


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()


def test_the_tail_of_a_log_is_its_last_lines_since_a_start(parent: Path) -> None:
    log = parent / "log"
    log.write_bytes(b"old\n" * 10 + b"\xff new\n" * 30)
    assert tail(log).splitlines() == ["\ufffd new"] * 20
    assert tail(log, 40 + 6 * 29) == "\ufffd new"
    log.write_text("truncated\n")
    assert tail(log, 1_000) == "truncated"


async def test_a_wait_ends_when_it_holds_or_when_the_time_is_over() -> None:
    answers = iter([False, False, True])

    async def third() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    assert await until(third, 5)
    assert not await until(never, 0.05)
