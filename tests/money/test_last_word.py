"""The database has the last word about money, whoever asks and with whatever statement."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.money.proofs import proven, read

from chimera.ids import new_id
from chimera.money.rules.evidence import check
from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.limits import Limit

HISTORY = ("money_event", "transaction_ledger", "ledger_posting", "account", "chain_movement")
MONEY = (
    *HISTORY, "budget", "budget_counter", "reservation", "treasury", "limit_change", "spend_flag", "wallet", "payment",
)  # fmt: skip
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)


async def limit(house: Any, *limits: str) -> UUID | None:
    """Propose limits of the tenant like 'day 200 USDC'."""
    wanted = [Limit.model_validate(dict(zip(("span", "amount"), text.split(" ", 1), strict=True))) for text in limits]
    async with house.system.swarm.transaction() as connection:
        return await set_limits(connection, house.tenant_id, "tenant", str(house.tenant_id), wanted, "operator:me")


@pytest.fixture
async def rich(house: Any) -> Any:
    """A tenant with a row in every table of money: 50 USDC spent, 40 reserved, 10 disputed, one wish refused."""
    treasury = house.system.treasury
    posted = await treasury.authorise(house.order("50 USDC", "posted"))
    await treasury.close(
        Closing(reservation_id=posted.reservation_id, outcome=SpendOutcome.POSTED, paid=Decimal(60), source="network")
    )
    pending = await treasury.authorise(house.order("40 USDC", "pending"))
    await treasury.authorise(house.order("200 USDC", "refused"))
    assert await limit(house, "day 300 USDC") is not None
    await house.raw.execute(
        "INSERT INTO wallet (agent_id, tenant_id, address) VALUES ($1, $2, '0xW')", house.nora.agent_id, house.tenant_id
    )
    await house.raw.execute(
        "INSERT INTO payment (reservation_id, tenant_id, agent_id, payment_order, signature, status)"
        " VALUES ($1, $2, $3, '{}', 'signature', 'ordered')",
        pending.reservation_id,
        house.tenant_id,
        house.nora.agent_id,
    )
    await house.raw.execute(
        "INSERT INTO chain_movement (tenant_id, agent_id, tx_hash, log_index, block, sender, recipient, currency,"
        " amount) VALUES ($1, $2, '0xT', 0, 1, '0xS', '0xW', 'USDC', 5)",
        house.tenant_id,
        house.nora.agent_id,
    )
    return house


@pytest.mark.parametrize(
    "change",
    [
        "reserved = reserved + 111",
        "spent = spent + 111",
        "reserved = reserved - 41",
        "spent = -1",
        "limit_amount = 89",
    ],
)
async def test_no_statement_brings_a_counter_over_its_limit_or_below_nothing(rich: Any, change: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await rich.raw.execute(f"UPDATE budget_counter SET {change}")  # noqa: S608
    async with rich.system.swarm.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE budget_counter SET {change}")  # noqa: S608
    assert (await proven(rich.raw, rich.tenant_id)).under("tenant") == (40, 50)


async def test_a_counter_cannot_be_made_over_its_limit(rich: Any) -> None:
    insert = (
        "INSERT INTO budget_counter (budget_id, span_start, tenant_id, limit_amount, reserved, spent)"
        " SELECT budget_id, span_start + 1, tenant_id, limit_amount, 100, 101 FROM budget_counter"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await rich.raw.execute(insert)


async def test_a_treasury_that_has_lost_its_mind_is_stopped_by_the_table(
    rich: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that weighs wrongly does not become money: nothing of its transaction is kept."""
    before = await proven(rich.raw, rich.tenant_id)
    monkeypatch.setattr("chimera.money.rules.budget.weigh", lambda *_: None)
    answers = await asyncio.gather(
        rich.authorise("111 USDC", "too much"), rich.authorise("110 USDC", "fits"), return_exceptions=True
    )
    assert isinstance(answers[0], asyncpg.CheckViolationError)
    monkeypatch.undo()
    after = await proven(rich.raw, rich.tenant_id)
    assert (answers[1].status, after.under("tenant")) == ("authorized", (150, 50))
    assert len(after.events) == len(before.events) + 1


@pytest.mark.parametrize("table", HISTORY)
async def test_history_is_written_once(rich: Any, table: str) -> None:
    assert await rich.value(f"SELECT count(*) FROM {table}") > 0  # noqa: S608
    for statement in (
        f"UPDATE {table} SET tenant_id = tenant_id",  # noqa: S608
        f"DELETE FROM {table}",  # noqa: S608
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await rich.raw.execute(statement)
        if not statement.startswith("UPDATE"):
            async with rich.system.swarm.connection() as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


async def test_postings_that_do_not_balance_are_refused_at_commit(rich: Any) -> None:
    row = await rich.raw.fetchrow("SELECT transaction_id, account FROM ledger_posting ORDER BY 1 LIMIT 1")
    code = await rich.value(
        "SELECT code FROM account WHERE code NOT IN (SELECT account FROM ledger_posting WHERE transaction_id = $1)"
        " LIMIT 1",
        row["transaction_id"],
    )
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        async with rich.raw.transaction():
            add = "INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id) VALUES ($1, $2, 1, $3)"
            await rich.raw.execute(add, row["transaction_id"], code, rich.tenant_id)
    alone = (
        "INSERT INTO transaction_ledger (transaction_id, currency, amount, cfo_judge_verification, tenant_id, entry,"
        " memo) VALUES ($1, 'USDC', 5, '', $2, 'posted', 'no postings')"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await rich.raw.execute(alone, new_id(), rich.tenant_id)


async def test_a_posting_needs_an_account(rich: Any) -> None:
    known = await rich.value("SELECT transaction_id FROM transaction_ledger LIMIT 1")
    add = "INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id) VALUES ($1, 'nobody', 1, $2)"
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await rich.raw.execute(add, known, rich.tenant_id)


async def test_a_decision_cannot_be_forged_into_the_chain(rich: Any) -> None:
    """An event appended past the treasury is noticed by whoever checks, and its number cannot be taken twice."""
    insert = (
        "INSERT INTO money_event (tenant_id, sequence, hash, body)"
        " SELECT tenant_id, sequence + $2, hash, body FROM money_event WHERE tenant_id = $1"
        " ORDER BY sequence DESC LIMIT 1"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await rich.raw.execute(insert, rich.tenant_id, 0)
    await rich.raw.execute(insert, rich.tenant_id, 1)
    problems = check((await read(rich.raw, rich.tenant_id)).events)
    assert any("does not follow" in problem for problem in problems)


@pytest.mark.parametrize("table", MONEY)
async def test_another_tenant_sees_and_changes_nothing(rich: Any, other_tenant: Any, table: str) -> None:
    row = await rich.value(f"SELECT to_jsonb(t) FROM {table} t WHERE tenant_id = $1 LIMIT 1", rich.tenant_id)  # noqa: S608
    assert row is not None, table
    for stranger in (other_tenant[0], None):
        async with rich.system.tenants.transaction(stranger) as connection:
            seen = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", rich.tenant_id)  # noqa: S608
            change = f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = $1"  # noqa: S608
            assert (seen, await connection.execute(change, rich.tenant_id)) == (0, "UPDATE 0")
        with pytest.raises(REFUSED):
            async with rich.system.tenants.transaction(stranger) as connection:
                await connection.execute(
                    f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $1)",  # noqa: S608
                    row,
                )


async def test_of_a_thousand_wishes_at_once_exactly_what_fits_passes(house: Any) -> None:
    change_id = await limit(house, "day 5000 USDC")
    await house.system.limits.confirm(house.tenant_id, change_id, "operator:you")
    answers = await asyncio.gather(*(house.authorise("10 USDC", f"key {number}") for number in range(1_000)))
    assert [answer.status for answer in answers].count("authorized") == 500
    assert (await proven(house.raw, house.tenant_id)).under("tenant") == (5_000, 0)


async def test_one_bad_order_does_not_take_down_the_batch_that_it_came_in(house: Any) -> None:
    treasury = Treasury(house.system.swarm)
    answers = await asyncio.gather(
        treasury.authorise(house.order("10 USDC", "one")),
        treasury.authorise(house.order("10 USDC", "bad", campaign_id=new_id())),
        treasury.authorise(house.order("10 USDC", "two")),
        return_exceptions=True,
    )
    assert isinstance(answers[1], asyncpg.ForeignKeyViolationError)
    assert [getattr(answer, "granted", None) for answer in answers] == [True, None, True]
    assert (await proven(house.raw, house.tenant_id)).under("tenant") == (20, 0)
