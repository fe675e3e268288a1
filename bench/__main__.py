"""`python -m bench`: all benchmarks, printed and written to RESULTS.md."""

import argparse
import asyncio
import os
import time
from pathlib import Path

from bench import cycle, hop, idle, spend, start
from bench.arena import ROOT, Arena
from bench.contest import QUICK, WHOLE, say
from bench.report import surroundings

CONTESTS = {
    "hop": hop.contest,
    "cycle": cycle.contest,
    "spend": spend.contest,
    "idle": idle.contest,
    "start": start.contest,
}
HEAD = """# Chimera beside its peers

Made by `make bench`. Everybody runs on the same servers, one after the other, in {rounds} round(s); medians. What
counts are the ratios within one run.
"""


async def results(names: list[str], quick: bool) -> str:
    """Hold the contests and tell what came of them."""
    load, begun, size = os.getloadavg(), time.monotonic(), QUICK if quick else WHOLE
    parts = [HEAD.format(rounds=size.rounds)]
    async with Arena.open() as arena:
        parts.append(surroundings(load, await arena.versions(), quick))
        for name in names:
            say(name)
            parts.append(await CONTESTS[name](arena, size))
    say(f"took {time.monotonic() - begun:.0f} s")
    return "\n".join(part.strip() + "\n" for part in parts)


async def profile() -> str:
    """Where Chimera's cycle spends its CPU time."""
    async with Arena.open() as arena:
        environment = await arena.fresh(schema=True) | {"BENCH_STENCILS": str(arena.folder / "stencils.json")}
        program = ["bench.programs.cycle_chimera", str(WHOLE.cycles), "--profile"]
        return "\n".join(await arena.hear(program, environment))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("contests", nargs="*", choices=[*CONTESTS, []], help="all when left out")
    parser.add_argument("--quick", action="store_true", help="one round, small sizes")
    parser.add_argument("--profile", action="store_true", help="profile Chimera's cycle instead")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "RESULTS.md")
    given = parser.parse_args()
    if given.profile:
        text = asyncio.run(profile())
    else:
        text = asyncio.run(results(given.contests or list(CONTESTS), given.quick))
        given.output.write_text(text)
    print(text)  # noqa: T201 — this is what it was asked for
