"""A batch: what its orders do to each other, in what order tenants are taken, and that it is written whole or not."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chimera.ids import new_id
from chimera.money.rules import accounts, evidence
from chimera.money.rules.accounts import JournalEntry
from chimera.money.rules.evidence import Event
from chimera.money.service.batch import lock, open_batch, write
from chimera.money.service.treasury import now
from chimera.money.types.authorization import Closing, SpendOutcome


async def chain(house: Any, tenant_id: UUID | None = None) -> list[Event]:
    query = "SELECT tenant_id, sequence, hash, body FROM money_event WHERE tenant_id = $1 ORDER BY sequence"
    rows = await house.raw.fetch(query, tenant_id or house.tenant_id)
    return [Event.model_validate({**row, "body": json.loads(row["body"])}) for row in rows]


async def used(house: Any) -> dict[str, tuple[Decimal, Decimal]]:
    """What is reserved and spent by currency."""
    rows = await house.raw.fetch("SELECT currency, reserved, spent FROM budget_counter JOIN budget USING (budget_id)")
    return {row["currency"]: (row["reserved"], row["spent"]) for row in rows}


async def at_once(house: Any, *amounts: str) -> list[bool]:
    """What becomes of orders that arrive together."""
    orders = [house.order(amount, f"key {number}") for number, amount in enumerate(amounts)]
    decided = await asyncio.gather(*(house.system.treasury.authorise(order) for order in orders))
    return [each.granted for each in decided]


async def end(house: Any, paid: str | None, outcome: SpendOutcome = SpendOutcome.POSTED, **more: Any) -> None:
    id = await house.value("SELECT reservation_id FROM reservation WHERE idempotency_key = 'key'")
    given = Decimal(paid) if paid is not None else None
    await house.system.treasury.close(Closing(reservation_id=id, outcome=outcome, paid=given, **more))


async def test_orders_of_one_batch_see_what_those_before_them_have_reserved(house: Any) -> None:
    assert await at_once(house, "120 USDC", "90 USDC", "80 USDC", "1 USDC") == [True, False, True, False]
    assert await used(house) == {"USDC": (200, 0)}
    assert evidence.check(await chain(house)) == []


async def test_currencies_of_one_batch_do_not_touch_each_other(house: Any) -> None:
    assert await at_once(house, "200 USDC", "49999999 COMPUTE", "1 USDC", "1 COMPUTE") == [True, True, False, True]
    assert await used(house) == {"USDC": (200, 0), "COMPUTE": (50_000_000, 0)}


async def test_every_decision_is_one_event_that_follows_on_the_one_before(house: Any) -> None:
    await at_once(house, *["50 USDC"] * 8)
    events = await chain(house)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.body["kind"] for event in events if event.body["kind"] != "limits"]
    assert kinds == ["authorised"] * 4 + ["refused"] * 4
    marks = {row["verification"] for row in await house.raw.fetch("SELECT verification FROM reservation")}
    assert marks == {event.hash for event in events if event.body["kind"] != "limits"}
    head = await house.raw.fetchrow("SELECT sequence, hash FROM treasury WHERE tenant_id = $1", house.tenant_id)
    assert tuple(head) == (events[-1].sequence, events[-1].hash)


async def test_tenants_of_one_batch_have_chains_of_their_own(house: Any, other_tenant: Any) -> None:
    theirs, nobody = other_tenant[0], {"agent_id": None}
    orders = [
        house.order("10 USDC", f"key {number}", **nobody).model_copy(
            update={"tenant_id": theirs if number % 2 else house.tenant_id}
        )
        for number in range(6)
    ]
    decided = await asyncio.gather(*(house.system.treasury.authorise(order) for order in orders))
    assert [each.granted for each in decided] == [True, False] * 3
    for tenant_id in (house.tenant_id, theirs):
        events = await chain(house, tenant_id)
        assert {event.tenant_id for event in events} == {tenant_id}
        assert evidence.check(events) == []


async def test_tenants_are_locked_in_one_order_whoever_asks(house: Any, other_tenant: Any) -> None:
    pair = [house.tenant_id, other_tenant[0]]

    async def take(tenants: list[UUID]) -> None:
        async with house.system.swarm.transaction() as connection:
            for _ in range(2):
                await lock(connection, tenants)
                await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(take(pair[:: 1 if number % 2 else -1]) for number in range(20)))


async def test_a_tenant_whose_money_has_never_moved_starts_a_chain(house: Any) -> None:
    fresh = new_id()
    policy = "INSERT INTO tenant (tenant_id, name, time_zone) VALUES ($1, 'fresh', 'UTC')"
    await house.raw.execute(policy, fresh)
    async with house.system.swarm.transaction() as connection:
        heads = await lock(connection, [fresh, fresh])
    assert [(head.tenant_id, head.sequence, head.hash) for head in heads.values()] == [(fresh, 0, "0" * 64)]


async def test_less_than_was_held_is_settled_and_the_rest_is_free(house: Any) -> None:
    await house.authorise("200 USDC")
    await end(house, "0.000000000001", source="twitter-mcp")
    assert await used(house) == {"USDC": (0, Decimal("0.000000000001"))}
    assert await house.value("SELECT paid FROM reservation") == Decimal("0.000000000001")
    query = "SELECT sum(amount) FROM ledger_posting WHERE account = 'vendor:twitter-mcp'"
    assert await house.value(query) == Decimal("-0.000000000001")
    assert (await at_once(house, "199.999999 USDC")) == [True]


async def test_more_than_was_held_is_never_spent_but_disputed_and_flagged(house: Any) -> None:
    await house.authorise("50 USDC")
    await end(house, "57.5")
    assert await used(house) == {"USDC": (0, 50)}
    rows = await house.raw.fetch("SELECT entry, amount FROM transaction_ledger ORDER BY transaction_id")
    assert [tuple(row) for row in rows] == [("pending", 50), ("posted", 50), ("disputed", Decimal("7.5"))]
    assert await house.value("SELECT sum(amount) FROM ledger_posting WHERE account = 'disputed:0xA'") == Decimal("7.5")
    (flag,) = (await house.system.limits.flags(house.tenant_id, 50)).items
    assert flag.reasons == ["0xA took 7.5 USDC more than was authorised"]
    assert evidence.check(await chain(house)) == []


@pytest.mark.parametrize("outcome", [SpendOutcome.VOIDED, SpendOutcome.EXPIRED])
async def test_what_was_not_posted_has_cost_nothing_whatever_is_said(house: Any, outcome: SpendOutcome) -> None:
    await house.authorise("50 USDC")
    await end(house, "20", outcome)
    assert await used(house) == {"USDC": (0, 0)}
    assert await house.value("SELECT status FROM reservation") == outcome.value
    assert await house.value("SELECT count(*) FROM ledger_posting WHERE account LIKE 'expense:%'") == 0


async def test_closings_that_arrive_together_are_all_booked(house: Any) -> None:
    assert await at_once(house, *["10 USDC"] * 12) == [True] * 12
    ids = [row["reservation_id"] for row in await house.raw.fetch("SELECT reservation_id FROM reservation")]
    closings = [
        Closing(reservation_id=id, outcome=SpendOutcome.POSTED if number % 2 else SpendOutcome.VOIDED)
        for number, id in enumerate([*ids, *ids])
    ]
    await asyncio.gather(*(house.system.treasury.close(closing) for closing in closings))
    assert await used(house) == {"USDC": (0, 60)}
    events = await chain(house)
    assert evidence.check(events) == []
    assert sum(event.body["kind"] in ("posted", "voided") for event in events) == 12


async def test_what_the_table_refuses_is_not_written_at_all(house: Any) -> None:
    """The counters are wrong on purpose: as if somebody else had spent behind the lock's back."""
    await house.authorise("150 USDC")
    before = await chain(house)
    await house.raw.execute("UPDATE budget_counter SET limit_amount = 160")
    with pytest.raises(asyncpg.CheckViolationError):
        await house.authorise("50 USDC", "another")
    assert await chain(house) == before
    assert await house.value("SELECT count(*) FROM reservation") == 1
    assert await house.value("SELECT count(*) FROM transaction_ledger") == 1
    assert await used(house) == {"USDC": (150, 0)}


async def test_money_that_came_in_is_booked_without_a_reservation(house: Any) -> None:
    postings = accounts.receiving(house.nora.agent_id, Decimal(5), "0xB", funding=False)
    async with house.system.swarm.transaction() as connection:
        batch = await open_batch(connection, [house.tenant_id], now)
        entry = JournalEntry(house.tenant_id, "received", Decimal(5), "USDC", "tip", house.nora.agent_id)
        batch.book(entry, postings)
        await write(connection, batch)
    row = await house.raw.fetchrow("SELECT entry, amount, reservation_id, memo FROM transaction_ledger")
    assert tuple(row) == ("received", 5, None, "tip")
    codes = {row["code"]: row["kind"] for row in await house.raw.fetch("SELECT code, kind FROM account")}
    assert codes == {
        f"wallet:{house.nora.agent_id}": "asset",
        f"income:received:{house.nora.agent_id}": "income",
    }
