"""DBOS: a workflow with three steps. It keeps what the steps return, and is spared writing rows of its own."""

import asyncio
import os
import sys

from dbos import DBOS, DBOSConfig

from bench.programs.meter import Meter
from bench.programs.rows import Stencils

WIDTH = 32
stencils = Stencils()


@DBOS.step()
async def dispatch(number: int) -> str:
    return stencils.rows("task", [number])


@DBOS.step()
async def work(number: int) -> str:
    return stencils.rows("execution", [number])


@DBOS.step()
async def judge(number: int) -> list[str]:
    return stencils.judged([number])


@DBOS.workflow()
async def cycle(number: int) -> None:
    await dispatch(number)
    await work(number)
    await judge(number)


async def _run(numbers: range) -> None:
    left = iter(numbers)

    async def one_after_the_other() -> None:
        for number in left:
            await cycle(number)

    await asyncio.gather(*(one_after_the_other() for _ in range(WIDTH)))


async def main(cycles: int) -> None:
    """Run the workflows and print how many a second."""
    await _run(range(WIDTH))
    meter = Meter()
    await _run(range(WIDTH, WIDTH + cycles))
    print(meter.told(cycles))  # noqa: T201


if __name__ == "__main__":
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": os.environ["BENCH_DATABASE_URL"],
        "log_level": "ERROR",
        "sys_db_pool_size": 16,
    }
    DBOS(config=config)
    DBOS.launch()
    asyncio.run(main(int(sys.argv[1])))
    DBOS.destroy()
