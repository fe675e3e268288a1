"""A human's approval is about the piece, not about the money: the CFO decides about that, each time anew."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.money.proofs import Books, proven
from tests.roles.fakes import FakeModel, FakePulse, FakeSigner, FakeTools

from chimera.errors import Conflict
from chimera.money.types.authorization import Closing, Decided, SpendOutcome
from chimera.review.types.messages import PendingReview
from chimera.review.types.opinion import Opinion
from chimera.roles.judge import Judge
from chimera.values import Decision, TaskStatus


@pytest.fixture
async def task_id(house: Any) -> UUID:
    """A spend of 50 USDC that the brief offers."""
    made = await house.running(house.node("pay", spend="50 USDC"))
    found: UUID = made["pay"]
    return found


def judge(house: Any) -> Judge:
    model = FakeModel(Opinion(score=99, reasons=["clear"], topics=[], regression_notes=""))
    return Judge(
        house.system.work, house.system.plans, house.system.judging, model, FakeTools(), FakeSigner(), FakePulse()
    )


async def ask(house: Any, task_id: UUID, amount: str = "50 USDC") -> Decided:
    campaign_id = await house.value("SELECT campaign_id FROM task WHERE task_id = $1", task_id)
    order = house.order(amount, f"task-{task_id}", task_id=task_id, campaign_id=campaign_id)
    decided: Decided = await house.system.treasury.authorise(order)
    return decided


async def approved(house: Any, task_id: UUID) -> PendingReview:
    """The task's piece, escalated and approved by a human, in the Judge's hands again."""
    await house.submit(await house.claim(task_id))
    (piece,) = await house.pieces(task_id)
    await house.commit(piece, Decision.ESCALATE)
    approval_id = await house.value("SELECT approval_id FROM approval WHERE task_id = $1", task_id)
    await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, "reviewer:me", None)
    (again,) = await house.pieces(task_id)
    assert again.human is not None
    assert again.human.decision is Decision.APPROVE
    return again  # type: ignore[no-any-return]


async def effects(house: Any) -> int:
    return int(await house.value("SELECT count(*) FROM effect"))


async def books(house: Any) -> Books:
    return await proven(house.raw, house.tenant_id)


async def test_an_approved_draft_whose_money_was_never_asked_for_is_not_paid(house: Any, task_id: UUID) -> None:
    await judge(house).handle(await approved(house, task_id))
    assert (await house.status(task_id), await effects(house)) == ("rejected", 0)
    assert (await books(house)).states == []


async def test_an_approved_draft_whose_money_was_refused_is_not_paid(house: Any, task_id: UUID) -> None:
    assert not (await ask(house, task_id, "201 USDC")).granted
    await judge(house).handle(await approved(house, task_id))
    assert (await house.status(task_id), await effects(house)) == ("rejected", 0)
    assert (await books(house)).of("pending", "posted") == 0


# `claim_pieces` in tasks.sql takes whatever is not voided for a reservation; the marks go with that.


@pytest.mark.parametrize(
    "outcome",
    list(SpendOutcome),
)
async def test_an_approved_draft_whose_money_has_gone_otherwise_is_not_paid(
    house: Any, task_id: UUID, outcome: SpendOutcome
) -> None:
    """What was given back, or spent already, is no reservation any more."""
    decided = await ask(house, task_id)
    piece = await approved(house, task_id)
    await house.system.treasury.close(Closing(reservation_id=decided.reservation_id, outcome=outcome))
    await house.system.work.postpone(piece.task, "again", await house.value("SELECT now() - interval '1 s'"))
    (again,) = await house.pieces(task_id)
    await judge(house).handle(again)
    assert (await house.status(task_id), await effects(house)) == ("rejected", 0)


async def test_an_approved_draft_with_its_money_is_paid_once(house: Any, task_id: UUID) -> None:
    assert (await ask(house, task_id)).granted
    piece = await approved(house, task_id)
    await judge(house).handle(piece)
    assert (await house.status(task_id), await effects(house)) == ("completed", 1)
    effect = await house.begin(await house.value("SELECT effect_id FROM effect"))
    await house.system.effects.finish(effect, house.receipt())
    found = await books(house)
    assert (found.under("tenant"), found.of("posted", what="paid")) == ((0, 50), 50)


async def test_a_piece_that_two_judges_hold_is_paid_once(house: Any, task_id: UUID) -> None:
    assert (await ask(house, task_id)).granted
    piece = await approved(house, task_id)
    await asyncio.gather(*(judge(house).handle(piece) for _ in range(4)), return_exceptions=True)
    assert (await house.status(task_id), await effects(house)) == ("completed", 1)
    assert (await books(house)).under("tenant") == (50, 0)


async def test_a_replayed_task_needs_an_authorisation_of_its_own(house: Any, task_id: UUID) -> None:
    """Its first one was given back with the dead letter, and the same key does not bring it to life again."""
    first = await ask(house, task_id)
    piece = await approved(house, task_id)
    await house.system.work.dead_letter(piece.task, TaskStatus.DEAD_LETTER, "broken")
    assert (await books(house)).under("tenant") == (0, 0)
    await house.system.desk.replay(house.tenant_id, task_id, "operator:me")
    await house.submit(await house.claim(task_id))
    (replayed,) = await house.pieces(task_id)
    assert (replayed.reservation_id, replayed.spend) == (None, None)
    assert replayed.human is not None  # the approval still holds, the money does not
    second = await ask(house, task_id)
    assert second.granted
    assert second.reservation_id != first.reservation_id
    assert second.answer != first.answer
    assert (await books(house)).under("tenant") == (50, 0)


async def test_a_key_is_bound_to_its_request(house: Any, task_id: UUID) -> None:
    await ask(house, task_id)
    with pytest.raises(Conflict):
        await ask(house, task_id, "51 USDC")
