"""The schema is brought up to date once, by one process at a time, or not at all."""

import asyncio
import sys
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from chimera.database.migrations import migrate
from chimera.database.schema_version import bring_up_to_date, newest
from chimera.errors import Unavailable


@pytest.fixture
async def empty(database_url: str) -> Any:
    """A database without any table."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public")
    await connection.close()
    return database_url


async def tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    found = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return int(found)


async def test_a_second_run_finds_nothing_to_do(database_url: str) -> None:
    before = await tables(database_url)
    assert await migrate(database_url) == await migrate(database_url)
    assert await tables(database_url) == before > 20


async def test_processes_that_start_at_once_take_turns(empty: str) -> None:
    versions = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert len(set(versions)) == 1 and versions[0]
    assert await tables(empty) > 20


async def test_a_migration_that_fails_leaves_nothing_behind(empty: str) -> None:
    connection = await asyncpg.connect(empty)
    await connection.execute("CREATE TABLE memory (in_the_way int)")
    await connection.close()
    for way in (migrate, bring_up_to_date):
        with pytest.raises(Unavailable, match="could not be brought up to date"):
            await way(empty)
    assert await tables(empty) == 1


async def test_a_server_that_is_away_is_unavailable() -> None:
    for way in (migrate, bring_up_to_date):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await way("postgresql://me@127.0.0.1:1/none")


async def test_the_program_that_migrates_is_started_only_when_something_is_missing(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring_up_to_date(empty)
    assert await tables(empty) > 20
    assert await migrate(empty) == newest()
    monkeypatch.setattr(sys, "executable", "/nowhere")
    await bring_up_to_date(empty)


async def test_a_wrong_password_is_unavailable_and_not_a_crash(database_url: str) -> None:
    password = urlsplit(database_url).password or ""
    with pytest.raises(Unavailable):
        await migrate(database_url.replace(password, "guess"))


@pytest.mark.parametrize("change", ["?sslmode=disable", "postgres://"])
async def test_an_address_that_the_stores_take_is_taken_by_the_migrations(database_url: str, change: str) -> None:
    url = database_url + change if change.startswith("?") else database_url.replace("postgresql://", change)
    connection = await asyncpg.connect(url)
    await connection.close()
    assert await migrate(url)
