"""Limits and the ledger: reserved before, settled after, and never more than the limit (FIN-1..4)."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.service.limits import set_limits
from chimera.money.types.authorization import Authorization, Closing, PolicyViolation, SpendOutcome
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera_protocol.errors import Invalid


async def limit(house: Any, *limits: str, scope: str = "tenant", key: Any = None) -> None:
    """Put limits like 'day 200 USDC' in force; what they loosen has its second operator."""
    wanted = [Limit.model_validate(dict(zip(("span", "amount"), text.split(" ", 1), strict=True))) for text in limits]
    scope_key = str(key or house.tenant_id)
    async with house.system.swarm.transaction() as connection:
        change_id = await set_limits(connection, house.tenant_id, scope, scope_key, wanted, "operator:me")
    if change_id is not None:
        await house.system.limits.confirm(house.tenant_id, change_id, "operator:you")


async def close(house: Any, outcome: SpendOutcome, key: str = "key") -> None:
    """End the transfer that was authorised under a key."""
    id = await reservation(house, key)
    await house.system.treasury.close(Closing(reservation_id=id, outcome=outcome))


async def reservation(house: Any, key: str = "key") -> Any:
    async with house.system.swarm.connection() as connection:
        return await connection.fetchval("SELECT reservation_id FROM reservation WHERE idempotency_key = $1", key)


async def used(house: Any, span: str = "day", scope: str = "tenant") -> tuple[Decimal, Decimal]:
    query = (
        "SELECT reserved, spent FROM budget_counter JOIN budget USING (budget_id)"
        " WHERE span = $1 AND scope = $2 AND currency = 'USDC'"
    )
    return tuple(await house.raw.fetchrow(query, span, scope))


async def test_an_authorised_amount_is_reserved_and_answered_as_the_seed_has_it(house: Any) -> None:
    asked = await house.value("SELECT clock_timestamp()")
    answer = await house.authorise("50 USDC")
    assert isinstance(answer, Authorization)
    assert (answer.status, len(answer.budget_verification_hash)) == ("authorized", 64)
    assert asked <= answer.timestamp <= await house.value("SELECT clock_timestamp()")
    assert await used(house) == (50, 0)
    assert await house.value("SELECT entry FROM transaction_ledger") == "pending"
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'spend.authorised'") == 1


async def test_a_refusal_answers_as_the_seed_has_it_and_reserves_nothing(house: Any) -> None:
    answer = await house.authorise("500 USDC")
    assert isinstance(answer, PolicyViolation)
    assert (answer.status, answer.error) == (403, "Daily spend limit exceeded")
    assert answer.details == "Requested 500 USDC, limit is 200 USDC"
    assert await used(house) == (0, 0)
    assert await house.value("SELECT count(*) FROM transaction_ledger") == 0
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'spend.refused'") == 1


@pytest.mark.parametrize("amount", ["50 USDC", "500 USDC"])
async def test_the_same_key_and_body_have_the_same_answer_and_one_effect(house: Any, amount: str) -> None:
    answers = await asyncio.gather(*(house.authorise(amount) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert await house.authorise(amount) == answers[0]
    assert await house.value("SELECT count(*) FROM reservation") == 1


async def test_the_same_key_with_another_body_is_a_conflict(house: Any) -> None:
    await house.authorise("50 USDC")
    with pytest.raises(Conflict, match="another request"):
        await house.authorise("51 USDC")
    assert await used(house) == (50, 0)


async def test_two_tenants_may_use_the_same_key(house: Any, other_tenant: Any) -> None:
    await house.authorise("50 USDC")
    order = house.order("60 USDC", agent_id=other_tenant[1].agent_id).model_copy(update={"tenant_id": other_tenant[0]})
    assert not (await house.system.treasury.authorise(order)).granted


async def test_exactly_the_limit_is_spent_under_concurrency(house: Any) -> None:
    await limit(house, "day 500 USDC")
    answers = await asyncio.gather(*(house.authorise("10 USDC", f"key {number}") for number in range(200)))
    assert sum(isinstance(answer, Authorization) for answer in answers) == 50
    assert await used(house) == (500, 0)


async def test_authorising_and_settling_at_once_under_several_limits_never_fails(house: Any) -> None:
    await limit(house, "day 5000 USDC", "month 5000 USDC", "total 5000 USDC")
    await limit(house, "day 5000 USDC", "total 5000 USDC", scope="influencer", key=house.nora.agent_id)

    async def spend(number: int) -> None:
        await house.authorise("10 USDC", f"key {number}")
        await close(house, SpendOutcome.POSTED if number % 2 else SpendOutcome.VOIDED, f"key {number}")

    answers = await asyncio.gather(*(spend(number) for number in range(120)), return_exceptions=True)
    assert [answer for answer in answers if answer is not None] == []
    assert await used(house, "total") == (0, 600)
    assert await used(house, "day", "influencer") == (0, 600)


async def test_settling_moves_the_money_from_reserved_to_spent_once(house: Any) -> None:
    await house.authorise("50 USDC")
    for _ in range(2):
        await close(house, SpendOutcome.POSTED)
        assert await used(house) == (0, 50)
    await close(house, SpendOutcome.VOIDED)
    assert await used(house) == (0, 50)
    assert await house.value("SELECT count(*) FROM transaction_ledger WHERE entry = 'posted'") == 1


async def test_releasing_frees_the_money_once(house: Any) -> None:
    await house.authorise("200 USDC")
    for _ in range(2):
        await close(house, SpendOutcome.VOIDED)
        assert await used(house) == (0, 0)
    await close(house, SpendOutcome.POSTED)
    assert await used(house) == (0, 0)
    assert isinstance(await house.authorise("200 USDC", "again"), Authorization)


async def test_settling_and_releasing_at_once_do_one_of_the_two(house: Any) -> None:
    await house.authorise("50 USDC")
    await asyncio.gather(
        *(close(house, how) for how in (SpendOutcome.POSTED, SpendOutcome.VOIDED, SpendOutcome.POSTED))
    )
    assert await used(house) in {(0, 50), (0, 0)}
    assert await house.value("SELECT count(*) FROM transaction_ledger WHERE entry <> 'pending'") == 1


async def test_postings_of_every_transaction_sum_to_zero(house: Any) -> None:
    for number, how in enumerate([None, SpendOutcome.POSTED, SpendOutcome.VOIDED]):
        await house.authorise("0.000001 USDC", f"key {number}")
        if how:
            await close(house, how, f"key {number}")
    sums = await house.raw.fetch("SELECT sum(amount) AS sum, count(*) FROM ledger_posting GROUP BY transaction_id")
    assert {row["sum"] for row in sums} == {0}
    assert sorted(row["count"] for row in sums) == [2, 2, 2, 2, 4]


async def test_unbalanced_postings_are_refused_at_commit(house: Any) -> None:
    await house.authorise("50 USDC")
    known = await house.value("SELECT transaction_id FROM transaction_ledger")
    opened = "INSERT INTO account (tenant_id, code, kind) VALUES ($1, 'me', 'equity')"
    await house.raw.execute(opened, house.tenant_id)
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        async with house.raw.transaction():
            add = "INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id) VALUES ($1, 'me', 1, $2)"
            await house.raw.execute(add, known, house.tenant_id)
    alone = (
        "INSERT INTO transaction_ledger (transaction_id, currency, amount, cfo_judge_verification, tenant_id, entry,"
        " memo) VALUES ($1, 'USDC', 5, '', $2, 'posted', 'no postings')"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await house.raw.execute(alone, new_id(), house.tenant_id)


@pytest.mark.parametrize("change", ["reserved + 151", "reserved - 51"])
async def test_the_database_itself_refuses_overspending(house: Any, change: str) -> None:
    await house.authorise("50 USDC")
    raw_sql = {
        "reserved + 151": "UPDATE budget_counter SET reserved = reserved + 151",
        "reserved - 51": "UPDATE budget_counter SET reserved = reserved - 51",
    }
    with pytest.raises(asyncpg.CheckViolationError):
        await house.raw.execute(raw_sql[change])


async def test_every_limit_counts_and_the_strictest_is_named(house: Any) -> None:
    await limit(house, "transaction 40 USDC", "total 60 USDC")
    await limit(house, "day 30 USDC", scope="influencer", key=house.nora.agent_id)
    first = await house.authorise("35 USDC", "one")
    assert (first.error, first.window.split(":")[0]) == ("Daily spend limit exceeded", "influencer")
    assert isinstance(await house.authorise("30 USDC", "two"), Authorization)
    assert isinstance(await house.authorise("30 USDC", "three", agent_id=None), Authorization)
    last = await house.authorise("1 USDC", "four", agent_id=None)
    assert (last.error, last.limit, last.reserved) == ("Total spend limit exceeded", "60 USDC", "60 USDC")
    big = await house.authorise("41 USDC", "five", agent_id=None)
    assert isinstance(big, PolicyViolation)


async def test_a_currency_without_a_budget_is_refused(house: Any) -> None:
    answer = await house.authorise("1 ETH")
    assert (answer.error, answer.limit) == ("No budget in this currency", "0 ETH")


async def test_a_campaign_needs_no_budget_of_its_own_in_a_currency(house: Any) -> None:
    made = await house.running()
    refusal = await house.authorise("1 ETH", "one", campaign_id=made.campaign_id)
    assert refusal.error == "No budget in this currency"
    await limit(house, "transaction 1 ETH")
    refusal = await house.authorise("1 ETH", "two", campaign_id=made.campaign_id)
    assert refusal.error == "No budget in this currency"
    await limit(house, "day 1 ETH")
    assert isinstance(await house.authorise("1 ETH", "three", campaign_id=made.campaign_id), Authorization)


async def test_the_day_changes_in_the_tenants_time_zone(house: Any) -> None:
    for number, zone in enumerate(("Pacific/Kiritimati", "Pacific/Honolulu")):
        await house.raw.execute("UPDATE tenant SET time_zone = $2 WHERE tenant_id = $1", house.tenant_id, zone)
        before = datetime.now(ZoneInfo(zone)).date()
        await house.authorise("150 USDC", f"key {number}")
        days = {row["span_start"] for row in await house.raw.fetch("SELECT span_start FROM budget_counter")}
        assert days & {before, datetime.now(ZoneInfo(zone)).date()}
    assert len(days) == 2


async def test_a_new_day_has_the_whole_limit_again(house: Any) -> None:
    await house.authorise("200 USDC", "yesterday")
    assert isinstance(await house.authorise("1 USDC", "too much"), PolicyViolation)
    await house.raw.execute("UPDATE budget_counter SET span_start = span_start - 1")
    assert isinstance(await house.authorise("200 USDC", "today"), Authorization)


async def test_a_lower_limit_holds_at_once(house: Any) -> None:
    await house.authorise("50 USDC", "one")
    await house.system.accounts.set_policy(
        house.tenant_id, Policy(limits=[Limit(span="day", amount="60 USDC")]), "operator:me"
    )
    assert isinstance(await house.authorise("11 USDC", "two"), PolicyViolation)
    assert isinstance(await house.authorise("10 USDC", "three"), Authorization)


async def test_a_limit_below_what_is_used_is_refused_with_a_clear_error(house: Any) -> None:
    await house.authorise("50 USDC")
    policy = Policy(limits=[Limit(span="day", amount="40 USDC")])
    with pytest.raises(Invalid, match="more than 40 USDC is reserved and spent already"):
        await house.system.accounts.set_policy(house.tenant_id, policy, "operator:me")
    assert isinstance(await house.authorise("150 USDC", "the old limit holds"), Authorization)


async def test_what_was_spent_on_earlier_days_does_not_keep_a_daily_limit_from_being_lowered(house: Any) -> None:
    await house.authorise("150 USDC")
    await close(house, SpendOutcome.POSTED)
    await house.raw.execute("UPDATE budget_counter SET span_start = span_start - 1")
    await limit(house, "day 100 USDC")
    assert isinstance(await house.authorise("101 USDC", "two"), PolicyViolation)
    assert isinstance(await house.authorise("100 USDC", "three"), Authorization)
