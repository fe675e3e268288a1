"""The envelope keeps confidence scores and reasons to the end of a task's life (ORC-3)."""

import json
from datetime import UTC, datetime

from chimera.ids import new_id
from chimera.tasks.types.envelope import Envelope, Step
from chimera.tasks.types.work import (
    Artifact,
    DispatchContext,
    ExecutionResult,
    ResultMetadata,
    TaskDispatch,
    ToolCall,
    Verdict,
)
from chimera.values import Decision, Role, TaskKind, TaskStatus


def envelope() -> Envelope:
    at = datetime(2026, 2, 5, tzinfo=UTC)
    return Envelope(
        task_id=new_id(),
        execution_id="uuid-12345",
        kind=TaskKind.CREATE,
        status=TaskStatus.COMPLETED,
        attempt=2,
        campaign_id=new_id(),
        agent_id=new_id(),
        parent_id=None,
        children=[],
        soul_hash="0" * 64,
        state_version=1,
        cause=None,
        task_dispatch=TaskDispatch(
            execution_id="uuid-12345",
            context=DispatchContext(persona="Nora", goal="g"),
            tool_call=ToolCall(target_mcp="twitter-mcp", action="post_tweet"),
        ),
        execution_result=ExecutionResult(
            execution_id="uuid-12345",
            status="completed",
            reasoning_trace=["looked up"],
            artifact=Artifact(type="text", content="Look up."),
            metadata=ResultMetadata(compute_duration_ms=1, model_used="composer"),
            self_assessment_score=0.9,
        ),
        verdicts=[Verdict(decision=Decision.APPROVE, score=0.95, judged_by="judge:composer", reasons=["fits"])],
        financial_authorization=None,
        delivery=None,
        steps=[Step(at=at, actor="worker", role=Role.WORKER, summary="wrote it", confidence=0.9)],
    )


def test_scores_and_reasons_survive_json() -> None:
    made = envelope()
    again = Envelope.model_validate_json(made.model_dump_json())
    assert again == made
    body = json.loads(made.model_dump_json())
    assert body["verdicts"][0]["score"] == 0.95
    assert body["execution_result"]["reasoning_trace"] == ["looked up"]
    assert body["steps"][0]["confidence"] == 0.9
