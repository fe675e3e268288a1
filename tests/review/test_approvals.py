"""The review desk: verdicts bound to what was seen, by one reviewer or two, revocable for a moment (JDG-4)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chimera.database.postgres import Access, Database
from chimera.errors import Conflict
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera.provenance.rules.hashes import content_hash
from chimera.review.service.approvals import ReviewService
from chimera.review.types.messages import PendingReview
from chimera.tasks.types.work import Artifact
from chimera.values import Decision, Stage
from chimera_protocol.errors import Invalid, NotFound

ME = "operator:me"
ANN, BOB = "reviewer:ann", "reviewer:bob"


async def escalated(house: Any, content: str | list[str] = "Look up tonight.") -> tuple[PendingReview, UUID]:
    """A piece that waits for a human, and its approval."""
    task = await house.claim((await house.running())["a"])
    artifact = Artifact(type="text" if isinstance(content, str) else "thread", content=content)
    await house.system.work.submit(task, house.result(task).model_copy(update={"artifact": artifact}), "worker")
    (piece,) = await house.pieces(task.task_id)
    await house.commit(piece, Decision.ESCALATE)
    return piece, await house.value("SELECT approval_id FROM approval WHERE task_id = $1", task.task_id)


async def audited(house: Any, action: str) -> int:
    return int(await house.value("SELECT count(*) FROM audit_event WHERE action = $1", action))


async def change_policy(house: Any) -> None:
    policy = Policy(limits=[Limit(span="day", amount="100 USDC")])
    await house.system.accounts.set_policy(house.tenant_id, policy, ME)


async def change_persona(house: Any) -> None:
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", ME)


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.REJECT])
async def test_a_humans_verdict_reaches_the_judge_with_its_reason(house: Any, decision: Decision) -> None:
    piece, approval_id = await escalated(house)
    await house.system.review.decide(house.tenant_id, approval_id, decision, ME, "my reason")
    assert house.queued == {Stage.JUDGE: [piece.task.task_id]}
    (again,) = await house.pieces(piece.task.task_id)
    assert (again.human.decision, again.human.judged_by, again.human.reasons) == (decision, ME, ["my reason"])


async def test_an_approval_is_decided_once(house: Any) -> None:
    _, approval_id = await escalated(house)
    decide, verdicts = house.system.review.decide, [Decision.APPROVE, Decision.REJECT] * 3
    calls = (decide(house.tenant_id, approval_id, verdict, f"reviewer:{verdict.value}", None) for verdict in verdicts)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    first = await house.value("SELECT decided_by FROM approval")
    with pytest.raises(Conflict, match="decided already") as caught:
        await decide(house.tenant_id, approval_id, Decision.REJECT, ME, None)
    assert caught.value.fields == {"decided_by": first}


@pytest.mark.parametrize(("change", "what"), [(change_policy, "campaign state"), (change_persona, "persona")])
async def test_what_has_changed_since_can_be_rejected_but_not_approved_or_edited(
    house: Any, change: Any, what: str
) -> None:
    piece, approval_id = await escalated(house)
    await change(house)
    with pytest.raises(Conflict, match=f"the {what} has changed"):
        await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, ME, None)
    with pytest.raises(Conflict, match=f"the {what} has changed"):
        await house.system.review.edit(house.tenant_id, approval_id, "Better.", ME, None)
    assert await house.value("SELECT status FROM approval") == "waiting"
    await house.system.review.decide(house.tenant_id, approval_id, Decision.REJECT, ME, None)
    assert await house.status(piece.task.task_id) == "in_review"


async def test_an_edit_is_a_new_piece_that_the_judge_looks_at_afresh(house: Any) -> None:
    piece, approval_id = await escalated(house)
    await house.system.review.edit(house.tenant_id, approval_id, "Better.", ME, "tone")
    assert house.queued == {Stage.JUDGE: [piece.task.task_id]}
    assert await house.value("SELECT status FROM approval") == "edited"
    assert await house.status(piece.task.task_id) == "in_review"
    authors = await house.raw.fetch("SELECT author FROM execution ORDER BY attempt")
    assert [row["author"] for row in authors] == ["worker", ME]
    (again,) = await house.pieces(piece.task.task_id)
    assert again.result.artifact.parts == ["Better."]
    assert (again.content_hash, again.human) == (content_hash(["Better."]), None)
    assert again.result.reasoning_trace[-1] == f"Edited by {ME}"
    assert await audited(house, "approval.edited") == 1


@pytest.mark.parametrize(("original", "content"), [("One.", ["One."]), (["One."], "One.")])
async def test_an_edit_keeps_the_shape_of_the_piece(house: Any, original: Any, content: Any) -> None:
    piece, approval_id = await escalated(house, original)
    with pytest.raises(Invalid, match="shape of the original"):
        await house.system.review.edit(house.tenant_id, approval_id, content, ME, None)
    assert await house.status(piece.task.task_id) == "awaiting_approval"
    assert await house.value("SELECT count(*) FROM execution") == 1


async def test_another_tenants_approvals_are_not_found(house: Any, other_tenant: Any) -> None:
    piece, approval_id = await escalated(house)
    review, rival = house.system.review, other_tenant[0]
    for call in (
        review.decide(rival, approval_id, Decision.APPROVE, ME, None),
        review.edit(rival, approval_id, "Mine.", ME, None),
        review.claim(rival, approval_id, ME),
        review.release(rival, approval_id, ME),
        review.snooze(rival, approval_id, datetime.now(UTC) + timedelta(hours=1), ME),
        review.undo(rival, approval_id, ME),
    ):
        with pytest.raises(NotFound):
            await call
    assert await house.status(piece.task.task_id) == "awaiting_approval"


async def test_what_one_reviewer_has_in_hand_another_cannot_touch(house: Any) -> None:
    _, approval_id = await escalated(house)
    review, tenant = house.system.review, house.tenant_id
    until = await review.claim(tenant, approval_id, ANN)
    assert until > datetime.now(UTC) + timedelta(minutes=4)
    for call in (
        review.claim(tenant, approval_id, BOB),
        review.release(tenant, approval_id, BOB),
        review.decide(tenant, approval_id, Decision.REJECT, BOB, None),
        review.edit(tenant, approval_id, "Mine.", BOB, None),
    ):
        with pytest.raises(Conflict, match="reviewer:ann is looking at it") as caught:
            await call
        assert caught.value.fields["claimed_by"] == ANN
    view = (await house.system.reads.approvals(tenant, 5)).items[0]
    assert (view.claimed_by, view.claimed_until) == (ANN, until)
    await review.release(tenant, approval_id, ANN)
    await review.decide(tenant, approval_id, Decision.REJECT, BOB, None)
    assert await house.value("SELECT claimed_by FROM approval") is None


async def test_of_two_who_claim_at_once_one_has_it(house: Any) -> None:
    _, approval_id = await escalated(house)
    claims = (house.system.review.claim(house.tenant_id, approval_id, who) for who in (ANN, BOB))
    answers = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "datetime"]


async def test_a_claim_that_has_run_out_holds_nobody_up(house: Any) -> None:
    _, approval_id = await escalated(house)
    await house.system.review.claim(house.tenant_id, approval_id, ANN)
    await house.raw.execute("UPDATE approval SET claimed_until = now() - interval '1 second'")
    await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, BOB, None)
    assert await house.value("SELECT decided_by FROM approval") == BOB


async def test_what_is_put_off_is_not_listed_until_its_time(house: Any) -> None:
    _, approval_id = await escalated(house)
    reads, until = house.system.reads, datetime.now(UTC) + timedelta(hours=2)
    await house.system.review.snooze(house.tenant_id, approval_id, until, ANN)
    assert (await reads.approvals(house.tenant_id, 5)).items == []
    (view,) = (await reads.approvals(house.tenant_id, 5, snoozed=True)).items
    assert (view.approval_id, view.snoozed_until) == (approval_id, until)
    await house.raw.execute("UPDATE approval SET snoozed_until = now() - interval '1 second'")
    assert len((await reads.approvals(house.tenant_id, 5)).items) == 1
    assert await audited(house, "approval.snoozed") == 1


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(days=8)])
async def test_nothing_is_put_off_to_the_past_or_for_ever(house: Any, ahead: timedelta) -> None:
    _, approval_id = await escalated(house)
    with pytest.raises(Invalid, match="within the next seven days"):
        await house.system.review.snooze(house.tenant_id, approval_id, datetime.now(UTC) + ahead, ANN)


@pytest.fixture
async def slow(house: Any) -> Any:
    """A desk whose verdicts can be taken back for a minute."""
    tenants = Database(house.system.settings.database_url, Access.TENANT, size=2, outbox=house.outbox)
    await tenants.open()
    yield ReviewService(tenants, undo_seconds=60)
    await tenants.close()


@pytest.mark.parametrize("verdict", ["approve", "reject", "edit"])
async def test_a_verdict_can_be_taken_back_until_it_takes_effect(house: Any, slow: Any, verdict: str) -> None:
    piece, approval_id = await escalated(house)
    if verdict == "edit":
        said = await slow.edit(house.tenant_id, approval_id, "Better.", ANN, None)
    else:
        said = await slow.decide(house.tenant_id, approval_id, Decision(verdict), ANN, "in haste")
    assert house.queued == {} and said.undo_until > datetime.now(UTC)
    assert await house.pieces(piece.task.task_id) == [], "nobody acts on it meanwhile"
    (view,) = (await house.system.reads.approvals(house.tenant_id, 5, revocable=True)).items
    assert view.undo_until == said.undo_until
    with pytest.raises(Conflict, match="only whoever decided"):
        await slow.undo(house.tenant_id, approval_id, BOB)

    await slow.undo(house.tenant_id, approval_id, ANN)

    assert await house.status(piece.task.task_id) == "awaiting_approval"
    (view,) = (await house.system.reads.approvals(house.tenant_id, 5)).items
    assert (view.status, view.decided_by, view.note, view.undo_until) == ("waiting", None, None, None)
    await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, BOB, None)
    (again,) = await house.pieces(piece.task.task_id)
    assert (again.content_hash, again.human.judged_by) == (piece.content_hash, BOB)
    assert await audited(house, "approval.taken_back") == 1


async def test_what_has_taken_effect_is_not_taken_back(house: Any, slow: Any) -> None:
    piece, approval_id = await escalated(house)
    await slow.decide(house.tenant_id, approval_id, Decision.APPROVE, ANN, None)
    await house.raw.execute("UPDATE task SET due_at = now(); UPDATE approval SET effective_at = now()")
    assert len(await house.pieces(piece.task.task_id)) == 1
    with pytest.raises(Conflict, match="taken effect already"):
        await slow.undo(house.tenant_id, approval_id, ANN)
    assert await house.status(piece.task.task_id) == "in_review"


async def test_two_have_to_agree_on_what_touches_a_sensitive_topic(house: Any) -> None:
    await house.system.accounts.set_policy(house.tenant_id, Policy(four_eyes=["topics"]), ME)
    piece, approval_id = await escalated(house)
    verdict = json.loads(await house.value("SELECT verdict FROM approval")) | {"topics": ["health"]}
    await house.raw.execute("UPDATE approval SET verdict = $1", json.dumps(verdict))
    review, tenant = house.system.review, house.tenant_id

    first = await review.decide(tenant, approval_id, Decision.APPROVE, ANN, "looks right")

    assert (first.status, first.first_by, house.queued) == ("waiting", ANN, {})
    assert await house.status(piece.task.task_id) == "awaiting_approval"
    with pytest.raises(Conflict, match="somebody else has to agree"):
        await review.decide(tenant, approval_id, Decision.APPROVE, ANN, None)
    assert (await house.system.reads.approvals(tenant, 5)).items[0].first_by == ANN
    second = await review.decide(tenant, approval_id, Decision.APPROVE, BOB, None)
    assert second.status == "approved"
    assert house.queued == {Stage.JUDGE: [piece.task.task_id]}


async def test_one_is_enough_to_reject_and_for_what_touches_nothing(house: Any) -> None:
    await house.system.accounts.set_policy(house.tenant_id, Policy(four_eyes=["topics", "money"]), ME)
    _, approval_id = await escalated(house)
    said = await house.system.review.decide(house.tenant_id, approval_id, Decision.APPROVE, ANN, None)
    assert said.status == "approved"


async def test_the_table_itself_refuses_one_pair_of_eyes_twice(house: Any) -> None:
    await escalated(house)
    with pytest.raises(asyncpg.CheckViolationError):
        await house.raw.execute("UPDATE approval SET status = 'approved', first_by = $1, decided_by = $1", ANN)


async def test_what_waits_too_long_is_escalated_once(house: Any) -> None:
    await house.system.accounts.set_policy(house.tenant_id, Policy(review_within_minutes=30), ME)
    await escalated(house)
    escalate = house.system.judging.escalate
    await escalate()
    assert not (await house.system.reads.approvals(house.tenant_id, 5)).items[0].overdue
    await house.raw.execute("UPDATE approval SET created_at = now() - interval '31 minutes'")
    await escalate()
    await escalate()
    assert (await house.system.reads.approvals(house.tenant_id, 5)).items[0].overdue
    assert await audited(house, "approval.overdue") == 1


async def test_what_was_put_off_is_not_overdue_meanwhile(house: Any) -> None:
    _, approval_id = await escalated(house)
    await house.system.review.snooze(house.tenant_id, approval_id, datetime.now(UTC) + timedelta(hours=1), ANN)
    await house.raw.execute("UPDATE approval SET created_at = now() - interval '5 hours'")
    await house.system.judging.escalate()
    assert await audited(house, "approval.overdue") == 0
