"""The read side: lists and traces for people, always under one tenant. Nothing here writes."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from chimera.campaigns.rules import planning
from chimera.campaigns.types.plans import PlanDraft
from chimera.campaigns.types.views import CampaignView, PlanView
from chimera.database.postgres import Connection, Database, queries
from chimera.errors import Unavailable
from chimera.fleet.types.views import HaltView
from chimera.money.service.treasury import ANSWER
from chimera.money.types.views import LimitView, Payer, SpendView, TransactionView
from chimera.personas.types.policy import Policy
from chimera.personas.types.views import InfluencerView, PersonaVersion
from chimera.provenance.types.views import AssetView, AuditEventView, GenerationLogView, Lineage, PublicationView
from chimera.redis.activity import RedisActivity
from chimera.review.types.views import ApprovalView
from chimera.tasks.types.envelope import Delivery, Envelope, Step
from chimera.tasks.types.views import TaskView
from chimera.tasks.types.work import ExecutionResult, JudgeEvaluation, TaskDispatch, Verdict
from chimera.values import Page, Role, TaskStatus
from chimera_protocol.errors import NotFound
from chimera_protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record


SQL = queries("fleet/reads")
Row = TypeVar("Row", bound=Wire)
_JSON = frozenset({"tasks", "media", "statement", "body", "request", "answer", "mcp_tool_parameters"})
_STATES = {Role.PLANNER: "planning", Role.WORKER: "working", Role.JUDGE: "judging"}


class ReadService:
    """Lists are newest first; `before` is the last id of the page before, `limit` at most 500."""

    def __init__(self, tenants: Database, pulse: RedisActivity) -> None:
        self._tenants = tenants
        self._pulse = pulse

    async def influencers(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[InfluencerView]:
        """The fleet's influencers with what they are doing this moment."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["influencers"], before, limit)
        try:
            busy = await self._pulse.busy([row["agent_id"] for row in found])
        except Unavailable:
            busy = {}  # without Redis nobody knows who is thinking; everything else is in PostgreSQL
        views = [_influencer(row, busy) for row in found]
        return Page(items=views, next=views[-1].agent_id if len(views) == limit else None)

    async def personas(self, tenant_id: UUID, limit: int, agent_id: UUID | None = None) -> list[PersonaVersion]:
        """The versions of the personas, newest first."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["persona_versions"], agent_id, None, limit)
        return [_view(PersonaVersion, row) for row in found]

    async def persona(self, tenant_id: UUID, soul_hash: str) -> PersonaVersion:
        """One version of a persona, old ones included (SOUL-2)."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["persona_versions"], None, soul_hash, 1)
        return _view(PersonaVersion, _one(found, f"no persona has the hash {soul_hash}"))

    async def campaigns(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[CampaignView]:
        """Campaigns with the number of their tasks in each state."""
        async with self._see(tenant_id) as connection:
            views = [_view(CampaignView, row) for row in await connection.fetch(SQL["campaigns"], before, limit, None)]
        return Page(items=views, next=views[-1].campaign_id if len(views) == limit else None)

    async def campaign(self, tenant_id: UUID, campaign_id: UUID) -> CampaignView:
        """One campaign."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["campaigns"], None, 1, campaign_id)
        return _view(CampaignView, _one(found, f"campaign {campaign_id} does not exist"))

    async def plan(self, tenant_id: UUID, campaign_id: UUID) -> PlanView:
        """The campaign's latest plan."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["plan"], campaign_id)
        row = _one(found, f"campaign {campaign_id} has no plan (yet)")
        draft = PlanDraft.model_validate_json(row["draft"])
        lines = [f"{'  ' * depth}{node.key}: {node.goal}" for depth, node in planning.tree(draft)]
        return PlanView.model_validate({**dict(row), "draft": draft, "tree": lines})

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
        views = [_view(TaskView, row) for row in found]
        return Page(items=views, next=views[-1].task_id if len(views) == limit else None)

    async def task(self, tenant_id: UUID, name: str) -> Envelope:
        """Everything about one task, by its id or its execution id (ORC-3)."""
        async with self._see(tenant_id) as connection:
            task_id = await connection.fetchval(SQL["task_id"], name)
            if task_id is None:
                raise NotFound(f"task {name} does not exist")
            row = _one(await connection.fetch(SQL["task"], task_id), f"task {name} does not exist")
            executions = await connection.fetch(SQL["executions"], task_id)
            verdicts = await connection.fetch(SQL["verdicts"], task_id)
        return _envelope(row, executions, verdicts)

    async def approvals(
        self,
        tenant_id: UUID,
        limit: int,
        before: UUID | None = None,
        status: str | None = "waiting",
        *,
        snoozed: bool = False,
        revocable: bool = False,
    ) -> Page[ApprovalView]:
        """What waits for a human; with another status, what was decided.

        `snoozed` has also what was put off, `revocable` what was decided and can still be taken back.
        """
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["approvals"], before, limit, status, None, snoozed, revocable)
        views = [_approval(row) for row in found]
        return Page(items=views, next=views[-1].approval_id if len(views) == limit else None)

    async def approval(self, tenant_id: UUID, approval_id: UUID) -> ApprovalView:
        """One approval."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["approvals"], None, 1, None, approval_id, True, False)
        return _approval(_one(found, f"approval {approval_id} does not exist"))

    async def transactions(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[TransactionView]:
        """The ledger."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["transactions"], before, limit, None)
        views = [_view(TransactionView, row) for row in found]
        return Page(items=views, next=views[-1].transaction_id if len(views) == limit else None)

    async def spends(
        self, tenant_id: UUID, limit: int, before: UUID | None = None, *, doubt: bool = False
    ) -> Page[SpendView]:
        """What was asked of the CFO Judge, and its answers; or what nobody knows the end of."""
        async with self._see(tenant_id) as connection:
            views = [_view(SpendView, row) for row in await connection.fetch(SQL["spends"], before, limit, doubt)]
        return Page(items=views, next=views[-1].reservation_id if len(views) == limit else None)

    async def limits(self, tenant_id: UUID, limit: int = 500) -> list[LimitView]:
        """The limits in force and what is used of them."""
        async with self._see(tenant_id) as connection:
            return [_view(LimitView, row) for row in await connection.fetch(SQL["limits"], limit)]

    async def assets(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[AssetView]:
        """Approved pieces with their provenance."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["assets"], before, limit, None, None)
        views = [_view(AssetView, row) for row in found]
        return Page(items=views, next=views[-1].asset_id if len(views) == limit else None)

    async def asset_of(self, tenant_id: UUID, task_id: UUID) -> UUID | None:
        """The asset that a task has led to, if it was approved."""
        async with self._see(tenant_id) as connection:
            found: UUID | None = await connection.fetchval(SQL["asset_of"], task_id)
        return found

    async def lineage(self, tenant_id: UUID, asset_id: UUID | None = None, url: str | None = None) -> Lineage:
        """From a piece, named by its id or by its post's address, back to its goal (PRV-3)."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["assets"], None, 1, asset_id, url)
            asset = _view(AssetView, _one(found, f"no asset {asset_id or url}"))
            logs = await connection.fetch(SQL["logs"], asset.asset_id)
            costs = await connection.fetch(SQL["transactions"], None, 500, asset.asset_id)
            line = await connection.fetch(SQL["ancestors"], asset.task_id)
        return Lineage(
            asset=asset,
            log=[_view(GenerationLogView, row) for row in logs],
            costs=[_view(TransactionView, row) for row in costs],
            ancestors=[_view(TaskView, row) for row in line],
        )

    async def publications(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[PublicationView]:
        """What is out there."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["publications"], before, limit)
        views = [_view(PublicationView, row) for row in found]
        return Page(items=views, next=views[-1].publication_id if len(views) == limit else None)

    async def audit(
        self, tenant_id: UUID, limit: int, before: UUID | None = None, subject: str | None = None
    ) -> Page[AuditEventView]:
        """The audit trail, whole or of one subject."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["audit"], before, limit, subject)
        views = [_view(AuditEventView, row) for row in found]
        return Page(items=views, next=views[-1].event_id if len(views) == limit else None)

    async def halts(self, tenant_id: UUID) -> list[HaltView]:
        """The halts that bear on this tenant."""
        async with self._see(tenant_id) as connection:
            return [_view(HaltView, row) for row in await connection.fetch(SQL["halts"])]

    async def counts(self, tenant_id: UUID) -> tuple[int, int]:
        """Approvals that wait, and publications."""
        async with self._see(tenant_id) as connection:
            row = _one(await connection.fetch(SQL["counts"]), "no counts")
        return row["approvals_waiting"], row["published"]

    async def policy(self, tenant_id: UUID) -> Policy:
        """The fleet policy in force."""
        async with self._see(tenant_id) as connection:
            return Policy.model_validate_json(await connection.fetchval(SQL["policy"]))

    async def payer(self, tenant_id: UUID, persona: str | None, campaign_id: UUID | None) -> Payer:
        """Who a spend is charged to: the tenant alone when neither persona nor campaign is named.

        NotFound for a persona or campaign that is not there.
        """
        if persona is None and campaign_id is None:
            return Payer()
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["payer"], persona, campaign_id)
        row = _one(found, f"nobody to charge: no such persona or campaign ({persona or campaign_id})")
        return Payer(agent_id=row["agent_id"], campaign_id=campaign_id)

    async def unbalanced(self, tenant_id: UUID) -> int:
        """Transactions of the ledger that do not sum to zero."""
        async with self._see(tenant_id) as connection:
            found: int = await connection.fetchval(SQL["unbalanced"])
        return found

    def _see(self, tenant_id: UUID) -> "AbstractAsyncContextManager[Connection]":
        return self._tenants.transaction(tenant_id)


def _one(found: "Sequence[Record]", missing: str) -> "Record":
    if not found:
        raise NotFound(missing)
    return found[0]


def _view(kind: type[Row], row: "Record") -> Row:
    return kind.model_validate({name: json.loads(value) if name in _JSON else value for name, value in row.items()})


def _influencer(row: "Record", busy: Mapping[UUID, dict[str, str]]) -> InfluencerView:
    values = {name: value for name, value in row.items() if name != "halted"}
    now = busy.get(row["agent_id"])
    state = "halted" if row["halted"] else _STATES[Role(now["role"])] if now else "sleeping"
    return InfluencerView.model_validate({**values, "state": state, "doing": now["goal"] if now else None})


def _approval(row: "Record") -> ApprovalView:
    values = {name: value for name, value in row.items() if name not in ("verdict", "result")}
    result = ExecutionResult.model_validate_json(row["result"])
    return ApprovalView.model_validate(
        {
            **values,
            "verdict": Verdict.model_validate_json(row["verdict"]),
            "content": result.artifact.parts if result.artifact else [],
            "media": result.artifact.media if result.artifact else [],
            "reasoning": result.reasoning_trace,
            "self_assessment": result.self_assessment_score,
        }
    )


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
