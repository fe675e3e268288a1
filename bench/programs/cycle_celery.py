"""celery and SQL: three chained tasks, each with a transaction that writes what Chimera writes in that step."""

import os
import time
from functools import cache

import psycopg
from celery import Celery
from psycopg_pool import ConnectionPool

from bench.programs.meter import Meter
from bench.programs.rows import COMMIT, DISPATCH, SUBMIT, Stencils

THREADS = 8

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=100)
stencils = Stencils()


@cache
def _pool() -> ConnectionPool[psycopg.Connection[tuple[object, ...]]]:
    settings = {"cursor_factory": psycopg.RawCursor, "prepare_threshold": 2}
    return ConnectionPool(os.environ["BENCH_DATABASE_URL"], kwargs=settings, min_size=THREADS, open=True)


def _write(statement: str, parameters: list[str]) -> None:
    with _pool().connection() as connection:
        connection.execute(statement, parameters)


@app.task(name="dispatch")
def dispatch(number: int) -> None:
    _write(DISPATCH, [stencils.rows("task", [number])])
    work.delay(number)


@app.task(name="work")
def work(number: int) -> None:
    _write(SUBMIT, [stencils.rows("execution", [number])])
    judge.delay(number)


@app.task(name="judge")
def judge(number: int) -> None:
    _write(COMMIT, stencils.judged([number]))


def main(cycles: int) -> None:
    """Start the chains and wait until the database holds all that they write."""
    url = os.environ["BENCH_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        for statement, rows in stencils.parents():
            connection.execute(statement, [rows])

        def until(total: int) -> None:
            query = "SELECT count(*) FROM task WHERE status = 'completed'"
            while (connection.execute(query).fetchone() or (0,))[0] < total:
                time.sleep(0.02)

        warm = 20
        for number in range(warm):
            dispatch.delay(number)
        until(warm)
        meter = Meter()
        for number in range(warm, warm + cycles):
            dispatch.delay(number)
        until(warm + cycles)
        print(meter.told(cycles))  # noqa: T201


if __name__ == "__main__":
    main(int(os.environ["BENCH_CYCLES"]))
