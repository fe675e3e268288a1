"""A fleet at rest: one process in all roles over so many influencers, and what it and its servers take meanwhile."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import psutil
import uvloop

from bench.programs.cycle_chimera import SOUL
from bench.programs.meter import Meter
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System
from chimera.wiring.roles import serve

SETTLE_SECONDS = 3.0
AT_ONCE = 8


async def fill(system: System, influencers: int) -> None:
    """Import the influencers, each with its standing campaign."""
    tenant_id = await system.accounts.open_tenant("bench")
    numbers = iter(range(influencers))

    async def bring() -> None:
        for number in numbers:
            await system.accounts.import_persona(tenant_id, SOUL.format(number=number), actor="bench")

    await asyncio.gather(*(bring() for _ in range(AT_ONCE)))


async def rest(system: System, seconds: float) -> dict[str, float]:
    """Serve in all roles with nothing to do; CPU in per cent of one core, memory in MB."""
    stopping = asyncio.Event()
    serving = asyncio.create_task(serve(system, list(Role), stopping))
    await asyncio.sleep(SETTLE_SECONDS)
    meter = Meter()
    await asyncio.sleep(seconds)
    read = meter.read()
    window = read.pop("seconds")
    found = {f"{name}_percent": spent / window * 100 for name, spent in read.items()}
    found["rss_mb"] = psutil.Process().memory_info().rss / 2**20
    stopping.set()
    await serving
    return found


async def _main(part: str, amount: float) -> None:
    state = Path(os.environ["BENCH_STATE"])
    url, redis = os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_REDIS_URL"]
    system = System(Settings(state=state, database_url=url, redis_url=redis))
    await system.open()
    answer: dict[str, float] = {}
    if part == "fill":
        begun = time.perf_counter()
        await fill(system, int(amount))
        answer["seconds"] = time.perf_counter() - begun
    else:
        answer = await rest(system, amount)
    await system.close()
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], float(sys.argv[2])))
