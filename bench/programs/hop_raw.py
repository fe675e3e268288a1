"""The limit: XADD, XREADGROUP, XACK and XDEL through a synchronous client, one by one or in batches."""

import asyncio
import sys
import time

from redis.exceptions import ResponseError

from bench.programs.phases import Tally, measure, redis_url
from redis import Redis

STREAM, GROUP = "bench:raw", "bench"
BATCH = 256


def work(client: Redis, batch: int) -> None:
    """Handle until the process is ended."""
    tally = Tally()
    while True:
        for _, entries in client.xreadgroup(GROUP, "only", {STREAM: ">"}, count=batch, block=500) or []:
            ids = [id for id, _ in entries]
            pipe = client.pipeline(transaction=False)
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            pipe.execute()
            for _, fields in entries:
                tally.done(int(fields[b"sent"]))


def send(client: Redis, batch: int, count: int) -> None:
    """Append `count` entries, `batch` to a round trip."""
    if batch == 1:
        for _ in range(count):
            client.xadd(STREAM, {"sent": time.monotonic_ns()})
        return
    while count > 0:
        pipe = client.pipeline(transaction=False)
        for _ in range(min(batch, count)):
            pipe.xadd(STREAM, {"sent": time.monotonic_ns()})
        pipe.execute()
        count -= batch


def _main(part: str, batch: int) -> None:
    client = Redis.from_url(redis_url())
    try:
        client.xgroup_create(STREAM, GROUP, "0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    if part == "work":
        work(client, batch)
    asyncio.run(measure(lambda count: send(client, batch, count), lambda count: send(client, 1, count)))


if __name__ == "__main__":
    _main(sys.argv[1], BATCH if sys.argv[2] == "batches" else 1)
