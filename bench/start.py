"""From nothing to ready: how long a worker takes until it asks for its first message, and a command to its end."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.error import HTTPError

import psutil
from redis.asyncio import Redis

from bench.arena import ROOT, Arena, ProgramFailed
from bench.contest import Contestant, Figures, Size, failures, hold
from bench.report import number, table

P = "bench.programs.hop_"
_CELERY = "worker --pool solo --concurrency 1 --without-gossip --without-mingle --without-heartbeat"
PATIENCE = 60.0

Takes = Callable[[str], bool]
"""Whether a command that Redis was sent is the one that takes a message."""

# Name, kind, worker, and the command of its that takes. One process each where a peer can be run so.
WORKERS: Sequence[tuple[str, str, str, Takes]] = (
    (
        "chimera work worker",
        "chimera",
        "chimera.cli.server_commands work worker",
        lambda told: told.startswith("EVALSHA") and "chimera:{work}:" in told,
    ),
    ("celery worker", "peer", f"celery -A {P}celery {_CELERY}", lambda told: told.startswith("BRPOP")),
    ("taskiq worker", "peer", f"taskiq worker --workers 1 {P}taskiq:broker", lambda told: "XREADGROUP" in told),
    (
        "dramatiq",
        "peer",
        f"dramatiq --processes 1 --threads 8 {P}dramatiq",
        lambda told: told.startswith("EVALSHA") and " fetch " in told,
    ),
)
COMMANDS = (
    ("chimera --help", "chimera", "chimera.cli.main --help"),
    ("celery --help", "peer", "celery --help"),
    ("taskiq --help", "peer", "taskiq --help"),
    ("dramatiq --help", "peer", "dramatiq --help"),
)


async def contest(arena: Arena, size: Size) -> str:
    """Hold it; its part of the results."""
    workers = [Contestant(name, partial(_worker, arena, words, takes), kind) for name, kind, words, takes in WORKERS]
    commands = [Contestant(name, partial(_command, words), kind) for name, kind, words in COMMANDS]
    laptop = [Contestant("chimera up, warm", partial(_laptop, arena), "chimera")]
    await hold([*workers, *commands], size.rounds)
    await _laptop(arena)  # the first time makes the servers' folders and the schema
    await hold(laptop, size.rounds)
    rows = [
        [one.name, number(one.median("seconds"), 2), number(one.median("cpu"), 2), number(one.median("rss_mb"))]
        for one in (*workers, *commands, *laptop)
    ]
    return f"""## start: from nothing to ready

A worker is ready when Redis is sent the command that takes its first message (as `MONITOR` sees it); a command, when
it has ended; `chimera up`, with all roles in one process and its own PostgreSQL, Redis, chain and signer beside it,
when `/health` answers for the first time. CPU and memory are those of the process and its children at that moment (of
`up`, without its servers). Compiled files are there, as they are after an installation.

{table(["", "s", "CPU, s", "RSS, MB"], rows)}
{failures([*workers, *commands, *laptop])}"""


async def _worker(arena: Arena, words: str, takes: Takes) -> Figures:
    given = await arena.fresh(schema=True)
    environment = {
        **given,
        "CHIMERA_DATABASE_URL": given["BENCH_DATABASE_URL"],
        "CHIMERA_REDIS_URL": given["BENCH_REDIS_URL"],
        "CHIMERA_STATE": str(arena.folder / "role"),
        "BENCH_PHASES": "1,1,1",
    }
    client = Redis.from_url(given["BENCH_REDIS_URL"], socket_timeout=None)
    try:
        async with client.monitor() as monitor, asyncio.timeout(PATIENCE):
            begun = time.perf_counter()
            async with _started(words.split(), environment) as pid:
                async for seen in monitor.listen():
                    if takes(str(seen["command"])):
                        break
                return {"seconds": time.perf_counter() - begun, **_used(psutil.Process(pid))}
    except TimeoutError as error:
        raise ProgramFailed(f"{words} took no message within {PATIENCE:.0f} s") from error
    finally:
        await client.aclose()


async def _command(words: str) -> Figures:
    return await asyncio.to_thread(_run, words.split())


def _run(words: Sequence[str]) -> Figures:
    begun = time.perf_counter()
    quiet = os.open(os.devnull, os.O_RDWR)
    files = [(os.POSIX_SPAWN_DUP2, quiet, each) for each in (0, 1, 2)]
    pid = os.posix_spawn(sys.executable, [sys.executable, "-m", *words], os.environ, file_actions=files)
    os.close(quiet)
    _, code, used = os.wait4(pid, 0)
    if code != 0:
        raise ProgramFailed(f"{' '.join(words)} ended with {code}")
    spent = used.ru_utime + used.ru_stime
    return {"seconds": time.perf_counter() - begun, "cpu": spent}  # the peak of memory includes the one who spawned it


async def _laptop(arena: Arena) -> Figures:
    port = 18_420
    environment = {"CHIMERA_STATE": str(arena.folder / "laptop"), "CHIMERA_PORT": str(port)}
    begun = time.perf_counter()
    async with _started(["chimera.cli.main", "up"], environment) as pid:
        while not await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/health"):
            if time.perf_counter() - begun > PATIENCE:
                raise ProgramFailed(f"chimera up did not answer within {PATIENCE:.0f} s")
            await asyncio.sleep(0.01)
        return {"seconds": time.perf_counter() - begun, **_used(psutil.Process(pid), children=False)}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):
            return True
    except HTTPError:
        return True  # it says that no role is alive yet: it answers
    except OSError:
        return False


@asynccontextmanager
async def _started(words: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[int]:
    """A program that runs meanwhile, and is then ended in good order: its servers end with it."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield child.pid
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(15):
                await child.wait()
        except TimeoutError:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


def _used(process: psutil.Process, *, children: bool = True) -> dict[str, float]:
    """CPU seconds since its start, and resident memory."""
    tree = [process, *(process.children(recursive=True) if children else [])]
    times = [each.cpu_times() for each in tree]
    spent = sum(each.user + each.system for each in times)
    return {"cpu": spent, "rss_mb": sum(each.memory_info().rss for each in tree) / 2**20}
