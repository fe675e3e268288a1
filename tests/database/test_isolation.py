"""Attacks on the walls between tenants, made in SQL as a hijacked request could make them (DAT-4)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.audit.logs import LogKey

from chimera.audit.service.log import LogService
from chimera.ids import new_id
from chimera.values import HaltScope, KeyRole
from chimera_protocol.errors import NotFound

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)
MONEY = (
    "INSERT INTO limit_change (change_id, tenant_id, scope, scope_key, limits, proposed_by)"
    " VALUES (gen_random_uuid(), $1, 'payee', '0xA', '[]', 'operator:me')",
    "INSERT INTO spend_flag (flag_id, tenant_id, reservation_id, reasons)"
    " SELECT gen_random_uuid(), tenant_id, reservation_id, '{}' FROM reservation WHERE tenant_id = $1",
    "INSERT INTO wallet (agent_id, tenant_id, address) SELECT agent_id, tenant_id, '0xA' FROM influencer"
    " WHERE tenant_id = $1",
    "INSERT INTO payment (reservation_id, tenant_id, agent_id, payment_order, signature, status)"
    " SELECT reservation_id, tenant_id, agent_id, '{}', '', 'ordered' FROM reservation WHERE tenant_id = $1",
    "INSERT INTO chain_movement (tenant_id, agent_id, tx_hash, log_index, block, sender, recipient, currency, amount)"
    " SELECT tenant_id, agent_id, '0x1', 0, 1, '0xA', '0xB', 'USDC', 5 FROM influencer WHERE tenant_id = $1",
    "INSERT INTO sample_audit (audit_id, tenant_id, task_id, score)"
    " SELECT verdict_id, tenant_id, task_id, score FROM verdict WHERE tenant_id = $1 LIMIT 1",
)
"""Rows about money, and about the Judge, that an ordinary day does not bring."""


@pytest.fixture
async def victim(house: Any) -> Any:
    """A tenant with rows in every table that names one."""
    made = await house.running(house.node("pay", spend="50 USDC"), house.node("a"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.finish(effect, house.receipt())
    insert = (
        "INSERT INTO approval (approval_id, tenant_id, task_id, content_hash, soul_hash, state_version, verdict)"
        " VALUES ($1, $2, $3, '', '', 1, '{}')"
    )
    await house.raw.execute(insert, new_id(), house.tenant_id, made["a"])
    await house.system.accounts.add_key(house.tenant_id, "key", KeyRole.OPERATOR)
    halt = (house.tenant_id, HaltScope.TOOL, "bank-mcp", "storm", "operator:me")
    await house.system.fleet.halt(*halt)
    for insert in MONEY:
        await house.raw.execute(insert, house.tenant_id)
    # So many that the log keeps an inner node of its tree.
    event = (
        "INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)"
        " SELECT gen_random_uuid(), $1, 'me', 'x', 'y', '{}' FROM generate_series(1, 256)"
    )
    await house.raw.execute(event, house.tenant_id)
    log = LogService(house.system.swarm, house.system.tenants)
    await log.seal(LogKey())
    batch = await log.due_anchor()
    await log.anchored(batch, bytes.fromhex(batch.root), chain_id=1, tx_hash="0x1", block=1)
    return house


async def tables(house: Any) -> list[str]:
    rows = await house.raw.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'"
        " AND table_schema = 'public' AND table_name <> 'api_key' ORDER BY 1"
    )
    return [row["table_name"] for row in rows]


async def seen(system: Any, table: str, tenant_id: UUID | None) -> set[UUID]:
    async with system.tenants.transaction(tenant_id) as connection:
        rows = await connection.fetch(f"SELECT DISTINCT tenant_id FROM {table}")  # noqa: S608
    return {row["tenant_id"] for row in rows}


async def test_every_table_that_names_a_tenant_is_behind_the_wall(victim: Any) -> None:
    open_ones = await victim.raw.fetch(
        "SELECT c.relname FROM pg_class c JOIN information_schema.columns i ON i.table_name = c.relname"
        " WHERE i.column_name = 'tenant_id' AND i.table_schema = 'public' AND NOT c.relrowsecurity"
    )
    assert open_ones == []
    assert len(await tables(victim)) >= 20


async def test_another_tenants_rows_are_invisible_in_every_table(victim: Any, other_tenant: Any) -> None:
    for table in await tables(victim):
        assert victim.tenant_id in await seen(victim.system, table, victim.tenant_id), table
        assert victim.tenant_id not in await seen(victim.system, table, other_tenant[0]), table


async def test_without_a_tenant_nothing_is_visible(victim: Any) -> None:
    for table in await tables(victim):
        assert await seen(victim.system, table, None) == set(), table


async def test_a_tenant_left_over_as_an_empty_setting_sees_nothing(victim: Any) -> None:
    async with victim.system.tenants.transaction() as connection:
        await connection.execute("SELECT set_config('chimera.tenant', '', true)")
        assert await connection.fetchval("SELECT count(*) FROM task") == 0


async def test_another_tenants_rows_cannot_be_changed(victim: Any, other_tenant: Any) -> None:
    for table in await tables(victim):
        async with victim.system.tenants.transaction(other_tenant[0]) as connection:
            change = f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = $1"  # noqa: S608
            assert await connection.execute(change, victim.tenant_id) == "UPDATE 0", table


async def test_rows_cannot_be_inserted_for_another_tenant(victim: Any, other_tenant: Any) -> None:
    for table in await tables(victim):
        row = await victim.value(
            f"SELECT to_jsonb(t) FROM {table} t WHERE tenant_id = $1 LIMIT 1",  # noqa: S608
            victim.tenant_id,
        )
        generated = {"memory": "ALL"}.get(table)
        columns = await _columns(victim, table) if generated else "*"
        names = f"({columns})" if generated else ""
        insert = f"INSERT INTO {table} {names} SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1)"  # noqa: S608
        with pytest.raises(REFUSED):
            async with victim.system.tenants.transaction(other_tenant[0]) as connection:
                await connection.execute(insert, row)


async def test_own_rows_cannot_be_given_to_another_tenant(victim: Any, other_tenant: Any) -> None:
    with pytest.raises(REFUSED):
        async with victim.system.tenants.transaction(victim.tenant_id) as connection:
            await connection.execute("UPDATE task SET tenant_id = $1", other_tenant[0])


async def test_nobody_deletes_or_truncates_as_a_tenant(victim: Any) -> None:
    for table in await tables(victim):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with victim.system.tenants.transaction(victim.tenant_id) as connection:
                    await connection.execute(statement)


async def test_keys_cannot_be_read_or_made_by_a_tenant(victim: Any) -> None:
    make = (
        "INSERT INTO api_key (key_id, tenant_id, name, role, key_hash)"
        " VALUES (gen_random_uuid(), current_tenant(), 'x', 'operator', 'x')"
    )
    for statement in ("SELECT * FROM api_key", make, "UPDATE api_key SET platform = true"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with victim.system.tenants.transaction(victim.tenant_id) as connection:
                await connection.execute(statement)


async def test_a_tenant_cannot_shed_its_role_for_the_owners(victim: Any, other_tenant: Any) -> None:
    async with victim.system.tenants.transaction(other_tenant[0]) as connection:
        is_super = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert is_super is False
        assert not await connection.fetchval("SELECT pg_has_role(current_user, 'chimera_swarm', 'MEMBER')")


async def test_a_halt_of_the_whole_fleet_is_seen_by_every_tenant(victim: Any, other_tenant: Any) -> None:
    halt = (victim.tenant_id, HaltScope.FLEET, "fleet", "storm", "operator:platform")
    await victim.system.fleet.halt(*halt)
    async with victim.system.tenants.transaction(other_tenant[0]) as connection:
        rows = await connection.fetch("SELECT scope FROM halt")
        assert [row["scope"] for row in rows] == ["fleet"]
        assert await connection.fetchval("SELECT halted($1, $2, $3)", other_tenant[0], new_id(), new_id())


async def test_a_tenant_cannot_halt_the_whole_fleet_by_itself(victim: Any, other_tenant: Any) -> None:
    insert = (
        "INSERT INTO halt (halt_id, tenant_id, scope, target, reason, actor)"
        " VALUES (gen_random_uuid(), current_tenant(), 'fleet', 'fleet', 'sabotage', 'eve')"
    )
    with pytest.raises(REFUSED):
        async with victim.system.tenants.transaction(other_tenant[0]) as connection:
            await connection.execute(insert)


async def test_a_tenants_halt_does_not_reach_another_tenants_influencer(victim: Any, other_tenant: Any) -> None:
    target = str(victim.nora.agent_id)
    with pytest.raises(NotFound):
        await victim.system.fleet.halt(other_tenant[0], HaltScope.INFLUENCER, target, "sabotage", "eve")
    halted = "SELECT halted($1, $2, $3)"
    places = (victim.tenant_id, victim.nora.agent_id, victim.nora.campaign_id)
    assert not await victim.value(halted, *places)


async def _columns(house: Any, table: str) -> str:
    rows = await house.raw.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'", table
    )
    return ", ".join(row["column_name"] for row in rows)
