"""What the embedded servers share: a folder, an account, a start and a stop that are bounded.

Whether a server lives is told by a file lock that its processes inherit, not by a pid: the kernel lets
go of it when the last of them has gone, so neither a reused pid nor a zombie can deceive us.
"""

import asyncio
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

POLL_SECONDS = 0.005
# A start waits this long for a dying predecessor, and for its own server (recovery after a crash is slow).
RETRY_SECONDS = 10.0
READY_SECONDS = 60.0


class EmbeddedError(OSError):
    """An embedded server could not do what was asked; the message says what a person can do."""


class ProgramNotFound(EmbeddedError):
    """No usable server program is installed."""


class StartFailed(EmbeddedError):
    """The server did not come up; the message ends with the last lines of its log."""


class WrongPassword(EmbeddedError):
    """The password file does not belong to the server's data."""


class AlreadyRunning(EmbeddedError):
    """Process `pid` (None when unknown) holds what was asked for and does not share it."""

    def __init__(self, pid: int | None, holds: str) -> None:
        super().__init__(f"process {pid or 'unknown'} {holds}")
        self.pid = pid


class StateLocked(AlreadyRunning):
    """Another chimera process uses the state folder."""


class SystemAccount(NamedTuple):
    """The user and group that own a server's files and run it."""

    uid: int
    gid: int


def account_for(folder: Path) -> SystemAccount:
    """Who runs the servers of `folder`: we ourselves; for root its owner or an unprivileged account.

    Raises EmbeddedError when root has nobody to hand over to.
    """
    if os.geteuid() != 0:
        return SystemAccount(os.geteuid(), os.getegid())
    owner = folder.stat().st_uid
    with suppress(KeyError):
        if owner != 0:
            return SystemAccount(owner, pwd.getpwuid(owner).pw_gid)
    for name in ("nobody", "daemon"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            # macOS gives nobody the uid -2, which not every system call takes.
            if 0 < entry.pw_uid < 2**31:
                return SystemAccount(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("root needs an account nobody or daemon to run the servers as; there is neither")


def reachable(path: Path, account: SystemAccount, bits: int) -> bool:
    """Whether `account` may pass every parent of `path` and has the mode `bits` (r=4, w=2, x=1) on it."""

    def allows(place: Path, wanted: int) -> bool:
        status = place.stat()
        shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
        return (status.st_mode >> shift) & wanted == wanted

    path = path.resolve()
    return allows(path, bits) and all(allows(parent, 1) for parent in path.parents)


def make_state(state: Path) -> Path:
    """Create the state folder if it is missing and return it resolved; an existing one keeps its mode."""
    if not state.exists():
        state.mkdir(mode=0o700, parents=True)
        # The account of root's servers must pass through; everything inside is private to its owner.
        state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return state.resolve()


def settle(state: Path, *, durable: bool) -> tuple[Path, SystemAccount]:
    """Return the folder in which the servers of `state` live, and their account.

    It is `state` itself unless that is root's and the account cannot reach it. Then it is a folder below
    /var/lib (or the temporary folder when not `durable`), and a note in `state` says which.
    """
    state = make_state(state)
    account = account_for(state)
    if os.geteuid() != 0 or state.stat().st_uid != 0 or reachable(state, account, 1):
        return state, account
    note = state / "servers-moved-to.txt"
    if note.exists() and (moved := Path(note.read_text().strip())).is_dir():
        return moved, account
    places = ("/var/lib", "/var/db", tempfile.gettempdir()) if durable else (tempfile.gettempdir(),)
    fit = (place for place in map(Path, places) if place.is_dir() and reachable(place, account, 1))
    # A new folder each time: an old one may be a stranger's, or belong to a state folder removed long ago.
    prefix = f"chimera-{sha256(os.fsencode(state)).hexdigest()[:12]}-"
    moved = Path(tempfile.mkdtemp(prefix=prefix, dir=next(fit, "/tmp")))
    moved.chmod(0o711)
    note.write_text(f"{moved}\n")
    return moved, account


def open_private(path: Path, account: SystemAccount, flags: int = 0) -> int:
    """Open (or create) a file only `account` may read and return its descriptor; links are refused."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    os.fchmod(handle, 0o600)
    if os.geteuid() == 0:
        os.fchown(handle, account.uid, account.gid)
    return handle


def keep_secret(path: Path, account: SystemAccount) -> str:
    """Return the password kept in `path`, made up and stored on first use."""
    with open(open_private(path, account), "r+") as file:
        secret = file.read().strip()
        if not secret:
            secret = secrets.token_urlsafe(24)
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
    return secret


def hold(path: Path, account: SystemAccount) -> int | None:
    """Take the lock file `path` and return its descriptor, or None while another process has it."""
    handle = open_private(path, account)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def runnable(program: Path, package: Path, account: SystemAccount, shelter: Path) -> Path:
    """Return `program`, or its twin in a copy of `package` at `shelter` when `account` cannot run it.

    The folder `<package>.libs` is copied too, because the programs find it beside their package.
    Raises ProgramNotFound when a copy would lie in a folder that is not root's.
    """
    if os.geteuid() != 0 or reachable(program, account, 5):
        return program
    if shelter.parent.stat().st_uid != 0:
        raise ProgramNotFound(f"uid {account.uid} cannot run {program}; start chimera as that user")
    if not shelter.exists():
        draft = shelter.with_name(f"{shelter.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        for tree in (package, package.with_name(f"{package.name}.libs")):
            if tree.exists():
                shutil.copytree(tree, draft / tree.name, ignore=shutil.ignore_patterns("*.a", "include"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        # Once renamed it is trusted for ever, so a power cut must not leave empty files in it.
        os.sync()
        draft.rename(shelter)
    return shelter / package.name / program.relative_to(package)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, start: int = 0) -> str:
    """The last lines of what was written to `log` from byte `start` on."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start if start <= size else 0, size - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-20:])


async def until(
    done: Callable[[], Awaitable[bool]], seconds: float, child: subprocess.Popen[bytes] | None = None
) -> bool:
    """Poll `done` until it holds: True. False when `seconds` pass, or `child` ends, before it does."""
    deadline = time.monotonic() + seconds
    while not await done():
        if time.monotonic() > deadline or (child is not None and child.poll() is not None):
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


class StateLock:
    """Keeps a second chimera process out of a state folder, for as long as this process lives.

    Entering it raises StateLocked when another process is inside; a killed process leaves nothing behind.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._handle = -1

    def __enter__(self) -> Self:
        state = make_state(self._state)
        path = state / "chimera.lock"
        handle = hold(path, account_for(state))
        if handle is None:
            text = path.read_text().strip()
            raise StateLocked(int(text) if text.isdigit() else None, f"already uses the state folder {state}")
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


class EmbeddedServer(ABC):
    """A server process that lives in a state folder, listens on loopback and is ours to stop.

    After `start`: `folder` is where it lives (see `settle`), `pid` and `port` are its own, and `adopted`
    tells that it was found running, left behind by a process that was killed.
    """

    name: ClassVar[str]
    # Signals that end the server, each with the seconds it gets before the next one.
    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]]
    # Words in the log of a failed start that make another attempt worth while.
    passing: ClassVar[tuple[str, ...]] = ("Address already in use",)

    def __init__(self, state: Path, *, durable: bool = True) -> None:
        self.state, self.durable, self.adopted = state, durable, False
        self.pid: int | None = None
        self.port, self.secret = 0, ""
        self._child: subprocess.Popen[bytes] | None = None
        self._live_in(state, SystemAccount(os.geteuid(), os.getegid()))

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, with the password."""

    @abstractmethod
    def recorded(self) -> tuple[int, int] | None:
        """Pid and port as the last server wrote them down, or None; it need not be alive."""

    @abstractmethod
    async def prepare(self, lock: int) -> None:
        """Find the program, and make the data ready before the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that serves `port`."""

    @abstractmethod
    async def answers(self) -> bool:
        """Whether a client gets in at `port`. Raises WrongPassword when it never will."""

    def environment(self) -> dict[str, str]:
        """All the server gets to see: a user's PGDATA or LC_ALL must not change what it does."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    async def start(self) -> str:
        """Start the server, or take over the one that a killed process left behind, and return its URL.

        Either way it is ours from now on: `stop` ends it. Keep other chimera processes out with StateLock.
        Raises StartFailed, AlreadyRunning, ProgramNotFound or WrongPassword.
        """
        self._live_in(*settle(self.state, durable=self.durable))
        if not self.home.exists():
            self.home.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(self.home, *self.account, follow_symlinks=False)
        self.secret = keep_secret(self.password_file, self.account)
        deadline, pause = time.monotonic() + RETRY_SECONDS, POLL_SECONDS
        while not (await self._adopt() or await self._launch()):
            if time.monotonic() > deadline:
                pid, _ = self.recorded() or (None, None)
                raise AlreadyRunning(pid, f"holds {self.home} and does not let us in\n{tail(self.log)}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)
        return self.url

    async def stop(self) -> None:
        """End the server, politely first, and return when all its processes have gone.

        Raises EmbeddedError when it outlives the last of `stop_steps`.
        """
        for step, seconds in self.stop_steps:
            if self.pid is None or await self._gone():
                break
            with suppress(ProcessLookupError):
                os.kill(self.pid, step)
            await until(self._gone, seconds)
        if self.pid is not None and not await self._gone():
            raise EmbeddedError(f"{self.name}, process {self.pid}, outlived every signal\n{tail(self.log)}")
        self.pid, self._child, self.adopted = None, None, False

    async def run_to_end(self, command: list[str], lock: int) -> None:
        """Run a short program as the server's account. Raises StartFailed when it fails or hangs."""
        child = self._spawn(command, lock)

        async def ended() -> bool:
            return child.poll() is not None

        try:
            await until(ended, READY_SECONDS)
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            raise StartFailed(f"{command[0]} failed with {child.returncode}\n{tail(self.log)}")

    async def _adopt(self) -> bool:
        recorded = self.recorded()
        if recorded is None or await self._gone():
            return False
        pid, self.port = recorded
        with suppress(WrongPassword):
            if await self.answers():
                self.pid, self.adopted = pid, self._child is None or self._child.pid != pid
                return True
        return False

    async def _launch(self) -> bool:
        lock = hold(self._lock, self.account) if await self._gone() else None
        if lock is None:
            return False
        start = self.log.stat().st_size if self.log.exists() else 0
        try:
            await self.prepare(lock)
            self.port = free_port()
            child = self._spawn(self.command(), lock)
        finally:
            os.close(lock)
        self._child, self.pid, self.adopted = child, child.pid, False
        ready = False
        try:
            ready = await until(self.answers, READY_SECONDS, child)
        finally:
            if not ready:
                await self.stop()
        said = tail(self.log, start)
        if not ready and not any(words in said for words in self.passing):
            raise StartFailed(f"{self.name} did not start; the end of {self.log}:\n{said}")
        return ready

    def _spawn(self, command: list[str], lock: int) -> subprocess.Popen[bytes]:
        user, group = self.account if os.geteuid() == 0 else (None, None)
        with open(open_private(self.log, self.account, os.O_APPEND), "ab") as log:
            if log.tell() > 16 * 2**20:
                log.truncate(0)
            try:
                # In a session of its own: Ctrl-C in the terminal is for the parent, which stops us in order.
                return subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, umask=0o077,
                    env=self.environment(), start_new_session=True, pass_fds=(lock,),
                    user=user, group=group, extra_groups=None if user is None else [],
                )  # fmt: skip
            except OSError as error:
                raise StartFailed(f"{command[0]} cannot be run as uid {self.account.uid}: {error}") from error

    def _live_in(self, folder: Path, account: SystemAccount) -> None:
        self.folder, self.account = folder, account
        self.home = folder / self.name
        self.log = folder / f"{self.name}.log"
        self.password_file = folder / f"{self.name}.password"
        self._lock = folder / f"{self.name}.lock"

    async def _gone(self) -> bool:
        # The lock is free a moment before a dead child can be reaped.
        if self._child is not None and self._child.poll() is None:
            return False
        lock = hold(self._lock, self.account)
        if lock is not None:
            os.close(lock)
        return lock is not None
