"""Every call of a model is a spend: reserved before it is made, and settled to what it took (FIN-4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.roles.fakes import make_task
from tests.roles.treasuries import FakeTreasury

from chimera.errors import ModelFailed
from chimera.gateways.models.types import ModelAnswer, RenderedPrompt, Usage
from chimera.money.service.usage_billing import Meter, MeteredModel
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.review.types.opinion import Opinion
from chimera.roles.ports import PaidModel
from chimera.values import Role
from chimera_protocol.errors import Invalid
from chimera_protocol.money import Money

PROMPT = RenderedPrompt(name="judge", version=3, sha256="c" * 64, text="Judge this.")
OPINION = Opinion(score=91, reasons=["Clear."])
TOKENS = Usage(input_tokens=100, output_tokens=20)
PRICED = TOKENS.model_copy(update={"cost": "0.0021 USD"})


@dataclass
class Billed:
    """`ports.Model` with a bill; it notes what was reserved by the time it was asked."""

    treasury: FakeTreasury
    usage: Usage = TOKENS
    ceiling: Sequence[str] = ("9000 COMPUTE",)
    error: Exception | None = None
    reserved: list[list[str]] = field(default_factory=list)

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        if not self.ceiling:
            raise Invalid("nobody knows what it costs")
        return [Money.parse(each) for each in self.ceiling]

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Any], *, seed: int) -> ModelAnswer[Any]:
        assert (role, prompt, output, seed) == (Role.JUDGE, PROMPT, Opinion, 7)
        self.reserved.append([order.request.token_amount for order in self.treasury.orders])
        if self.error is not None:
            raise self.error
        return ModelAnswer[output](output=OPINION, model_used="gpt-x", seed=seed, usage=self.usage, duration_ms=1)


TASK = make_task()


def metered(model: Billed) -> PaidModel:
    return MeteredModel(model, Meter(model.treasury, model.treasury))


async def ask(model: Billed) -> ModelAnswer[Opinion]:
    return await metered(model).ask(TASK, Role.JUDGE, PROMPT, Opinion, seed=7)


def ends(treasury: FakeTreasury) -> dict[str, Closing | str]:
    """By currency: how the transfer ended, or the cause of the doubt that keeps it open."""
    found: dict[UUID, Closing | str] = {closing.reservation_id: closing for closing in treasury.closings}
    found |= dict(treasury.doubts)
    assert len(found) == len(treasury.closings) + len(treasury.doubts)
    orders = zip(treasury.orders, treasury.decided, strict=True)
    return {
        order.request.money.currency: found[decided.reservation_id]
        for order, decided in orders
        if decided.reservation_id in found
    }


def voided(end: Closing | str) -> bool:
    return isinstance(end, Closing) and end.outcome is SpendOutcome.VOIDED


async def test_the_most_that_a_call_can_cost_is_reserved_before_it_is_made() -> None:
    model = Billed(FakeTreasury())
    await ask(model)
    assert model.reserved == [["9000 COMPUTE"]]
    (order,) = model.treasury.orders
    assert (order.tenant_id, order.agent_id, order.campaign_id, order.task_id) == (
        TASK.tenant_id,
        TASK.agent_id,
        TASK.campaign_id,
        TASK.task_id,
    )
    assert (order.request.category, order.request.destination_wallet) == ("compute", "model:judge")
    assert order.request.purpose == "judge: judge v3"
    assert not order.expires


async def test_the_reservation_is_settled_to_the_tokens_that_were_counted() -> None:
    model = Billed(FakeTreasury())
    answer = await ask(model)
    assert model.treasury.closings == [
        Closing(
            reservation_id=model.treasury.decided[0].reservation_id,
            outcome=SpendOutcome.POSTED,
            paid=Decimal(120),
            source="gpt-x",
            compute_tokens=120,
            reference=f"judge:{'c' * 16}",
        )
    ]
    assert model.treasury.doubts == []
    assert answer.output == OPINION
    assert answer.usage == TOKENS.model_copy(update={"budget_verification_hash": "0" * 64})


async def test_a_priced_call_is_settled_to_its_price_however_fine() -> None:
    model = Billed(
        FakeTreasury(), usage=TOKENS.model_copy(update={"cost": "0.000000123456789 USD"}), ceiling=["0.5 USD"]
    )
    await ask(model)
    (closing,) = model.treasury.closings
    assert (closing.outcome, closing.paid, closing.compute_tokens) == (
        SpendOutcome.POSTED,
        Decimal("0.000000123456789"),
        120,
    )


async def test_a_refusal_stops_the_call_before_the_model_is_asked() -> None:
    model = Billed(FakeTreasury(refuses=frozenset({"COMPUTE"})))
    with pytest.raises(ModelFailed, match=r"judge: the CFO refused the call: Daily spend limit exceeded") as caught:
        await ask(model)
    assert not caught.value.billed
    assert model.reserved == []
    assert (model.treasury.closings, model.treasury.doubts) == ([], [])


async def test_a_refusal_of_one_currency_frees_what_was_reserved_in_the_other() -> None:
    model = Billed(FakeTreasury(refuses=frozenset({"COMPUTE"})), ceiling=["0.5 USD", "9000 COMPUTE"])
    with pytest.raises(ModelFailed, match="CFO refused"):
        await ask(model)
    assert model.reserved == []
    assert voided(ends(model.treasury)["USD"])
    assert len(model.treasury.closings) == 1


async def test_a_call_of_unknown_price_is_neither_reserved_nor_made() -> None:
    model = Billed(FakeTreasury(), ceiling=())
    with pytest.raises(Invalid, match="nobody knows"):
        await ask(model)
    assert (model.reserved, model.treasury.orders) == ([], [])


@pytest.mark.parametrize(
    ("usage", "ceiling"),
    [
        (TOKENS, ["0.5 USD"]),
        (TOKENS.model_copy(update={"cost": "0.0021 EUR"}), ["0.5 USD"]),
        (PRICED, ["9000 COMPUTE"]),
        (Usage(), ["9000 COMPUTE"]),
        (Usage(), ["0.5 USD", "9000 COMPUTE"]),
    ],
    ids=["no price", "another currency", "a price where none was due", "no tokens", "no tokens of two"],
)
async def test_an_unknown_cost_keeps_every_reservation_and_says_so(usage: Usage, ceiling: list[str]) -> None:
    model = Billed(FakeTreasury(), usage=usage, ceiling=ceiling)
    answer = await ask(model)
    assert model.treasury.closings == []
    causes = {cause for _, cause in model.treasury.doubts}
    assert [id for id, _ in model.treasury.doubts] == [each.reservation_id for each in model.treasury.decided]
    assert causes == {"the provider did not say what the call cost"}
    assert answer.usage.budget_verification_hash is None


async def test_a_failure_that_nobody_bills_frees_the_money() -> None:
    model = Billed(FakeTreasury(), error=ModelFailed("no key", billed=False), ceiling=["0.5 USD", "9000 COMPUTE"])
    with pytest.raises(ModelFailed, match="no key"):
        await ask(model)
    assert len(model.reserved) == 1
    found = ends(model.treasury)
    assert set(found) == {"USD", "COMPUTE"}
    assert all(voided(end) for end in found.values())


async def test_a_failure_that_may_be_billed_keeps_the_money_with_its_cause() -> None:
    model = Billed(FakeTreasury(), error=ModelFailed("no answer within 60 s"), ceiling=["0.5 USD", "9000 COMPUTE"])
    with pytest.raises(ModelFailed, match="no answer"):
        await ask(model)
    assert ends(model.treasury) == {"USD": "no answer within 60 s", "COMPUTE": "no answer within 60 s"}


async def test_of_a_chain_with_two_currencies_the_one_that_answered_is_paid() -> None:
    model = Billed(FakeTreasury(), usage=PRICED, ceiling=["0.5 USD", "9000 COMPUTE"])
    answer = await ask(model)
    assert model.reserved == [["0.5 USD", "9000 COMPUTE"]]
    found = ends(model.treasury)
    paid = found["USD"]
    assert isinstance(paid, Closing)
    assert (paid.outcome, paid.paid) == (SpendOutcome.POSTED, Decimal("0.0021"))
    assert voided(found["COMPUTE"])
    assert answer.usage.budget_verification_hash is not None


async def test_each_attempt_and_prompt_and_currency_is_a_spend_of_its_own() -> None:
    model = Billed(FakeTreasury(), usage=PRICED, ceiling=["0.5 USD", "9000 COMPUTE"])
    await ask(model)
    again = TASK.model_copy(update={"attempt": 2})
    await metered(model).ask(again, Role.JUDGE, PROMPT, Opinion, seed=7)
    keys = [order.idempotency_key for order in model.treasury.orders]
    assert len(set(keys)) == 4
    assert all(str(TASK.task_id) in key for key in keys)
