"""celery on Redis; acknowledged after the work, results ignored."""

import asyncio
import time

from celery import Celery

from bench.programs.phases import Tally, measure, redis_url

app = Celery("bench", broker=redis_url())
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=100)
tally = Tally()


@app.task(name="hop")
def hop(sent: int) -> None:
    tally.done(sent)


def _crowd(count: int) -> None:
    for _ in range(count):
        hop.delay(time.monotonic_ns())


if __name__ == "__main__":
    asyncio.run(measure(_crowd, _crowd))
