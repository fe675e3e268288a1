"""History is written once: the database itself refuses to change it, whoever asks (PRV-4)."""

from typing import Any

import asyncpg
import pytest

TABLES = (
    "policy_version", "persona_version", "execution", "verdict", "asset", "generation_log", "transaction_ledger",
    "ledger_posting", "publication", "audit_event", "money_event", "account", "chain_movement",
)  # fmt: skip


@pytest.fixture
async def published(house: Any) -> Any:
    """A house in which a promotion went all the way, so that every table has rows."""
    made = await house.running(house.node("pay", spend="50 USDC"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.finish(effect, house.receipt())
    moved = (
        "INSERT INTO chain_movement"
        " (tenant_id, agent_id, tx_hash, log_index, block, sender, recipient, currency, amount)"
        " VALUES ($1, $2, '0x1', 0, 1, '0xA', '0xB', 'USDC', 5)"
    )
    await house.raw.execute(moved, house.tenant_id, house.nora.agent_id)
    return house


async def refused(connection: Any, statement: str) -> bool:
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except asyncpg.IntegrityConstraintViolationError as error:
        return "append-only" in str(error)
    return False


async def test_history_refuses_update_delete_and_truncate_even_of_its_owner(published: Any) -> None:
    for table in TABLES:
        assert await published.value(f"SELECT count(*) FROM {table}") > 0, table  # noqa: S608
        changes = (
            f"UPDATE {table} SET tenant_id = tenant_id",  # noqa: S608
            f"DELETE FROM {table}",  # noqa: S608
            f"TRUNCATE {table} CASCADE",
        )
        assert [await refused(published.raw, change) for change in changes] == [True] * 3, table


async def test_history_cannot_be_deleted_in_the_swarms_own_role(published: Any) -> None:
    async with published.system.swarm.connection() as connection:
        for table in (*TABLES, "provenance", "reservation", "effect", "task"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DELETE FROM {table}")  # noqa: S608


async def test_a_proof_refuses_every_change_of_what_it_says(published: Any) -> None:
    changes = (
        "provenance_id = gen_random_uuid()",
        "content_hash = repeat('0', 64)",
        "cryptographic_signature = 'forged'",
        "statement = '{}'",
        "tenant_id = gen_random_uuid()",
        "asset_id = gen_random_uuid()",
        "created_at = now() - interval '1 year'",
        "published_at = now()",
        "published_at = NULL",
    )
    accepted = [
        change
        for change in changes
        if not await refused(published.raw, f"UPDATE provenance SET {change}")  # noqa: S608
    ]
    assert accepted == []
    assert await refused(published.raw, "DELETE FROM provenance")
    assert await refused(published.raw, "TRUNCATE provenance CASCADE")


async def test_a_proof_may_gain_publication_and_anchor_once(house: Any) -> None:
    made = await house.running()
    await house.approved(made["a"])
    await house.raw.execute("UPDATE provenance SET published_at = now()")
    await house.raw.execute("UPDATE provenance SET on_chain_verification = true")
    row = await house.raw.fetchrow("SELECT published_at, on_chain_verification FROM provenance")
    assert row["published_at"] is not None and row["on_chain_verification"]
    assert await refused(house.raw, "UPDATE provenance SET on_chain_verification = false")
    assert await refused(house.raw, "UPDATE provenance SET published_at = published_at + interval '1 second'")
