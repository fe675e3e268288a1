"""Amounts that are hard to count, limits that change under what was decided, and what nobody may end by itself."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError
from tests.money.proofs import Books, proven

from chimera.money.rules.evidence import check
from chimera.money.service.limits import LimitService, set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, SpendOutcome, TransactionRequest
from chimera.money.types.limits import Limit
from chimera.values import KeyRole
from chimera.wiring.api import create_app

WEI = Decimal("1E-18")
HUGE = Decimal("99999999999999999999.999999999999999999")


async def limit(house: Any, *limits: str, at: datetime | None = None) -> None:
    """Limits of the influencer's, which has none."""
    wanted = [Limit.model_validate(dict(zip(("span", "amount"), text.split(" ", 1), strict=True))) for text in limits]
    scope = "influencer", str(house.nora.agent_id)
    async with house.system.swarm.transaction() as connection:
        await set_limits(connection, house.tenant_id, *scope, wanted, "operator:me", at)


async def close(house: Any, key: str, paid: Decimal | None = None, outcome: SpendOutcome = SpendOutcome.POSTED) -> None:
    id = await house.value("SELECT reservation_id FROM reservation WHERE idempotency_key = $1", key)
    await house.system.treasury.close(Closing(reservation_id=id, outcome=outcome, paid=paid))


async def books(house: Any) -> Books:
    return await proven(house.raw, house.tenant_id)


def under(books: Books, currency: str) -> tuple[Fraction, Fraction]:
    ((held, spent),) = [used for slot, used in books.used().items() if slot[3] == currency]
    return held, spent


async def test_thirty_eight_digits_are_counted_to_the_last(house: Any) -> None:
    """Decimal keeps 28 unless it is told otherwise: a wei beside twelve billion ether must not be lost."""
    await limit(house, f"total {HUGE:f} ETH")
    big = Decimal("12345678901.000000000000000001")
    for key, amount in (("big", big), ("wei", WEI)):
        assert (await house.authorise(f"{amount:f} ETH", key)).status == "authorized"
    assert under(await books(house), "ETH") == (Fraction(big) + Fraction(WEI), 0)
    wide = Context(prec=60)
    exactly = wide.subtract(wide.subtract(HUGE, big), WEI)
    over = wide.add(exactly, WEI)
    assert (await house.authorise(f"{over:f} ETH", "over")).status == 403
    assert (await house.authorise(f"{exactly:f} ETH", "exactly")).status == "authorized"
    assert (await house.authorise("0.000000000000000001 ETH", "more")).status == 403
    await close(house, "big", big - Decimal(1))
    await close(house, "wei", outcome=SpendOutcome.VOIDED)
    found = await books(house)
    assert under(found, "ETH") == (Fraction(exactly), Fraction(found.of("posted", currency="ETH", what="paid")))


@pytest.mark.parametrize("paid", [Decimal(1) / Decimal(3), Decimal("2.0000000000000000001"), Decimal("1E-30")])
async def test_a_bill_finer_than_the_books_is_rounded_up_and_closes(house: Any, paid: Decimal) -> None:
    await limit(house, "day 5 USD")
    assert (await house.authorise("2 USD")).status == "authorized"
    await close(house, "key", paid)
    found = await books(house)
    spent = min(Fraction(paid), Fraction(2))
    assert under(found, "USD")[0] == 0
    assert spent <= under(found, "USD")[1] < spent + Fraction(WEI)
    assert found.flags == (paid > 2)
    assert (await house.authorise("2 USD", "another")).status == "authorized"
    await books(house)


async def test_a_negative_bill_is_refused_and_frees_nothing(house: Any) -> None:
    await house.authorise("150 USDC", "spent")
    await close(house, "spent")
    await house.authorise("50 USDC")
    with pytest.raises(Exception, match="paid"):
        await close(house, "key", Decimal(-100))
    assert (await books(house)).under("tenant") == (50, 150)


@pytest.mark.parametrize("amount", ["0 USDC", "0.000000 USDC", "-1 USDC", "0.0000001 USDC", "1e3 USDC", "NaN USDC"])
def test_a_wish_for_nothing_or_less_is_no_wish(amount: str) -> None:
    with pytest.raises(ValidationError):
        TransactionRequest(destination_wallet="0xA", token_amount=amount, purpose="reach")


async def test_the_chain_holds_when_a_limit_per_transaction_changes(house: Any) -> None:
    await limit(house, "transaction 40 USDC", "day 100 USDC")
    assert (await house.authorise("40 USDC", "one")).status == "authorized"
    await limit(house, "transaction 30 USDC", "day 100 USDC")
    assert (await house.authorise("31 USDC", "two")).status == 403
    assert (await house.authorise("30 USDC", "three")).status == "authorized"
    await books(house)


async def test_the_chain_notices_a_limit_per_transaction_that_was_not_in_force(house: Any) -> None:
    """Whoever rewrites what a decision weighed, with fitting hashes or not, does not get past the limit event."""
    await limit(house, "transaction 40 USDC", "day 100 USDC")
    await house.authorise("40 USDC", "one")
    events = (await books(house)).events
    body: Any = events[-1].body
    (weighed,) = [counter for counter in body["before"] if counter["span"] == "transaction"]
    weighed["limit"] = "41"
    assert any("was not weighed as it is in force" in problem for problem in check(events))


async def test_what_is_in_doubt_does_not_expire(house: Any) -> None:
    """Its money may be gone: it keeps its reservation until a human closes it."""
    now = datetime(2031, 5, 1, tzinfo=UTC)
    treasury = Treasury(house.system.swarm, lambda: now)
    order = house.order("50 USDC").model_copy(update={"expires": True})
    doubted = await treasury.authorise(order)
    await treasury.authorise(order.model_copy(update={"idempotency_key": "other"}))
    await treasury.mark_unknown(doubted.reservation_id, "the answer got lost")
    now += timedelta(days=2)
    assert await treasury.tidy() == 1
    states = {row["key"]: row["status"] for row in (await books(house)).states}
    assert states == {"key": "pending", "other": "expired"}


async def test_limits_change_on_the_day_of_the_treasurys_clock(house: Any) -> None:
    """The day of a limit and the day of a spend come from one clock: the database's does not matter."""
    now = datetime(2031, 5, 1, 23, 59, tzinfo=UTC)
    treasury = Treasury(house.system.swarm, lambda: now)
    await limit(house, "day 100 USDC", at=now)
    assert (await treasury.authorise(house.order("60 USDC", "before"))).granted
    await limit(house, "day 70 USDC", at=now)
    assert not (await treasury.authorise(house.order("11 USDC", "too much"))).granted
    now += timedelta(minutes=2)
    await limit(house, "day 50 USDC", at=now)  # yesterday's 60 are over
    assert (await treasury.authorise(house.order("50 USDC", "after"))).granted
    store = LimitService(house.system.tenants, lambda: now)
    async with house.system.swarm.transaction() as connection:
        wanted = [Limit(span="day", amount="80 USDC")]
        scope = "influencer", str(house.nora.agent_id)
        change_id = await set_limits(connection, house.tenant_id, *scope, wanted, "operator:me", now)
    await store.confirm(house.tenant_id, change_id, "operator:you")
    assert (await treasury.authorise(house.order("30 USDC", "confirmed"))).granted
    await books(house)


async def test_of_a_thousand_calls_of_the_api_exactly_what_fits_passes(house: Any) -> None:
    await limit(house, "day 10 USDC")
    secret = await house.system.accounts.add_key(house.tenant_id, "agent", KeyRole.AGENT)
    transport = httpx2.ASGITransport(create_app(house.system))
    body = {"destination_wallet": "0xA", "token_amount": "0.4 USDC", "purpose": "reach"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://chimera.test", timeout=60) as client:

        async def ask(number: int) -> int:
            headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": f"k{number}"}
            answer = await client.post("/v1/transactions/authorize", json=body, headers=headers)
            return answer.status_code

        answers = await asyncio.gather(*(ask(number) for number in range(1_000)))
    assert (answers.count(200), answers.count(403)) == (500, 500)
    assert (await books(house)).under("tenant") == (200, 0)
