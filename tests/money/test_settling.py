"""Ending a spend from outside: once, within what was authorised, and never what a task brings about (FIN-2)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.service.settlement import SettlementService
from chimera.money.service.treasury import now
from chimera.money.types.authorization import Closing, Settlement, SpendOutcome
from chimera_protocol.errors import ChimeraError, Invalid, NotFound

ME = "agent:me"


async def granted(house: Any, amount: str = "50 USDC", key: str = "key", **places: Any) -> Any:
    """An authorisation's reservation and its hash."""
    order = house.order(amount, key, **places).model_copy(update={"expires": True})
    decided = await house.system.treasury.authorise(order)
    assert decided.granted
    return decided.reservation_id, decided.answer.budget_verification_hash


async def used(house: Any) -> tuple[Any, ...]:
    query = "SELECT reserved, spent FROM budget_counter JOIN budget USING (budget_id) WHERE span = 'day'"
    return tuple(await house.raw.fetchrow(f"{query} AND currency = 'USDC' AND scope = 'tenant'"))


async def test_settling_books_what_was_spent_and_frees_the_rest(house: Any) -> None:
    id, mark = await granted(house)
    closed = await house.system.settling.settle(
        house.tenant_id, mark, Settlement(amount="12.5 USDC", reference="r"), ME
    )
    assert (closed.reservation_id, closed.status) == (id, "posted")
    assert (closed.authorized, closed.paid, closed.reference) == ("50 USDC", "12.5 USDC", "r")
    assert await used(house) == (0, 12.5)
    events = await house.raw.fetch("SELECT actor, body FROM audit_event WHERE action = 'spend.posted'")
    assert [event["actor"] for event in events] == [ME]
    assert "12.5 USDC" in events[0]["body"]


async def test_the_same_again_has_the_same_answer_and_another_one_is_a_conflict(house: Any) -> None:
    _, mark = await granted(house)
    settle = house.system.settling.settle
    answers = await asyncio.gather(*(settle(house.tenant_id, mark, Settlement(), ME) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    with pytest.raises(Conflict, match="settled with 50 USDC"):
        await settle(house.tenant_id, mark, Settlement(amount="49 USDC"), ME)
    with pytest.raises(Conflict, match="posted already"):
        await house.system.settling.void(house.tenant_id, mark, ME)
    assert await used(house) == (0, 50)
    assert await house.value("SELECT count(*) FROM audit_event WHERE action = 'spend.posted'") == 1


async def test_voiding_frees_all_of_it_once(house: Any) -> None:
    _, mark = await granted(house)
    void = house.system.settling.void
    assert await void(house.tenant_id, mark, ME) == await void(house.tenant_id, mark, ME)
    assert await used(house) == (0, 0)
    with pytest.raises(Conflict, match="voided already") as refused:
        await house.system.settling.settle(house.tenant_id, mark, Settlement(), ME)
    assert "fresh" in refused.value.remedy


@pytest.mark.parametrize("amount", ["50.000001 USDC", "1 EUR"])
async def test_more_than_was_authorised_or_another_currency_is_refused(house: Any, amount: str) -> None:
    _, mark = await granted(house)
    with pytest.raises(Invalid):
        await house.system.settling.settle(house.tenant_id, mark, Settlement(amount=amount), ME)
    assert await used(house) == (50, 0)


async def test_what_has_expired_cannot_be_settled_whether_it_was_swept_or_not(house: Any) -> None:
    _, mark = await granted(house)
    late = SettlementService(house.system.tenants, lambda: now() + timedelta(days=2))
    with pytest.raises(Conflict, match="expired"):
        await late.settle(house.tenant_id, mark, Settlement(), ME)
    await house.raw.execute("UPDATE reservation SET expires_at = now() - interval '1 second'")
    await house.system.treasury.tidy()
    with pytest.raises(Conflict, match="expired"):
        await house.system.settling.settle(house.tenant_id, mark, Settlement(), ME)
    assert await used(house) == (0, 0)


async def test_what_was_authorised_for_a_task_is_the_tasks(house: Any) -> None:
    running = await house.running(house.node("a", spend="50 USDC"))
    _, mark = await granted(house, task_id=running["a"], campaign_id=running.campaign_id)
    for ending in (
        house.system.settling.settle(house.tenant_id, mark, Settlement(), ME),
        house.system.settling.void(house.tenant_id, mark, ME),
    ):
        with pytest.raises(Conflict, match="authorised for the swarm"):
            await ending


async def test_what_was_never_authorised_or_by_another_tenant_does_not_exist(house: Any, other_tenant: Any) -> None:
    _, mark = await granted(house)
    await house.authorise("500 USDC", "refused")
    refused = await house.value("SELECT verification FROM reservation WHERE status = 'refused'")
    for tenant_id, each in ((house.tenant_id, "0" * 64), (house.tenant_id, refused), (other_tenant[0], mark)):
        with pytest.raises(NotFound):
            await house.system.settling.void(tenant_id, each, ME)


async def test_settling_and_expiring_at_once_do_one_of_the_two(house: Any) -> None:
    _, mark = await granted(house)
    await house.raw.execute("UPDATE reservation SET expires_at = now() + interval '1 millisecond'")
    found = await asyncio.gather(
        house.system.settling.settle(house.tenant_id, mark, Settlement(), ME),
        house.system.treasury.tidy(),
        return_exceptions=True,
    )
    assert not [each for each in found if isinstance(each, Exception) and not isinstance(each, ChimeraError)]
    assert await used(house) in {(0, 50), (0, 0), (50, 0)}


async def test_a_doubt_is_closed_by_hand_once(house: Any) -> None:
    id, mark = await granted(house)
    desk = house.system.settling
    with pytest.raises(Conflict, match="not in doubt"):
        await desk.void_doubt(house.tenant_id, id, ME)
    await house.system.treasury.mark_unknown(id, "nobody answered")
    page = await house.system.reads.spends(house.tenant_id, 10, doubt=True)
    assert [(row.reservation_id, row.doubt) for row in page.items] == [(id, "nobody answered")]
    closed = await desk.settle_doubt(house.tenant_id, id, Settlement(amount="7 USDC"), ME)
    assert (closed.paid, closed.budget_verification_hash) == ("7 USDC", mark)
    assert await desk.settle_doubt(house.tenant_id, id, Settlement(amount="7 USDC"), ME) == closed
    with pytest.raises(Conflict):
        await desk.void_doubt(house.tenant_id, id, ME)
    assert (await house.system.reads.spends(house.tenant_id, 10, doubt=True)).items == []
    with pytest.raises(NotFound):
        await desk.void_doubt(house.tenant_id, new_id(), ME)


async def test_a_doubtful_model_call_is_owed_to_the_model(house: Any) -> None:
    running = await house.running()
    order = house.order("40 COMPUTE", "call", task_id=running["a"], campaign_id=running.campaign_id)
    request = order.request.model_copy(update={"category": "compute", "destination_wallet": "model:worker"})
    decided = await house.system.treasury.authorise(order.model_copy(update={"request": request}))
    await house.system.treasury.mark_unknown(decided.reservation_id, "no usage")
    await house.system.settling.settle_doubt(
        house.tenant_id, decided.reservation_id, Settlement(amount="3 COMPUTE"), ME
    )
    assert await house.value("SELECT amount FROM ledger_posting WHERE account = 'vendor:model:worker'") == -3


async def test_what_ended_before_it_came_into_doubt_stays_as_it_is(house: Any) -> None:
    id, _ = await granted(house)
    await house.system.treasury.close(Closing(reservation_id=id, outcome=SpendOutcome.VOIDED))
    with pytest.raises(Conflict, match="voided already"):
        await house.system.settling.settle_doubt(house.tenant_id, id, Settlement(), ME)
