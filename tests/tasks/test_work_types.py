"""The work contracts: bounded, complete, and strict about what a Worker may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.tasks.types.work import Artifact, Constraints, ExecutionResult, TaskDispatch
from chimera.values import Priority, TaskKind


def dispatch(**changes: Any) -> dict[str, Any]:
    return {
        "execution_id": "uuid-12345",
        "context": {"persona": "TechInfluencer", "goal": "Generate trending content"},
        "tool_call": {"target_mcp": "twitter-mcp", "action": "create_thread"},
        **changes,
    }


def result(**changes: Any) -> dict[str, Any]:
    return {
        "execution_id": "uuid-12345",
        "status": "completed",
        "artifact": {"type": "text", "content": "Hello"},
        "metadata": {"compute_duration_ms": 1, "model_used": "composer"},
        "self_assessment_score": 0.5,
        **changes,
    }


def test_a_dispatch_has_sensible_defaults() -> None:
    made = TaskDispatch.model_validate(dispatch())
    assert (made.priority, made.constraints, made.context.directives_source) == (
        Priority.MEDIUM,
        Constraints(),
        "SOUL.md",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"execution_id": ""},
        {"execution_id": "two words"},
        {"execution_id": "x" * 129},
        {"priority": "urgent"},
        {"context": {"persona": "Nora", "goal": "x", "soul_hash": "not-a-hash"}},
        {"context": {"persona": "Nora", "goal": "x", "mood": "blue"}},
        {"tool_call": {"target_mcp": "a b", "action": "post"}},
        {"constraints": {"max_word_count": 0}},
        {"constraints": {"prohibited_keywords": [""]}},
        {"constraints": {"prohibited_keywords": ["x"] * 201}},
    ],
)
def test_a_dispatch_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaskDispatch.model_validate(dispatch(**changes))


def test_a_completed_result_needs_an_artifact() -> None:
    with pytest.raises(ValidationError, match="needs an artifact"):
        ExecutionResult.model_validate(result(artifact=None))
    assert ExecutionResult.model_validate(result(status="failed", artifact=None)).artifact is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "done"},
        {"self_assessment_score": 1.2},
        {"self_assessment_score": float("nan")},
        {"artifact": {"type": "video", "content": "x"}},
        {"artifact": {"type": "thread", "content": []}},
        {"artifact": {"type": "thread", "content": ["x"] * 26}},
        {"metadata": {"compute_duration_ms": -1, "model_used": "m"}},
        {"reasoning_trace": ["x"] * 201},
    ],
)
def test_a_result_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExecutionResult.model_validate(result(**changes))


def test_an_artifact_has_its_texts_in_order() -> None:
    assert Artifact(type="text", content="one").parts == ["one"]
    assert Artifact(type="thread", content=["one", "two"]).parts == ["one", "two"]


def test_a_result_is_frozen() -> None:
    made = ExecutionResult.model_validate(result())
    with pytest.raises(ValidationError, match="frozen"):
        made.self_assessment_score = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("key", ["", "-a", "A", "a b", "x" * 41])
def test_a_plan_key_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        PlanNode.model_validate({"key": key, "goal": "g", "tool_call": dispatch()["tool_call"]})


def test_a_plan_holds_no_planning_tasks_and_at_least_one_node() -> None:
    node = {"key": "a", "goal": "g", "tool_call": dispatch()["tool_call"], "kind": TaskKind.PLAN}
    with pytest.raises(ValidationError):
        PlanNode.model_validate(node)
    with pytest.raises(ValidationError):
        PlanDraft(rationale="r", nodes=[])
