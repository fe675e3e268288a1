"""The durable cycle: dispatched, made, judged, committed, by a model that costs nothing."""

from collections.abc import Sequence

from bench.arena import Arena
from bench.contest import Contestant, Figures, Size, failures, fastest, hold
from bench.report import number, percent, ratio, table

P = "bench.programs.cycle_"
_CELERY = f"celery -A {P}celery worker --pool threads --concurrency 8"
_ALONE = " --without-gossip --without-mingle --without-heartbeat"


async def contest(arena: Arena, size: Size) -> str:
    """Hold it; its part of the results."""
    stencils = {"BENCH_STENCILS": str(arena.folder / "stencils.json"), "BENCH_CYCLES": str(size.peer_cycles)}

    # Chimera runs first in every round and leaves the rows that the others copy.
    async def chimera() -> Figures:
        environment = stencils | await arena.fresh(schema=True)
        return await arena.run([f"{P}chimera", str(size.cycles)], environment)

    async def langgraph() -> Figures:
        environment = stencils | await arena.fresh()
        return await arena.run([f"{P}langgraph", str(size.peer_cycles)], environment, apart=True)

    async def dbos() -> Figures:
        return await arena.run([f"{P}dbos", str(size.peer_cycles)], stencils | await arena.fresh())

    async def celery() -> Figures:
        environment = stencils | await arena.fresh(schema=True)
        async with arena.worker(f"{_CELERY}{_ALONE}".split(), environment) as environment:
            return await arena.run([f"{P}celery"], environment)

    async def raw() -> Figures:
        return await arena.run([f"{P}raw", str(4 * size.cycles)], stencils | await arena.fresh(schema=True))

    contestants = [
        Contestant("Chimera", chimera, "chimera"),
        Contestant("LangGraph + PostgreSQL checkpoints", langgraph),
        Contestant("DBOS", dbos),
        Contestant("celery + SQL", celery),
        Contestant("asyncpg, the same rows in groups", raw, "limit"),
    ]
    await hold(contestants, size.rounds)
    return _told(contestants, size)


def _told(contestants: Sequence[Contestant], size: Size) -> str:
    best, limit = fastest(contestants, "peer", "per_second"), fastest(contestants, "limit", "per_second")
    rows = [
        [
            one.name,
            number(one.median("per_second")),
            ratio(one.median("per_second"), best.median("per_second") if best else None),
            percent(one.median("per_second"), limit.median("per_second") if limit else None),
            *(number(one.median(f"{part}_ms"), 2) for part in ("own", "postgres", "redis")),
        ]
        for one in contestants
    ]
    head = ["", "cycles/s", "x fastest peer", "of the limit", "CPU, ms", "of PostgreSQL, ms", "of Redis, ms"]
    return f"""## cycle: dispatch, work, judge, commit

Chimera: {size.cycles} tasks, from the plan that brings them into being to the Judge's commit, through the real stores,
queue, runtime, Worker and Judge in one process; model, tools, memory and CFO do nothing. A cycle makes 14 rows durable:
task, execution, verdict, asset, generation log, provenance, two ledger transactions with four postings, effect grant,
audit event. The peers ({size.peer_cycles} cycles, one process, 32 at a time, celery with 8 threads) do the same three
steps. celery writes the same rows, with one statement and one transaction for each step. LangGraph and DBOS are let off
lightly: they keep what the steps return (the same content) and write no rows of their own. The limit is asyncpg with
the same rows in transactions of 32 cycles over four connections, with neither queue nor roles. CPU is for each cycle.

{table(head, rows)}
{failures(contestants)}"""
