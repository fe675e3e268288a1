"""Limits: tightening holds at once, loosening takes two operators, and a suspicious spend waits for a human (FIN-5)."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chimera.errors import Conflict, Forbidden
from chimera.ids import new_id
from chimera.money.rules.limits import COMPUTE_A_DAY
from chimera.money.types.authorization import TransactionRequest
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera_protocol.errors import Invalid, NotFound

ME, YOU = "operator:me", "operator:you"


def limits(*texts: str) -> list[Limit]:
    """Limits from words like 'day 200 USDC'."""
    parts = (text.split(" ", 1) for text in texts)
    return [Limit.model_validate({"span": span, "amount": amount}) for span, amount in parts]


async def put(house: Any, *texts: str, actor: str = ME, **more: Any) -> list[UUID]:
    """Put a policy with these limits of the tenant; the changes that wait."""
    policy = Policy(limits=limits(*texts), **more)
    change = await house.system.accounts.set_policy(house.tenant_id, policy, actor)
    return list(change.limits_waiting)


async def in_force(house: Any, scope: str = "tenant") -> dict[str, str]:
    """The limits of one scope, but for the one that every tenant has."""
    found = await house.system.reads.limits(house.tenant_id)
    return {
        f"{each.span} {each.currency}": f"{each.limit_amount.normalize():f}"
        for each in found
        if each.scope == scope and each.currency != "COMPUTE"
    }


async def asks(house: Any, amount: str, key: str, payee: str = "0xA", category: str = "general") -> Any:
    order = house.order(amount, key)
    request = TransactionRequest(destination_wallet=payee, token_amount=amount, purpose="reach", category=category)
    return (await house.system.treasury.authorise(order.model_copy(update={"request": request}))).answer


async def granted(house: Any, amount: str, key: str, **more: Any) -> bool:
    return (await asks(house, amount, key, **more)).status == "authorized"


async def test_every_tenant_may_let_its_models_count_so_many_tokens_a_day(system: Any) -> None:
    tenant_id = await system.accounts.open_tenant("fresh")
    (limit,) = await system.reads.limits(tenant_id)
    assert (limit.scope, limit.span, limit.scope_key) == ("tenant", "day", str(tenant_id))
    assert f"{limit.limit_amount.normalize():f} {limit.currency}" == COMPUTE_A_DAY.amount == "50000000 COMPUTE"


async def test_the_first_limits_of_a_tenant_need_nobodys_leave(system: Any) -> None:
    tenant_id = await system.accounts.open_tenant("fresh")
    policy = Policy(limits=limits("day 500 USDC", "day 90000000 COMPUTE"))
    assert (await system.accounts.set_policy(tenant_id, policy, ME)).limits_waiting == []
    found = {each.currency: each.limit_amount for each in await system.reads.limits(tenant_id)}
    assert found == {"USDC": 500, "COMPUTE": 90_000_000}


async def test_a_tighter_limit_holds_at_once_and_nobody_is_asked(house: Any) -> None:
    assert await put(house, "day 100 USDC", "transaction 30 USDC") == []
    assert await in_force(house) == {"day USDC": "100", "transaction USDC": "30"}
    assert not await granted(house, "31 USDC", "one")
    assert await granted(house, "30 USDC", "two")


@pytest.mark.parametrize(
    "looser",
    [["day 201 USDC"], ["month 200 USDC"], [], ["day 200 USDC", "day 1 ETH"]],
    ids=["higher", "another span", "gone", "a new currency"],
)
async def test_a_looser_limit_waits_and_the_old_one_holds(house: Any, looser: list[str]) -> None:
    (change_id,) = await put(house, *looser)
    assert (await in_force(house))["day USDC"] == "200"
    assert not await granted(house, "201 USDC", "one")
    assert not await granted(house, "1 ETH", "two")
    (change,) = (await house.system.limits.changes(house.tenant_id, 50)).items
    assert (change.change_id, change.status, change.proposed_by) == (change_id, "waiting", ME)
    assert (change.scope, change.scope_key) == ("tenant", str(house.tenant_id))
    assert change.limits == [*limits(*looser), COMPUTE_A_DAY]


async def test_whoever_proposed_a_looser_limit_cannot_confirm_it(house: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC")
    with pytest.raises(Forbidden, match="cannot confirm"):
        await house.system.limits.confirm(house.tenant_id, change_id, ME)
    assert await in_force(house) == {"day USDC": "200"}
    one = "UPDATE limit_change SET status = 'confirmed', decided_by = proposed_by"
    with pytest.raises(asyncpg.CheckViolationError):
        await house.raw.execute(one)


async def test_a_second_operator_puts_it_in_force_once(house: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC")
    await house.system.limits.confirm(house.tenant_id, change_id, YOU)
    assert await in_force(house) == {"day USDC": "500"}
    assert await granted(house, "450 USDC", "one")
    for late in (house.system.limits.confirm, house.system.limits.withdraw):
        with pytest.raises(Conflict, match="confirmed already"):
            await late(house.tenant_id, change_id, YOU)
    (change,) = (await house.system.limits.changes(house.tenant_id, 50)).items
    assert (change.status, change.decided_by) == ("confirmed", YOU)


async def test_two_who_confirm_at_once_do_it_once(house: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC")
    confirms = (house.system.limits.confirm(house.tenant_id, change_id, f"operator:{name}") for name in "abcd")
    answers = await asyncio.gather(*confirms, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["NoneType"]


async def test_what_a_change_tightens_holds_at_once_even_when_the_rest_waits(house: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC", "transaction 20 USDC", "month 900 USDC")
    assert await in_force(house) == {"day USDC": "200", "transaction USDC": "20", "month USDC": "900"}
    await house.system.limits.confirm(house.tenant_id, change_id, YOU)
    assert await in_force(house) == {"day USDC": "500", "transaction USDC": "20", "month USDC": "900"}


async def test_a_withdrawn_change_is_over_and_told(house: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC")
    await house.system.limits.withdraw(house.tenant_id, change_id, ME)
    with pytest.raises(Conflict, match="withdrawn already"):
        await house.system.limits.confirm(house.tenant_id, change_id, YOU)
    assert await in_force(house) == {"day USDC": "200"}
    query = "SELECT action FROM audit_event WHERE subject = $1 ORDER BY event_id"
    rows = await house.raw.fetch(query, str(change_id))
    assert [row["action"] for row in rows] == ["limits.proposed", "limits.withdrawn"]


async def test_new_limits_overtake_what_was_proposed_before_them(house: Any) -> None:
    (first,) = await put(house, "day 500 USDC")
    (second,) = await put(house, "day 400 USDC")
    with pytest.raises(Conflict, match="withdrawn already"):
        await house.system.limits.confirm(house.tenant_id, first, YOU)
    assert await put(house, "day 100 USDC") == []
    with pytest.raises(Conflict, match="withdrawn already"):
        await house.system.limits.confirm(house.tenant_id, second, YOU)
    assert await in_force(house) == {"day USDC": "100"}


async def test_a_change_of_another_tenant_is_not_found(house: Any, other_tenant: Any) -> None:
    (change_id,) = await put(house, "day 500 USDC")
    for act in (house.system.limits.confirm, house.system.limits.withdraw):
        with pytest.raises(NotFound):
            await act(other_tenant[0], change_id, YOU)
    assert (await house.system.limits.changes(other_tenant[0], 50)).items == []
    with pytest.raises(NotFound):
        await house.system.limits.confirm(house.tenant_id, new_id(), YOU)


async def test_changes_are_read_newest_first_and_page_by_page(house: Any) -> None:
    ids = [(await put(house, f"day {amount} USDC"))[0] for amount in (300, 400, 500)]
    first = await house.system.limits.changes(house.tenant_id, 2)
    second = await house.system.limits.changes(house.tenant_id, 2, first.next)
    assert [each.change_id for each in first.items + second.items] == ids[::-1]
    assert second.next is None


async def test_a_category_and_a_payee_have_limits_of_their_own(house: Any) -> None:
    more = {"category_limits": {"ads": limits("day 60 USDC")}, "payee_limits": {"0xShop": limits("total 40 USDC")}}
    assert await put(house, "day 200 USDC", **more) == []
    refusal = await asks(house, "61 USDC", "one", category="ads")
    assert refusal.window.startswith("category:day:")
    refusal = await asks(house, "41 USDC", "two", payee="0xShop", category="ads")
    assert refusal.window.startswith("payee:total:")
    assert await granted(house, "40 USDC", "three", payee="0xShop", category="ads")
    assert not await granted(house, "1 USDC", "four", payee="0xShop")
    assert not await granted(house, "21 USDC", "five", category="ads")
    assert await granted(house, "61 USDC", "six", category="tools")


async def test_a_limit_of_a_category_or_payee_is_not_lifted_by_leaving_it_out(house: Any) -> None:
    more = {"category_limits": {"ads": limits("day 60 USDC")}, "payee_limits": {"0xShop": limits("total 40 USDC")}}
    await put(house, "day 200 USDC", **more)
    waiting = await put(house, "day 200 USDC")
    assert len(waiting) == 2
    assert not await granted(house, "61 USDC", "one", category="ads")
    for change_id in waiting:
        await house.system.limits.confirm(house.tenant_id, change_id, YOU)
    assert await in_force(house, "category") == await in_force(house, "payee") == {}
    assert await granted(house, "61 USDC", "two", category="ads", payee="0xShop")


async def test_a_limit_below_what_is_used_changes_nothing_at_all(house: Any) -> None:
    assert await granted(house, "150 USDC", "one")
    with pytest.raises(Invalid, match="more than 100 USDC"):
        await put(house, "day 100 USDC", "transaction 5 USDC")
    assert await in_force(house) == {"day USDC": "200"}
    assert await granted(house, "50 USDC", "two")


async def test_limits_are_on_the_chain_and_in_the_trail(house: Any) -> None:
    await granted(house, "50 USDC", "one")
    await put(house, "day 100 USDC")
    rows = await house.raw.fetch("SELECT body FROM money_event WHERE tenant_id = $1 ORDER BY sequence", house.tenant_id)
    body = json.loads(rows[-1]["body"])
    assert (body["kind"], body["actor"]) == ("limits", ME)
    assert {(each["span"], each["currency"], each["amount"]) for each in body["limits"] if not each["retired"]} == {
        ("day", "USDC", "100"),
        ("day", "COMPUTE", "50000000"),
    }
    assert [(each["limit"], each["reserved"]) for each in body["before"]] == [("200", "50")]
    assert [(each["limit"], each["reserved"]) for each in body["after"]] == [("100", "50")]
    query = "SELECT actor FROM audit_event WHERE action = 'limits.set' AND subject = $1 ORDER BY event_id DESC LIMIT 1"
    assert await house.value(query, f"tenant:{house.tenant_id}") == ME


async def flagged(house: Any) -> UUID:
    """A payer with habits, who then asks for something unheard of; the flag."""
    for number in range(10):
        assert await granted(house, "1 USDC", f"habit {number}")
    refusal = await asks(house, "50 USDC", "odd", payee="0xNew")
    assert refusal.error == "Suspicious spend"
    (flag,) = (await house.system.limits.flags(house.tenant_id, 50)).items
    assert flag.reasons == refusal.anomalies
    assert (flag.status, flag.payee, flag.amount, flag.currency) == ("open", "0xNew", 50, "USDC")
    return UUID(str(flag.flag_id))


async def test_a_suspicious_spend_is_refused_reserves_nothing_and_is_shown(house: Any) -> None:
    await flagged(house)
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 10
    assert (await asks(house, "50 USDC", "odd", payee="0xNew")).error == "Suspicious spend"
    assert len((await house.system.limits.flags(house.tenant_id, 50)).items) == 1


async def test_an_accepted_flag_lets_one_such_spend_through(house: Any) -> None:
    flag_id = await flagged(house)
    await house.system.limits.decide_flag(house.tenant_id, flag_id, accept=True, actor=ME)
    assert not await granted(house, "51 USDC", "more than that", payee="0xNew")
    assert not await granted(house, "50 USDC", "to somebody else", payee="0xNewer")
    assert await granted(house, "50 USDC", "once", payee="0xNew")
    query = "SELECT status FROM spend_flag WHERE flag_id = $1"
    assert await house.value(query, flag_id) == "used"
    assert (await asks(house, "60 USDC", "twice", payee="0xNew")).error == "Suspicious spend"


async def test_two_of_one_batch_do_not_share_an_accepted_flag(house: Any) -> None:
    flag_id = await flagged(house)
    await house.system.limits.decide_flag(house.tenant_id, flag_id, accept=True, actor=ME)
    answers = await asyncio.gather(*(granted(house, "50 USDC", f"at once {n}", payee="0xNew") for n in range(3)))
    assert sum(answers) == 1


async def test_an_accepted_flag_does_not_lift_a_limit(house: Any) -> None:
    flag_id = await flagged(house)
    await house.system.limits.decide_flag(house.tenant_id, flag_id, accept=True, actor=ME)
    await put(house, "day 40 USDC")
    assert (await asks(house, "50 USDC", "once", payee="0xNew")).error == "Daily spend limit exceeded"


async def test_a_dismissed_flag_stays_refused_and_is_decided_once(house: Any, other_tenant: Any) -> None:
    flag_id = await flagged(house)
    with pytest.raises(NotFound):
        await house.system.limits.decide_flag(other_tenant[0], flag_id, accept=True, actor=YOU)
    await house.system.limits.decide_flag(house.tenant_id, flag_id, accept=False, actor=ME)
    with pytest.raises(NotFound, match="no open flag"):
        await house.system.limits.decide_flag(house.tenant_id, flag_id, accept=True, actor=YOU)
    assert not await granted(house, "50 USDC", "again", payee="0xNew")
    query = "SELECT actor FROM audit_event WHERE action = 'flag.dismissed'"
    assert await house.value(query) == ME


async def test_what_models_use_is_never_suspicious(house: Any) -> None:
    for number in range(10):
        assert await granted(house, "10 COMPUTE", f"habit {number}", category="compute")
    assert await granted(house, "40000000 COMPUTE", "large", payee="model:x", category="compute")


async def test_rules_that_are_switched_off_object_to_nothing(house: Any) -> None:
    await flagged(house)
    await put(house, "day 200 USDC", anomalies={"enabled": False})
    assert await granted(house, "50 USDC", "now", payee="0xNewest")
