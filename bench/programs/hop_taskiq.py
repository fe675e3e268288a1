"""taskiq on Redis Streams, the broker of its that acknowledges."""

import asyncio
import time

from taskiq_redis import RedisStreamBroker

from bench.programs.phases import Tally, in_crowds, measure, redis_url

# From the start of the stream: what is sent before the worker is up must not be lost to the measurement.
broker = RedisStreamBroker(redis_url(), consumer_id="0")
tally = Tally()


@broker.task(task_name="hop")
async def hop(sent: int) -> None:
    tally.done(sent)


async def _crowd(count: int) -> None:
    await in_crowds(count, 50, lambda: hop.kiq(time.monotonic_ns()))


async def _main() -> None:
    await broker.startup()
    await measure(_crowd, _crowd)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_main())
