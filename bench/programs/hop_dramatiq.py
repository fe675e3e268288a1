"""dramatiq on Redis."""

import asyncio
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.programs.phases import Tally, measure, redis_url

dramatiq.set_broker(RedisBroker(url=redis_url()))
tally = Tally()


@dramatiq.actor
def hop(sent: int) -> None:
    tally.done(sent)


def _crowd(count: int) -> None:
    for _ in range(count):
        hop.send(time.monotonic_ns())


if __name__ == "__main__":
    asyncio.run(measure(_crowd, _crowd))
