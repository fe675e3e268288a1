"""One hop through the queue: put, handled by a worker process that does nothing, acknowledged."""

from collections.abc import Sequence
from functools import partial

from bench.arena import Arena
from bench.contest import Contestant, Figures, Size, failures, fastest, hold
from bench.report import number, ratio, table

P = "bench.programs.hop_"
_CELERY = "worker --pool threads --concurrency 8 --without-gossip --without-mingle --without-heartbeat"

# Name, kind, worker, sender, and whether it lives in the other environment. Each peer in the fastest of the ways to
# run it that were tried: dramatiq with 8 threads, celery with 8 threads rather than alone or forked.
ENTRIES: Sequence[tuple[str, str, str, str, bool]] = (
    ("Chimera: runtime on its queue", "chimera", f"{P}chimera work runtime", f"{P}chimera send runtime", False),
    ("Chimera: queue alone, in batches", "part", f"{P}chimera work batches", f"{P}chimera send batches", False),
    ("Chimera: queue alone, one by one", "part", f"{P}chimera work single", f"{P}chimera send single", False),
    ("taskiq", "peer", f"taskiq worker --workers 1 --log-level ERROR {P}taskiq:broker", f"{P}taskiq", False),
    ("dramatiq", "peer", f"dramatiq --processes 1 --threads 8 {P}dramatiq", f"{P}dramatiq", False),
    ("celery", "peer", f"celery -A {P}celery {_CELERY}", f"{P}celery", False),
    ("arq", "peer", f"arq {P}arq.Worker", f"{P}arq", True),
    ("raw streams, one by one", "limit", f"{P}raw work single", f"{P}raw send single", False),
    ("raw streams, in batches", "limit", f"{P}raw work batches", f"{P}raw send batches", False),
)


async def contest(arena: Arena, size: Size) -> str:
    """Hold it; its part of the results."""

    async def run(worker: str, sender: str, apart: bool) -> Figures:
        environment = await arena.fresh()
        environment["BENCH_PHASES"] = f"100,{size.hops},{size.single_hops}"
        async with arena.worker(worker.split(), environment, apart=apart) as environment:
            return await arena.run(sender.split(), environment, apart=apart, seconds=45)

    contestants = [
        Contestant(name, partial(run, worker, sender, apart), kind) for name, kind, worker, sender, apart in ENTRIES
    ]
    await hold(contestants, size.rounds)
    return _told(contestants, size)


def _told(contestants: Sequence[Contestant], size: Size) -> str:
    best = fastest(contestants, "peer", "handled")
    rows = [
        [
            one.name,
            number(one.median("put")),
            number(one.median("handled")),
            ratio(one.median("handled"), best.median("handled") if best else None),
            number(one.median("hops")),
            *(number(one.median(key), 2) for key in ("own_ms", "redis_ms", "p50_ms", "p99_ms")),
        ]
        for one in contestants
    ]
    head = ["", "put/s", "handled/s", "x fastest peer", "hops/s", "worker CPU, ms", "Redis CPU, ms"]
    head += ["idle p50, ms", "idle p99, ms"]
    return f"""## hop: put, handled, acknowledged

{size.hops} tasks that do nothing. They are put while the worker process is held, then one worker process handles and
acknowledges them: *handled/s* is its speed, *hops/s* is both together; CPU is for each task handled. Idle: one task
every 10 ms, from before the put to the handler, {size.single_hops} of them. *Chimera: runtime on its queue* is the
`Consumer` of `roles/consumer.py` with a handler that does nothing, items put 100 at a time.

{table(head, rows)}
{failures(contestants)}"""
