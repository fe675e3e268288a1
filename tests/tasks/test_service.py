"""The desk: what callers do with tasks from outside, each done once and only while it may be (ORC-4, ORC-13, JDG-4)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera.provenance.rules.hashes import content_hash
from chimera.review.types.messages import PendingReview
from chimera.tasks.types.work import Artifact, ExecutionResult, JudgeEvaluation, ResultMetadata, TaskDispatch
from chimera.values import Decision, HaltScope, Stage, TaskStatus
from chimera_protocol.errors import Invalid, NotFound

ME = "operator:me"
KEY = UUID("00000000-0000-7000-8000-00000000000a")


def wanted(execution_id: str = "job-1", **changes: Any) -> TaskDispatch:
    """A task as a caller asks for it; `context` and `parameters` are added to what is there."""
    context = {"persona": "Nora", "goal": "greet", **changes.pop("context", {})}
    call = {"target_mcp": "twitter-mcp", "action": "post_tweet", "parameters": changes.pop("parameters", {})}
    return TaskDispatch.model_validate({"execution_id": execution_id, "context": context, "tool_call": call, **changes})


async def dispatch(house: Any, execution_id: str = "job-1", **changes: Any) -> UUID:
    task_id, _ = await house.system.desk.dispatch(house.tenant_id, wanted(execution_id, **changes), ME)
    return UUID(str(task_id))


async def outside(house: Any, execution_id: str = "job-1", **changes: Any) -> UUID:
    """A task for an agent outside the swarm."""
    return await dispatch(house, execution_id, worker="external", **changes)


async def claim(house: Any, key: UUID = KEY, persona: str | None = None) -> Any:
    return await house.system.desk.claim(house.tenant_id, key, persona, 60)


def made(execution_id: str = "job-1", **changes: Any) -> ExecutionResult:
    return ExecutionResult(
        execution_id=execution_id,
        status="completed",
        artifact=Artifact(type="text", content="Hello."),
        metadata=ResultMetadata(compute_duration_ms=5, model_used="mine"),
        self_assessment_score=0.7,
        **changes,
    )


async def submit(
    house: Any, task_id: UUID, result: ExecutionResult, attempt: int | None = None, key: UUID = KEY
) -> Any:
    return await house.system.desk.submit(house.tenant_id, key, task_id, result, attempt)


async def escalated(house: Any, content: str | list[str] = "Look up tonight.") -> tuple[PendingReview, UUID]:
    """A piece that waits for a human, and its approval."""
    task = await house.claim((await house.running())["a"])
    artifact = Artifact(type="text" if isinstance(content, str) else "thread", content=content)
    await house.system.work.submit(task, house.result(task).model_copy(update={"artifact": artifact}), "worker")
    (piece,) = await house.pieces(task.task_id)
    await house.commit(piece, Decision.ESCALATE)
    return piece, await house.value("SELECT approval_id FROM approval WHERE task_id = $1", task.task_id)


async def change_policy(house: Any) -> None:
    policy = Policy(limits=[Limit(span="day", amount="100 USDC")])
    await house.system.accounts.set_policy(house.tenant_id, policy, ME)


async def change_persona(house: Any) -> None:
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", ME)


async def audited(house: Any, action: str) -> int:
    return int(await house.value("SELECT count(*) FROM audit_event WHERE action = $1", action))


async def lose_lease(house: Any) -> None:
    await house.raw.execute("UPDATE task SET lease_until = now() - interval '1 second'")
    await house.swept()


async def test_a_new_task_is_queued_in_the_standing_campaign_with_the_personas_hash(house: Any) -> None:
    task_id, new = await house.system.desk.dispatch(house.tenant_id, wanted(), ME)
    assert new
    assert house.queued == {Stage.WORK: [task_id]}
    task = await house.claim(task_id)
    assert (task.campaign_id, task.kind.value) == (house.nora.campaign_id, "create")
    assert task.dispatch.context.soul_hash == task.soul_hash == house.nora.soul_hash
    assert await audited(house, "task.dispatched") == 1


@pytest.mark.parametrize("change", [None, change_policy, change_persona])
async def test_the_same_task_again_is_the_one_that_is_there(house: Any, change: Any) -> None:
    first = await dispatch(house)
    if change is not None:
        await change(house)
    for again in (wanted(), wanted(context={"soul_hash": house.nora.soul_hash})):
        assert await house.system.desk.dispatch(house.tenant_id, again, ME) == (first, False)
    assert await house.value("SELECT count(*) FROM task") == await audited(house, "task.dispatched") == 1


async def test_one_task_dispatched_by_many_at_once_is_taken_on_once(house: Any) -> None:
    calls = (house.system.desk.dispatch(house.tenant_id, wanted(), ME) for _ in range(8))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    kept = [answer for answer in answers if not isinstance(answer, Conflict)]
    assert [new for _, new in kept].count(True) == 1
    assert len({task_id for task_id, _ in kept}) == await house.value("SELECT count(*) FROM task") == 1


@pytest.mark.parametrize(
    "other", [{"context": {"goal": "shout"}}, {"priority": "high"}, {"parameters": {"a": 1}}, {"worker": "external"}]
)
async def test_an_execution_id_with_another_body_is_a_conflict(house: Any, other: dict[str, Any]) -> None:
    await dispatch(house)
    with pytest.raises(Conflict, match="another body"):
        await dispatch(house, **other)
    assert await house.value("SELECT count(*) FROM task") == 1


async def test_another_tenant_may_use_the_same_execution_id(house: Any, other_tenant: Any) -> None:
    first = await dispatch(house)
    second, new = await house.system.desk.dispatch(other_tenant[0], wanted(context={"goal": "rival"}), ME)
    assert new and second != first


async def test_a_task_for_a_persona_or_a_campaign_that_is_not_there_is_not_found(house: Any, other_tenant: Any) -> None:
    with pytest.raises(NotFound, match="Nobody"):
        await dispatch(house, context={"persona": "Nobody"})
    for campaign_id in (new_id(), other_tenant[1].campaign_id):
        with pytest.raises(NotFound, match=str(campaign_id)):
            await dispatch(house, context={"campaign_id": campaign_id})
    assert await house.value("SELECT count(*) FROM task") == 0


async def test_a_wrong_soul_hash_is_answered_with_the_right_one(house: Any) -> None:
    with pytest.raises(Conflict, match="another version") as caught:
        await dispatch(house, context={"soul_hash": "0" * 64})
    assert caught.value.fields == {"soul_hash": house.nora.soul_hash}
    assert await dispatch(house, context={"soul_hash": house.nora.soul_hash})


async def test_a_task_for_a_campaign_that_does_not_run_is_a_conflict(house: Any) -> None:
    draft = await house.system.campaigns.create(house.tenant_id, house.brief("Draft"), ME)
    paused = (await house.running()).campaign_id
    await house.system.campaigns.pause(house.tenant_id, paused, ME)
    for campaign_id, status in ((draft, "draft"), (paused, "paused")):
        with pytest.raises(Conflict, match=f"the campaign is {status}"):
            await dispatch(house, context={"campaign_id": campaign_id})


async def test_a_task_that_costs_money_is_a_spend_whatever_its_action(house: Any) -> None:
    task_id = await dispatch(house, parameters={"token_amount": "50 USDC"})
    assert await house.value("SELECT kind FROM task WHERE task_id = $1", task_id) == "spend"


async def test_a_task_for_outside_is_claimed_by_a_key_and_never_by_the_swarm(house: Any) -> None:
    assert await claim(house) is None
    task_id, _ = await house.system.desk.dispatch(house.tenant_id, wanted(worker="external"), ME)
    assert house.queued == {}
    assert await house.claims(task_id) == []
    found = await claim(house)
    assert (found.task_id, found.execution_id, found.attempt) == (task_id, "job-1", 1)
    assert found.task_dispatch.context.goal == "greet"
    assert await claim(house) is None


async def test_the_most_urgent_task_is_claimed_first_and_then_the_oldest(house: Any) -> None:
    for execution_id, priority in (("l", "low"), ("m1", "medium"), ("h", "high"), ("m2", "medium")):
        await outside(house, execution_id, priority=priority)
    assert [(await claim(house)).execution_id for _ in range(4)] == ["h", "m1", "m2", "l"]


async def test_tasks_claimed_by_many_at_once_are_each_given_once(house: Any) -> None:
    expected = {await outside(house, f"job-{number}") for number in range(3)}
    found = await asyncio.gather(*(claim(house, new_id()) for _ in range(8)))
    given = [each.task_id for each in found if each is not None]
    given += [each.task_id for each in [await claim(house) for _ in range(3)] if each is not None]
    assert sorted(given) == sorted(expected)


async def test_what_is_meant_for_others_is_not_claimed(house: Any, other_tenant: Any) -> None:
    await outside(house)
    assert await claim(house, persona="Somebody") is None
    assert await house.system.desk.claim(other_tenant[0], KEY, None, 60) is None
    target = str(house.nora.agent_id)
    await house.system.fleet.halt(house.tenant_id, HaltScope.INFLUENCER, target, "storm", ME)
    assert await claim(house) is None
    await house.system.fleet.resume(house.tenant_id, HaltScope.INFLUENCER, target, ME)
    assert (await claim(house, persona="Nora")).execution_id == "job-1"


async def test_a_result_from_outside_goes_to_the_judge_under_its_key(house: Any) -> None:
    task_id = await outside(house)
    found = await claim(house)
    house.take_queued()
    await submit(house, task_id, made(), found.attempt)
    assert house.queued == {Stage.JUDGE: [task_id]}
    (piece,) = await house.pieces(task_id)
    assert (piece.result, piece.content_hash) == (made(), content_hash(["Hello."]))
    assert await house.value("SELECT author FROM execution") == f"agent:{KEY}"
    with pytest.raises(Conflict, match="not running in your hands"):
        await submit(house, task_id, made())


async def test_a_renewed_lease_is_longer_and_belongs_to_its_key_and_attempt(house: Any) -> None:
    task_id = await outside(house)
    found = await claim(house)
    renewed = await house.system.desk.renew(house.tenant_id, KEY, task_id, 1, 600)
    assert (renewed.lease_until - found.lease_until).total_seconds() > 500
    for key, attempt in ((new_id(), 1), (KEY, 2)):
        with pytest.raises(Conflict, match="lease is lost"):
            await house.system.desk.renew(house.tenant_id, key, task_id, attempt, 600)


async def test_a_task_whose_lease_is_over_is_taken_back_and_given_to_the_next(house: Any) -> None:
    task_id = await outside(house)
    await claim(house)
    await house.swept()
    assert await house.status(task_id) == "in_progress"
    await lose_lease(house)
    assert await house.status(task_id) == "queued"
    with pytest.raises(Conflict, match="not running in your hands"):
        await submit(house, task_id, made())
    with pytest.raises(Conflict, match="lease is lost"):
        await house.system.desk.renew(house.tenant_id, KEY, task_id, 1, 60)
    assert (await claim(house, new_id())).attempt == 2
    with pytest.raises(Conflict, match="not running in your hands"):
        await submit(house, task_id, made(), 1)
    assert await house.value("SELECT count(*) FROM execution") == 0


async def test_a_result_of_an_earlier_attempt_is_a_conflict(house: Any) -> None:
    task_id = await outside(house)
    await claim(house)
    await lose_lease(house)
    await claim(house)
    with pytest.raises(Conflict, match="at attempt 2"):
        await submit(house, task_id, made(), 1)
    house.take_queued()
    await submit(house, task_id, made(), 2)
    assert house.queued == {Stage.JUDGE: [task_id]}


async def test_a_result_is_taken_only_for_its_own_execution_and_without_a_judgement(house: Any) -> None:
    task_id = await outside(house)
    await claim(house)
    with pytest.raises(Invalid, match="names execution job-9"):
        await submit(house, task_id, made("job-9"))
    with pytest.raises(Invalid, match="judge_evaluation"):
        await submit(house, task_id, made(judge_evaluation=JudgeEvaluation(score=1, decision=Decision.APPROVE)))
    assert await house.status(task_id) == "in_progress"


async def test_a_cancelled_task_is_over_and_its_late_result_changes_nothing(house: Any) -> None:
    task_id = (await house.running())["a"]
    task = await house.claim(task_id)
    await house.system.desk.cancel(house.tenant_id, task_id, ME)
    assert (await house.submit(task)).status is None
    assert await house.status(task_id) == "cancelled"
    assert await house.value("SELECT cause FROM task WHERE task_id = $1", task_id) == f"cancelled by {ME}"
    with pytest.raises(Conflict, match="is cancelled cannot be cancelled"):
        await house.system.desk.cancel(house.tenant_id, task_id, ME)
    assert await audited(house, "task.cancelled") == 1


async def test_a_cancelled_spend_gives_its_money_back(house: Any) -> None:
    plan = await house.running(house.node("pay", spend="50 USDC"))
    await house.spend_piece(plan["pay"])
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 50
    await house.system.desk.cancel(house.tenant_id, plan["pay"], ME)
    assert await house.value("SELECT status FROM reservation") == "voided"
    assert await house.value("SELECT max(reserved + spent) FROM budget_counter") == 0


async def test_the_approval_of_a_cancelled_task_cannot_be_decided(house: Any) -> None:
    piece, approval_id = await escalated(house)
    await house.system.desk.cancel(house.tenant_id, piece.task.task_id, ME)
    assert await house.value("SELECT status FROM approval") == "stale"
    for decision in (Decision.APPROVE, Decision.REJECT):
        with pytest.raises(Conflict, match="stale"):
            await house.system.review.decide(house.tenant_id, approval_id, decision, ME, None)
    assert await house.status(piece.task.task_id) == "cancelled"


async def test_a_dead_letter_gets_another_life(house: Any) -> None:
    task_id = await dispatch(house)
    await house.system.work.dead_letter(await house.claim(task_id), TaskStatus.DEAD_LETTER, "rubbish")
    house.take_queued()
    await house.system.desk.replay(house.tenant_id, task_id, ME)
    assert house.queued == {Stage.WORK: [task_id]}
    task = await house.claim(task_id)
    assert (task.attempt, task.tries) == (2, 1)
    assert await house.value("SELECT cause FROM task") is None
    assert await audited(house, "task.replayed") == 1


async def test_the_last_task_of_a_campaign_can_be_replayed(house: Any) -> None:
    task_id = (await house.running())["a"]
    await house.system.work.dead_letter(await house.claim(task_id), TaskStatus.DEAD_LETTER, "rubbish")
    await house.system.desk.replay(house.tenant_id, task_id, ME)
    assert [task.task_id for task in await house.claims(task_id)] == [task_id]


async def test_a_replayed_spend_reserves_its_money_anew(house: Any) -> None:
    plan = await house.running(house.node("pay", spend="50 USDC"), house.node("a"))
    task = await house.claim(plan["pay"])
    places = {"task_id": task.task_id, "campaign_id": task.campaign_id}
    await house.authorise("50 USDC", f"task-{task.task_id}", **places)
    await house.system.work.dead_letter(task, TaskStatus.DEAD_LETTER, "rubbish")
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 0
    await house.system.desk.replay(house.tenant_id, task.task_id, ME)
    await house.claim(task.task_id)
    await house.authorise("50 USDC", f"task-{task.task_id}", **places)
    assert await house.value("SELECT max(reserved) FROM budget_counter") == 50


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - {TaskStatus.DEAD_LETTER}))
async def test_only_a_dead_letter_is_replayed(house: Any, status: TaskStatus) -> None:
    task_id = await dispatch(house)
    await house.raw.execute("UPDATE task SET status = $1", status.value)
    with pytest.raises(Conflict, match=f"is {status.value} cannot be replayed"):
        await house.system.desk.replay(house.tenant_id, task_id, ME)
    assert await house.status(task_id) == status.value


async def test_another_tenants_tasks_are_not_found(house: Any, other_tenant: Any) -> None:
    piece, _ = await escalated(house)
    desk, rival, task_id = house.system.desk, other_tenant[0], piece.task.task_id
    for call in (
        desk.cancel(rival, task_id, ME),
        desk.replay(rival, task_id, ME),
        desk.submit(rival, KEY, task_id, made(piece.result.execution_id), None),
    ):
        with pytest.raises(NotFound):
            await call
    assert await house.status(task_id) == "awaiting_approval"
