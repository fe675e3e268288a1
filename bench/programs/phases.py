"""How every peer's hop is measured: a worker process counts, a sending process times."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.programs.meter import Meter

PACE_SECONDS = 0.01
"""Between two hops when the latency of an idle queue is measured."""

Send = Callable[[int], Awaitable[None] | None]


def redis_url() -> str:
    """The Redis of this run."""
    return os.environ["BENCH_REDIS_URL"]


def sizes() -> list[int]:
    """How many hops each phase has: warm-up, crowd, and one at a time."""
    return [int(size) for size in os.environ["BENCH_PHASES"].split(",")]


class Tally:
    """Counts in the worker process; at the end of each phase it appends a line to a file.

    A file and not Redis, so that counting does not load what is measured. The clock is the machine's monotonic one,
    which all processes share.
    """

    def __init__(self) -> None:
        self._file = Path(os.environ["BENCH_TALLY"])
        self._sizes = sizes()
        self._waits: list[int] = []
        self._lock = threading.Lock()

    def done(self, sent: int) -> None:
        """One task that was sent at `sent` nanoseconds has been handled."""
        now = time.monotonic_ns()
        with self._lock:
            self._waits.append(now - sent)
            if len(self._waits) < self._sizes[0]:
                return
            waits, self._waits = sorted(self._waits), []
            self._sizes = self._sizes[1:] or [2**62]
        line = {"at": now, "p50": waits[len(waits) // 2], "p99": waits[min(len(waits) - 1, len(waits) * 99 // 100)]}
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


async def measure(crowd: Send, one: Send | None = None) -> None:
    """Send all phases and print what they came to. `crowd` sends so many as fast as it can, `one` a single one."""
    warm, many, few = sizes()
    worker = int(os.environ["BENCH_WORKER"])
    await _sent(crowd, warm)
    await _line(0)
    # The worker is held while the tasks are put, so that neither side waits for the other or shares a core with it.
    os.killpg(worker, signal.SIGSTOP)
    try:
        begun = time.monotonic_ns()
        await _sent(crowd, many)
        sent = time.monotonic_ns()
        meter = Meter()
        let_go = time.monotonic_ns()
    finally:
        os.killpg(worker, signal.SIGCONT)
    finished = await _line(1)
    spent = meter.read()
    found = {
        "put": many / ((sent - begun) / 1e9),
        "handled": many / ((finished["at"] - let_go) / 1e9),
        "hops": many / ((finished["at"] - let_go + sent - begun) / 1e9),
        "own_ms": spent["own"] / many * 1_000,
        "redis_ms": spent["redis"] / many * 1_000,
    }
    if one is not None and few > 0:
        for _ in range(few):
            await _sent(one, 1)
            await asyncio.sleep(PACE_SECONDS)
        idle = await _line(2)
        found |= {"p50_ms": idle["p50"] / 1e6, "p99_ms": idle["p99"] / 1e6}
    print(json.dumps(found))  # noqa: T201 — standard output is how a program answers


async def in_crowds(count: int, width: int, send: Callable[[], Awaitable[object]]) -> None:
    """Send `count` times with `width` calls under way at once, for peers whose sending awaits an answer."""
    while count > 0:
        await asyncio.gather(*(send() for _ in range(min(width, count))))
        count -= width


async def _sent(send: Send, count: int) -> None:
    answer = send(count)
    if answer is not None:
        await answer


async def _line(number: int) -> dict[str, int]:
    while len(lines := _lines()) <= number:  # noqa: ASYNC110 — the news comes from another process
        await asyncio.sleep(0.005)
    line: dict[str, int] = json.loads(lines[number])
    return line


def _lines() -> list[str]:
    path = Path(os.environ["BENCH_TALLY"])
    return path.read_text().splitlines() if path.exists() else []
