"""arq; its worker asks Redis in intervals, of 10 ms here instead of the usual half second."""

import asyncio
import time

from arq import create_pool
from arq.connections import RedisSettings

from bench.programs.phases import Tally, in_crowds, measure, redis_url

tally = Tally()
settings = RedisSettings.from_dsn(redis_url())


async def hop(ctx: dict[str, object], sent: int) -> None:
    tally.done(sent)


class Worker:
    functions = (hop,)
    redis_settings = settings
    max_jobs = 100
    keep_result = 0
    poll_delay = 0.01


async def _main() -> None:
    pool = await create_pool(settings)

    async def crowd(count: int) -> None:
        await in_crowds(count, 50, lambda: pool.enqueue_job("hop", time.monotonic_ns()))

    await measure(crowd, crowd)
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(_main())
