"""What others do: one row locked and updated in PostgreSQL (the limit), a counter in Redis with a row in SQL."""

import asyncio
import os
import sys

import asyncpg
import uvloop
from redis.asyncio import Redis

from bench.programs.meter import Meter

AT_ONCE = 8
"""Connections; more of them only queue for the same row."""

TABLES = """
CREATE TABLE hot (id int PRIMARY KEY, limit_amount numeric NOT NULL, spent numeric NOT NULL DEFAULT 0,
    CHECK (spent <= limit_amount));
CREATE TABLE spend (id bigserial PRIMARY KEY, budget int NOT NULL, amount numeric NOT NULL, purpose text NOT NULL,
    key text NOT NULL UNIQUE, at timestamptz NOT NULL DEFAULT now());
"""
UPDATE = "UPDATE hot SET spent = spent + 1 WHERE id = $1 AND spent + 1 <= limit_amount RETURNING spent"
INSERT = "INSERT INTO spend (budget, amount, purpose, key) VALUES ($1, 1, 'reach', $2)"


async def main(way: str, spends: int, budgets: int) -> None:
    """Spend all of it in this way and print how many a second that was."""
    pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=AT_ONCE, max_size=AT_ONCE)
    await pool.execute(TABLES)
    await pool.executemany("INSERT INTO hot (id, limit_amount) VALUES ($1, 1e9)", [(n,) for n in range(budgets)])
    redis = Redis.from_url(os.environ["BENCH_REDIS_URL"])
    numbers = iter(range(spends))

    async def raw() -> None:
        async with pool.acquire() as connection:
            for number in numbers:
                await connection.fetchval(UPDATE, number % budgets)

    async def naive() -> None:
        async with pool.acquire() as connection:
            for number in numbers:
                budget = number % budgets
                if await redis.incrby(f"budget:{budget}", 1) <= 1_000_000_000:
                    await connection.execute(INSERT, budget, f"bench-{number}")

    work = {"raw": raw, "naive": naive}[way]
    meter = Meter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    print(meter.told(spends))  # noqa: T201
    await redis.aclose()
    await pool.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
