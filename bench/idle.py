"""A fleet at rest: what a thousand influencers cost while nothing happens."""

from bench.arena import Arena
from bench.contest import Contestant, Figures, Size, failures, hold
from bench.report import number, table

PROGRAM = "bench.programs.idle_chimera"
COLUMNS = ("own_percent", "rss_mb", "postgres_percent", "redis_percent")


async def contest(arena: Arena, size: Size) -> str:
    """Measure an empty fleet and a full one; its part of the results."""

    def resting(influencers: int) -> Contestant:
        async def run() -> Figures:
            environment = await arena.fresh(schema=True)
            if influencers:
                await arena.run([PROGRAM, "fill", str(influencers)], environment)
            return await arena.run([PROGRAM, "rest", str(size.idle_seconds)], environment)

        return Contestant(f"{influencers:,} influencers", run, "chimera")

    contestants = [resting(0), resting(size.influencers)]
    await hold(contestants, 1)
    rows = [[one.name, *(number(one.median(key), 1) for key in COLUMNS)] for one in contestants]
    pairs = [[one.median(key) for one in contestants] for key in COLUMNS]
    rows.append(["difference", *(number(b - a, 1) if a is not None and b is not None else "–" for a, b in pairs)])
    head = ["", "CPU, %", "RSS, MB", "CPU of PostgreSQL, %", "CPU of Redis, %"]
    return f"""## idle: influencers at rest

One process in all roles (`wiring/roles.py`), {size.idle_seconds:.0f} s with nothing to do; CPU in per cent of one core.

{table(head, rows)}
{failures(contestants)}"""
