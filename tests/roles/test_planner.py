"""The Planner: plans that hang together, second tries that honour what was said, and bounds."""

from typing import Any

import pytest
from tests.roles.fakes import (
    WALLET,
    FakeModel,
    FakePulse,
    FakeTools,
    FakeWork,
    make_lease,
    make_result,
    make_task,
    soon,
    told,
)

from chimera.campaigns.types.messages import RevisionRequest
from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.errors import ModelFailed
from chimera.ids import new_id
from chimera.retry import MAX_TRIES
from chimera.roles.planner import Planner
from chimera.tasks.types.work import Verdict
from chimera.values import Decision, Role, TaskKind, TaskStatus
from chimera_protocol.errors import Invalid, NotFound


def node(key: str, action: str = "post_tweet", *depends_on: str, **parameters: Any) -> dict[str, Any]:
    call = {"target_mcp": "twitter-mcp", "action": action, "parameters": parameters}
    return {"key": key, "goal": f"do {key}", "tool_call": call, "depends_on": list(depends_on)}


def spend(key: str, amount: str) -> dict[str, Any]:
    return {**node(key, "promote_tweet", token_amount=amount, wallet=WALLET), "kind": "spend"}


def draft(*nodes: dict[str, Any]) -> PlanDraft:
    return PlanDraft.model_validate({"rationale": "because", "nodes": list(nodes)})


def planner(work: FakeWork, model: FakeModel) -> Planner:
    return Planner(work, work, model, FakeTools(), FakePulse(), {})


async def test_a_plan_is_stored_with_all_its_nodes() -> None:
    work, model = FakeWork(), FakeModel(draft(node("post-1"), node("post-2")))
    await planner(work, model).handle(make_task("plan", kind=TaskKind.PLAN))
    assert [item.key for item in work.planned[0].draft.nodes] == ["post-1", "post-2"]
    assert work.planned[0].author == "fake"


async def test_the_prompt_holds_goal_strategy_and_promotions_of_the_brief() -> None:
    work, model = FakeWork(), FakeModel(draft(node("post-1")))
    await planner(work, model).handle(make_task("plan", kind=TaskKind.PLAN))
    ((role, _, _),) = model.prompts
    assert role is Role.PLANNER
    given = told(model)
    assert given["goal"] == work.setting_.brief.goal
    assert given["strategy"] == work.setting_.brief.strategy
    assert given["promotions"][0]["token_amount"] == "50 USDC"


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([node("a", "post_tweet", "b"), node("b", "post_tweet", "a")], "circle"),
        ([node("a"), node("a")], "twice"),
        ([node("a", "post_tweet", "z")], "do not exist"),
        ([node("a", "fly_to_the_moon")], "unknown tool"),
        ([spend("a", "51 USDC")], "does not offer"),
        ([{**spend("a", "50 USDC"), "kind": "create"}], "another kind"),
    ],
)
async def test_a_plan_that_cannot_be_is_not_laid_out(nodes: list[dict[str, Any]], said: str) -> None:
    work = FakeWork()
    with pytest.raises(Invalid, match=said):
        await planner(work, FakeModel(draft(*nodes))).handle(make_task("plan", kind=TaskKind.PLAN))
    assert work.planned == []


async def test_a_second_try_has_the_judges_notes_and_the_first_as_its_parent() -> None:
    old = make_task(parameters={"topic": "old light", "avoid": ["comets"]})
    verdict = Verdict(decision=Decision.REJECT, score=0.2, judged_by="judge:x", reasons=["too loud"])
    work = FakeWork(
        rejected_=RevisionRequest(
            task=old, node_key="post-1", verdict=verdict, cause=None, result=make_result(old, "LOUD")
        )
    )
    model = FakeModel(Revision(goal="Say it softly", avoid=["thunder"]))
    await planner(work, model).handle(make_task(kind=TaskKind.REVISE, parent_id=old.task_id, revision=1))
    (new,) = work.replaced
    assert new.parent_id == old.task_id
    assert (new.node_key, new.kind, new.revision) == ("post-1", TaskKind.CREATE, 2)
    assert new.dispatch.context.goal == "Say it softly"
    assert new.dispatch.tool_call.parameters == {"topic": "old light", "avoid": ["comets", "thunder"]}
    assert new.dispatch.execution_id == str(new.task_id)
    given = told(model)
    assert (given["reasons"], given["content"], given["avoid"]) == (["too loud"], ["LOUD"], ["comets"])


async def test_a_second_try_for_a_stale_piece_is_told_the_cause() -> None:
    old = make_task()
    rejected = RevisionRequest(task=old, node_key=None, verdict=None, cause="the campaign moved on", result=None)
    model = FakeModel(Revision(goal="Again"))
    await planner(FakeWork(rejected_=rejected), model).handle(make_task(kind=TaskKind.REVISE))
    assert "the campaign moved on" in model.prompts[0][1].text


@pytest.mark.parametrize("error", [Invalid("no"), NotFound("gone")])
async def test_what_can_never_work_fails_at_once(error: Exception) -> None:
    work = FakeWork()
    await planner(work, FakeModel()).on_failure(make_task(), error, soon())
    assert [status for status, _ in work.buried] == [TaskStatus.FAILED]


async def test_a_failing_model_is_tried_again_until_the_tries_are_used_up() -> None:
    work, error = FakeWork(), ModelFailed("rubbish")
    for tries in range(1, MAX_TRIES):
        await planner(work, FakeModel()).on_failure(make_task(tries=tries), error, soon())
    assert (len(work.postponed), work.buried) == (MAX_TRIES - 1, [])
    await planner(work, FakeModel()).on_failure(make_task(tries=MAX_TRIES, kind=TaskKind.PLAN), error, soon())
    assert work.buried == [(TaskStatus.DEAD_LETTER, "rubbish")]


async def test_it_claims_its_own_stage_and_names_tasks_by_their_execution() -> None:
    role, lease = planner(FakeWork(), FakeModel()), make_lease()
    (task,) = await role.claim([lease], new_id())
    assert role.label(task) == (lease.id, "run-1")
