"""What fits its budgets and still looks wrong, on the real store: refused, explained, shown to a human (FIN-5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.money.proofs import Books, proven

from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, Decided, PolicyViolation, SpendOutcome, TransactionRequest
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera_protocol.errors import NotFound

NOON = datetime(2031, 5, 20, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Payer:
    """Nora, whose clock the test sets; every spend has a fresh key."""

    house: Any
    now: datetime = NOON
    treasuries: list[Treasury] = field(default_factory=list)
    count: int = 0

    def order(self, amount: str, payee: str = "0xA", **given: Any) -> SpendOrder:
        self.count += 1
        request = TransactionRequest(
            destination_wallet=payee,
            token_amount=amount,
            purpose="reach",
            category=given.pop("category", "ads"),
        )
        places = {"agent_id": self.house.nora.agent_id, "campaign_id": None, "task_id": None, **given}
        return SpendOrder(
            tenant_id=self.house.tenant_id, idempotency_key=f"key {self.count}", request=request, **places
        )

    async def spend(self, amount: str, payee: str = "0xA", **given: Any) -> Decided:
        return await self.treasuries[0].authorise(self.order(amount, payee, **given))

    async def at_once(self, orders: Sequence[SpendOrder]) -> list[Decided]:
        """In one batch."""
        return await asyncio.gather(*(self.treasuries[0].authorise(order) for order in orders))

    async def books(self) -> Books:
        return await proven(self.house.raw, self.house.tenant_id)

    async def flags(self) -> list[Any]:
        return (await self.house.system.limits.flags(self.house.tenant_id, 100)).items

    async def decide(self, flag_id: Any, *, accept: bool = True) -> None:
        await self.house.system.limits.decide_flag(self.house.tenant_id, flag_id, accept=accept, actor="operator:me")

    async def limit(self, *limits: str) -> None:
        wanted = [
            Limit.model_validate(dict(zip(("span", "amount"), text.split(" ", 1), strict=True))) for text in limits
        ]
        scope = "influencer", str(self.house.nora.agent_id)
        async with self.house.system.swarm.transaction() as connection:
            await set_limits(connection, self.house.tenant_id, *scope, wanted, "operator:me", self.now)


@pytest.fixture
async def payer(house: Any) -> Payer:
    """Ten spends of 10 USDC to 0xA on as many days, each settled; the limits have room for all of it."""
    made = Payer(house)
    made.treasuries = [Treasury(house.system.swarm, lambda: made.now) for _ in range(2)]
    for days in range(12, 2, -1):
        made.now = NOON - timedelta(days=days)
        decided = await made.spend("10 USDC")
        assert decided.granted
        await made.treasuries[0].close(Closing(reservation_id=decided.reservation_id, outcome=SpendOutcome.POSTED))
    made.now = NOON
    return made


def why(decided: Decided) -> list[str]:
    """The kinds of what was suspicious; nothing for what was let through."""
    if not isinstance(decided.answer, PolicyViolation):
        return []
    assert decided.answer.error == "Suspicious spend", decided.answer
    return [reason.split(":")[0] for reason in decided.answer.anomalies or []]


async def new_payee(payer: Payer) -> list[Decided]:
    return [await payer.spend("10 USDC", "0xNEW1"), await payer.spend("11 USDC", "0xNEW2")]


async def size(payer: Payer) -> list[Decided]:
    return [await payer.spend("30 USDC"), await payer.spend("30.000001 USDC")]


async def velocity(payer: Payer) -> list[Decided]:
    return [await payer.spend("10 USDC") for _ in range(4)]


async def velocity_in_one_batch(payer: Payer) -> list[Decided]:
    return await payer.at_once([payer.order("10 USDC") for _ in range(4)])


async def many_small(payer: Payer) -> list[Decided]:
    payer.now = NOON - timedelta(days=1)
    await payer.house.raw.execute("UPDATE reservation SET created_at = $1", NOON - timedelta(days=9))  # a busy hour
    payer.now = NOON
    return [await payer.spend("1 USDC") for _ in range(10)]


async def round_trip_to_an_own_wallet(payer: Payer) -> list[Decided]:
    add = "INSERT INTO wallet (agent_id, tenant_id, address) VALUES ($1, $2, '0xAbC')"
    await payer.house.raw.execute(add, payer.house.nora.agent_id, payer.house.tenant_id)
    return [await payer.spend("1 USDC", "0xABD"), await payer.spend("1 USDC", "0xABC")]


async def round_trip_to_who_has_lately_paid(payer: Payer) -> list[Decided]:
    add = (
        "INSERT INTO chain_movement (tenant_id, agent_id, tx_hash, log_index, block, sender, recipient, currency,"
        " amount, seen_at) VALUES ($1, $2, $3, 0, 1, $4, '0xW', 'USDC', 5, $5)"
    )
    for sender, days in (("0xlong", 31), ("0xlate", 29)):
        place = payer.house.tenant_id, payer.house.nora.agent_id, f"tx of {sender}", sender, NOON - timedelta(days=days)
        await payer.house.raw.execute(add, *place)
    return [await payer.spend("1 USDC", "0xLONG"), await payer.spend("1 USDC", "0xLATE")]


CASES = {
    "new payee": new_payee,
    "size": size,
    "velocity": velocity,
    "velocity ": velocity_in_one_batch,
    "many small": many_small,
    "round trip": round_trip_to_an_own_wallet,
    "round trip ": round_trip_to_who_has_lately_paid,
}


@pytest.mark.parametrize("kind", CASES)
async def test_a_suspicious_spend_is_refused_explained_and_shown(payer: Payer, kind: str) -> None:
    """Each case ends with the first spend that is too much."""
    do: Callable[[Payer], Awaitable[list[Decided]]] = CASES[kind]
    *fine, last = await do(payer)
    assert [why(each) for each in fine] == [[]] * len(fine)
    assert why(last) == [kind.strip()]
    assert isinstance(last.answer, PolicyViolation)
    assert (last.answer.anomalies or [""])[0] in last.answer.details
    (flag,) = await payer.flags()
    assert (flag.reservation_id, flag.reasons, flag.status) == (last.reservation_id, last.answer.anomalies, "open")
    books = await payer.books()
    assert books.of("refused") == Decimal(flag.amount)


@pytest.mark.parametrize("kind", CASES)
async def test_what_models_cost_is_not_watched(payer: Payer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = payer.order
    monkeypatch.setattr(payer, "order", lambda *args, **given: order(*args, **{**given, "category": "compute"}))
    assert [why(each) for each in await CASES[kind](payer)][-1] == []
    assert await payer.flags() == []


@pytest.mark.parametrize("kind", ["size", "round trip"])
async def test_nothing_is_watched_where_the_policy_says_so(payer: Payer, kind: str) -> None:
    policy = Policy(limits=[Limit(span="day", amount="200 USDC")], anomalies=AnomalyRules(enabled=False))
    await payer.house.system.accounts.set_policy(payer.house.tenant_id, policy, "operator:me")
    assert [why(each) for each in await CASES[kind](payer)][-1] == []


async def flagged(payer: Payer, amount: str = "50 USDC", payee: str = "0xNEW") -> Any:
    assert why(await payer.spend(amount, payee))
    return (await payer.flags())[0].flag_id


async def test_an_accepted_flag_lets_exactly_one_such_spend_through(payer: Payer) -> None:
    flag_id = await flagged(payer)
    assert why(await payer.spend("50 USDC", "0xNEW"))
    await payer.decide(flag_id)
    for amount, payee in (("50.01 USDC", "0xNEW"), ("50 USDC", "0xOTHER")):
        assert why(await payer.spend(amount, payee))
    house_spends = await payer.spend("50 USDC", "0xNEW", agent_id=None)
    assert house_spends.granted  # the tenant itself has no history to stand out from, and uses no flag
    assert (await payer.spend("40 USDC", "0xNEW")).granted
    assert why(await payer.spend("40 USDC", "0xNEW"))
    (used,) = [flag for flag in await payer.flags() if flag.flag_id == flag_id]
    assert used.status == "used"
    await payer.books()


async def test_an_accepted_flag_lets_one_of_a_batch_through(payer: Payer) -> None:
    await payer.decide(await flagged(payer))
    decided = await payer.at_once([payer.order("50 USDC", "0xNEW") for _ in range(3)])
    assert [each.granted for each in decided] == [True, False, False]


async def test_two_accepted_flags_let_two_of_a_batch_through(payer: Payer) -> None:
    first, second = await flagged(payer), await flagged(payer)
    assert first != second
    await payer.decide(first)
    await payer.decide(second)
    decided = await payer.at_once([payer.order("50 USDC", "0xNEW") for _ in range(3)])
    assert [each.granted for each in decided] == [True, True, False]


async def test_an_accepted_flag_lets_one_of_two_processes_through(payer: Payer) -> None:
    await payer.decide(await flagged(payer))
    decided = await asyncio.gather(
        *(treasury.authorise(payer.order("50 USDC", "0xNEW")) for treasury in payer.treasuries)
    )
    assert sorted(each.granted for each in decided) == [False, True]


async def test_a_spend_that_is_not_suspicious_uses_no_flag(payer: Payer) -> None:
    flag_id = await flagged(payer, payee="0xA")
    await payer.decide(flag_id)
    assert (await payer.spend("10 USDC")).granted
    assert {flag.status for flag in await payer.flags()} == {"accepted"}


async def test_an_accepted_flag_lets_nothing_over_a_limit_and_is_kept(payer: Payer) -> None:
    await payer.limit("day 45 USDC")
    flag_id = await flagged(payer, "45 USDC")
    await payer.decide(flag_id)
    assert (await payer.spend("1 USDC")).granted
    over = await payer.spend("45 USDC", "0xNEW")
    assert isinstance(over.answer, PolicyViolation)
    assert (over.answer.error, over.answer.anomalies) == ("Daily spend limit exceeded", None)
    assert {flag.status for flag in await payer.flags()} == {"accepted"}
    assert (await payer.spend("44 USDC", "0xNEW")).granted


async def test_a_dismissed_flag_lets_nothing_through_and_is_decided_once(payer: Payer) -> None:
    flag_id = await flagged(payer)
    await payer.decide(flag_id, accept=False)
    assert why(await payer.spend("50 USDC", "0xNEW"))
    with pytest.raises(NotFound):
        await payer.decide(flag_id)


async def test_the_same_key_is_refused_for_good(payer: Payer) -> None:
    """What was answered was answered: after an accepted flag it takes a new wish."""
    order = payer.order("50 USDC", "0xNEW")
    refused = await payer.treasuries[0].authorise(order)
    await payer.decide((await payer.flags())[0].flag_id)
    assert await payer.treasuries[1].authorise(order) == refused
    assert (await payer.spend("50 USDC", "0xNEW")).granted


async def test_a_quarrel_about_a_bill_that_is_settled_lets_nothing_through(payer: Payer) -> None:
    """Somebody took more than was authorised; a human who closes that case has vouched for no new spend."""
    decided = await payer.spend("10 USDC", "0xNEW")
    bill = Closing(reservation_id=decided.reservation_id, outcome=SpendOutcome.POSTED, paid=Decimal(60), source="0xNEW")
    await payer.treasuries[0].close(bill)
    (flag,) = await payer.flags()
    assert "took 50 USDC more" in flag.reasons[0]
    await payer.decide(flag.flag_id)
    payer.now += HOUR
    for _ in range(3):
        assert (await payer.spend("10 USDC", "0xNEW")).granted
    assert why(await payer.spend("10 USDC", "0xNEW")) == ["velocity"]
    await payer.books()


async def test_a_payee_whom_the_brief_names_is_no_stranger_to_its_campaign(payer: Payer) -> None:
    offer = {"token_amount": "25 USDC", "purpose": "reach", "wallet": "0xPROMO"}
    made = await payer.house.running(promotions=[offer])
    other = await payer.house.running(name="Look down")
    assert (await payer.spend("25 USDC", "0xPROMO", campaign_id=made.campaign_id)).granted
    assert why(await payer.spend("25 USDC", "0xPROMO2", campaign_id=made.campaign_id)) == ["new payee"]
    payer.now += timedelta(days=1)
    offered = {**offer, "wallet": "0xPROMO3"}
    named = await payer.house.running(name="Look left", promotions=[offered])
    assert why(await payer.spend("25 USDC", "0xPROMO3", campaign_id=other.campaign_id)) == ["new payee"]
    assert why(await payer.spend("31 USDC", "0xPROMO3", campaign_id=named.campaign_id)) == ["size"]
