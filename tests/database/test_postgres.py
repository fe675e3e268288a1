"""Connections to PostgreSQL: named queries, database roles, and the tenant of a transaction."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chimera
from chimera.database import postgres
from chimera.database.postgres import Access, Database, queries
from chimera.errors import Unavailable
from chimera_devnet.process import until

HOUSE = Path(chimera.__file__).parent
SUBJECTS = sorted(
    path.relative_to(HOUSE).with_suffix("").as_posix()
    for path in HOUSE.rglob("*.sql")
    if not path.is_relative_to(HOUSE / "database" / "schema")
)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_query_has_a_name_of_its_own_and_a_body(subject: str) -> None:
    found = queries(subject)
    text = (HOUSE / f"{subject}.sql").read_text("utf-8")
    assert len(found) == text.count("-- name:")
    assert all(body.rstrip().endswith(";") for body in found.values())


async def test_every_query_is_understood_by_the_schema(raw: Any) -> None:
    for subject in SUBJECTS:
        for body in queries(subject).values():
            await raw.prepare(body)


def test_statements_before_the_first_name_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(postgres.resources, "files", lambda package: tmp_path)
    (tmp_path / "odd.sql").write_text("-- a remark\nSELECT 1;\n-- name: one\nSELECT 1;\n")
    with pytest.raises(ValueError, match="before the first name"):
        queries("odd")
    (tmp_path / "odd.sql").write_text("-- a remark\n\n-- name: one\nSELECT 1;\n")
    assert queries("odd") == {"one": "SELECT 1;"}


async def test_connections_act_in_the_role_they_are_opened_for(system: Any) -> None:
    for database, role in ((system.swarm, "chimera_swarm"), (system.tenants, "chimera_tenant")):
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT current_user") == role


async def test_the_tenant_of_a_transaction_does_not_outlive_it(system: Any, tenant: Any) -> None:
    async with system.tenants.transaction(tenant) as connection:
        assert await connection.fetchval("SELECT current_tenant()") == tenant
    for _ in range(20):
        async with system.tenants.transaction() as connection:
            assert await connection.fetchval("SELECT current_tenant()") is None


async def test_a_transaction_that_fails_leaves_nothing(system: Any, tenant: Any) -> None:
    with pytest.raises(RuntimeError):
        async with system.swarm.transaction() as connection:
            await connection.execute("UPDATE tenant SET time_zone = 'Asia/Tokyo'")
            raise RuntimeError("no")
    async with system.swarm.connection() as connection:
        assert await connection.fetchval("SELECT time_zone FROM tenant WHERE tenant_id = $1", tenant) == "UTC"


async def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL cannot be reached"):
        await Database("postgresql://me@127.0.0.1:1/none", Access.SWARM).open()


async def test_a_database_that_was_not_opened_is_unavailable_and_can_be_closed(database_url: str) -> None:
    database = Database(database_url, Access.SWARM)
    with pytest.raises(Unavailable, match="not connected"):
        async with database.connection():
            pass
    await database.close()


async def test_a_connection_that_is_cut_in_mid_statement_is_unavailable(system: Any, raw: Any) -> None:
    async def sleeps() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'"
        return bool(await raw.fetchval(query))

    async def wait() -> None:
        async with system.swarm.connection() as connection:
            await connection.execute("SELECT pg_sleep(30)")

    waiting = asyncio.create_task(wait())
    assert await until(sleeps, 5)
    await raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'")
    with pytest.raises(Unavailable):
        await waiting


async def test_a_connection_that_is_cut_between_statements_is_unavailable_and_the_next_one_works(
    system: Any, raw: Any
) -> None:
    for _ in range(20):
        with pytest.raises(Unavailable):
            async with system.swarm.connection() as connection:
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                await raw.execute("SELECT pg_terminate_backend($1)", pid)
                await connection.fetchval("SELECT pg_sleep(30)")
        async with system.swarm.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_wrong_statement_is_not_taken_for_a_lost_server(system: Any) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with system.swarm.connection() as connection:
            await connection.execute("SELEKT 1")


async def test_a_process_that_is_frozen_with_a_lock_in_hand_stops_nobody_for_long(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "IDLE_IN_TRANSACTION", "200ms")
    database, lock = Database(database_url, Access.SWARM, size=2), "SELECT pg_advisory_xact_lock(7)"
    await database.open()
    try:
        with pytest.raises(Unavailable):
            async with database.transaction() as frozen:
                await frozen.execute(lock)
                async with asyncio.timeout(10), database.transaction() as other:
                    await other.execute(lock)
                await frozen.execute(lock)
    finally:
        await database.close()
