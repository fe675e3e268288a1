"""Tasks, everything that happened to one, and the line from a piece back to its goal, to read."""

from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import queries
from chimera.database.reads import TenantReads, one, view
from chimera.money.reads import costs_of
from chimera.money.types.authorization import ANSWER
from chimera.provenance.reads import find_asset, logs_of
from chimera.tasks.types.envelope import Delivery, Envelope, Step
from chimera.tasks.types.lineage import Lineage
from chimera.tasks.types.views import TaskView
from chimera.tasks.types.work import ExecutionResult, JudgeEvaluation, TaskDispatch, Verdict
from chimera.values import Page, Role, TaskStatus
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

SQL = queries("tasks/reads")


class TaskReads(TenantReads):
    """What is to be done, what was done, and where a piece comes from."""

    async def tasks(
        self,
        tenant_id: UUID,
        limit: int,
        before: UUID | None = None,
        *,
        status: TaskStatus | None = None,
        campaign_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> Page[TaskView]:
        """Tasks, narrowed to a state, a campaign or an influencer."""
        wanted = status.value if status else None
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["tasks"], before, limit, wanted, campaign_id, agent_id)
        views = [view(TaskView, row) for row in found]
        return Page(items=views, next=views[-1].task_id if len(views) == limit else None)

    async def task(self, tenant_id: UUID, name: str) -> Envelope:
        """Everything about one task, by its id or its execution id (ORC-3). NotFound when there is none."""
        async with self._see(tenant_id) as connection:
            task_id = await connection.fetchval(SQL["task_id"], name)
            if task_id is None:
                raise NotFound(f"task {name} does not exist")
            row = one(await connection.fetch(SQL["task"], task_id), f"task {name} does not exist")
            executions = await connection.fetch(SQL["executions"], task_id)
            verdicts = await connection.fetch(SQL["verdicts"], task_id)
        return _envelope(row, executions, verdicts)

    async def lineage(self, tenant_id: UUID, asset_id: UUID | None = None, url: str | None = None) -> Lineage:
        """From a piece, named by its id or by its post's address, back to its goal (PRV-3).

        NotFound when there is no such piece.
        """
        async with self._see(tenant_id) as connection:
            asset = await find_asset(connection, asset_id, url)
            log = await logs_of(connection, asset.asset_id)
            costs = await costs_of(connection, asset.asset_id)
            line = await connection.fetch(SQL["ancestors"], asset.task_id)
        return Lineage(asset=asset, log=log, costs=costs, ancestors=[view(TaskView, row) for row in line])


def _envelope(row: "Record", executions: "Sequence[Record]", verdicts: "Sequence[Record]") -> Envelope:
    dispatch = TaskDispatch.model_validate_json(row["dispatch"])
    results = [ExecutionResult.model_validate_json(each["result"]) for each in executions]
    judged = [Verdict.model_validate_json(each["body"]) for each in verdicts]
    result = results[-1] if results else None
    if result is not None and judged:
        evaluation = JudgeEvaluation(score=judged[-1].score, decision=judged[-1].decision)
        result = result.model_copy(update={"judge_evaluation": evaluation})
    delivery = Delivery.model_validate_json(row["delivery"]) if row["delivery"] else None
    return Envelope(
        task_id=row["task_id"],
        execution_id=row["execution_id"],
        kind=row["kind"],
        status=row["status"],
        attempt=row["attempt"],
        campaign_id=row["campaign_id"],
        agent_id=row["agent_id"],
        parent_id=row["parent_id"],
        children=row["children"],
        soul_hash=row["soul_hash"],
        state_version=row["state_version"],
        cause=row["cause"],
        task_dispatch=dispatch,
        execution_result=result,
        verdicts=judged,
        financial_authorization=ANSWER.validate_json(row["answer"]) if row["answer"] else None,
        delivery=delivery,
        steps=_steps(row, executions, results, verdicts, judged),
    )


def _steps(
    row: "Record",
    executions: "Sequence[Record]",
    results: list[ExecutionResult],
    verdicts: "Sequence[Record]",
    judged: list[Verdict],
) -> list[Step]:
    steps = [Step(at=row["created_at"], actor="planner", role=Role.PLANNER, summary="dispatched")]
    steps += [
        Step(
            at=each["recorded_at"],
            actor=each["author"],
            role=Role.WORKER,
            summary="\n".join(result.reasoning_trace) or result.status,
            confidence=result.self_assessment_score,
            model_used=result.metadata.model_used,
        )
        for each, result in zip(executions, results, strict=True)
    ]
    steps += [
        Step(
            at=each["decided_at"],
            actor=verdict.judged_by,
            role=Role.JUDGE,
            summary="\n".join([verdict.decision.value, *verdict.reasons]),
            confidence=verdict.score,
        )
        for each, verdict in zip(verdicts, judged, strict=True)
    ]
    return sorted(steps, key=lambda step: step.at)
