"""The limit: asyncpg writes the same rows in three transactions for each group of cycles; no queue, no roles."""

import asyncio
import os
import sys

import asyncpg
import uvloop

from bench.programs.meter import Meter
from bench.programs.rows import COMMIT, DISPATCH, SUBMIT, Stencils

GROUP = 32
"""Cycles in a group: as many pieces of work as a role of Chimera holds."""
CONNECTIONS = 4


async def main(cycles: int) -> None:
    """Write all groups and print how many cycles a second that was."""
    pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS)
    stencils = Stencils()
    for statement, rows in stencils.parents():
        await pool.execute(statement, rows)
    stencils.judged([0])
    groups = iter([range(first, min(first + GROUP, cycles)) for first in range(0, cycles, GROUP)])

    async def write() -> None:
        async with pool.acquire() as connection:
            for group in groups:
                async with connection.transaction():
                    await connection.execute(DISPATCH, stencils.rows("task", group))
                async with connection.transaction():
                    await connection.execute(SUBMIT, stencils.rows("execution", group))
                async with connection.transaction():
                    await connection.execute(COMMIT, *stencils.judged(group))

    meter = Meter()
    await asyncio.gather(*(write() for _ in range(CONNECTIONS)))
    print(meter.told(cycles))  # noqa: T201
    await pool.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
