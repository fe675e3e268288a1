"""A small house to try the stores in: one tenant, one influencer, the steps of a task's life in few words."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chimera.accounts.service import Influencer
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.gateways.mcp.types import Disclosure
from chimera.ids import new_id
from chimera.money.types.authorization import CfoAnswer, TransactionRequest
from chimera.money.types.limits import Limit
from chimera.money.types.messages import Cost, SpendOrder
from chimera.personas.types.policy import Policy
from chimera.provenance.rules.hashes import FORMULA, content_hash, statement
from chimera.provenance.types.assets import AssetRecord
from chimera.publishing.types import Effect, EffectOrder, Grant, Receipt
from chimera.review.rules.similarity import minhash
from chimera.review.types.messages import CommitCommand, PendingReview
from chimera.tasks.service.sweeper import Sweeper
from chimera.tasks.types.messages import CommitResult, Lease, Task
from chimera.tasks.types.work import Artifact, ExecutionResult, ResultMetadata, ToolCall, Verdict
from chimera.values import Decision, Priority, Role, Stage, TaskKind
from chimera.wiring import System
from tests.recording import RecordingOutbox, recorded

SOUL = """\
---
id: Nora
name: Nora
account: nora
voice_traits: [calm]
directives: [Be kind.]
---
# Nora

I have never seen a star.
"""


@dataclass
class Running:
    """A campaign that runs, and the tasks of its plan by their keys."""

    campaign_id: UUID
    tasks: dict[str, UUID]

    def __getitem__(self, key: str) -> UUID:
        return self.tasks[key]


@dataclass
class House:
    """The steps that tests are made of. `process_id` is a process that lives."""

    system: System
    raw: "asyncpg.Connection[asyncpg.Record]"
    tenant_id: UUID
    nora: Influencer
    process_id: UUID = field(default_factory=new_id)
    soul: str = SOUL

    def __post_init__(self) -> None:
        self.outbox: RecordingOutbox = recorded(self.system)
        self.take_queued()

    @property
    def queued(self) -> dict[Stage, list[UUID]]:
        """What was queued since `take_queued`, or since the last `submit` or `commit` began: stages without ids are
        not in it."""
        return self.outbox.queued

    def take_queued(self) -> dict[Stage, list[UUID]]:
        """What was queued so far; from now on it is forgotten."""
        return self.outbox.take()

    async def value(self, statement: str, *args: object) -> Any:
        """One value, read past all row-level security."""
        return await self.raw.fetchval(statement, *args)

    async def status(self, task_id: UUID) -> str:
        return str(await self.value("SELECT status FROM task WHERE task_id = $1", task_id))

    async def effect_status(self, effect_id: UUID) -> str:
        return str(await self.value("SELECT status FROM effect WHERE effect_id = $1", effect_id))

    def node(self, key: str, *depends_on: str, spend: str | None = None) -> PlanNode:
        """A node of a plan: a tweet, or a promotion when it spends."""
        parameters: dict[str, Any] = {"token_amount": spend, "wallet": "0xA", "post_id": "1"} if spend else {}
        action = "promote_tweet" if spend else "post_tweet"
        return PlanNode(
            key=key,
            kind=TaskKind.SPEND if spend else TaskKind.CREATE,
            goal=f"do {key}",
            tool_call=ToolCall(target_mcp="twitter-mcp", action=action, parameters=parameters),
            depends_on=list(depends_on),
        )

    def draft(self, *nodes: PlanNode) -> PlanDraft:
        return PlanDraft(rationale="because", nodes=list(nodes or [self.node("a")]))

    def brief(self, name: str = "Look up", **changes: Any) -> Brief:
        given: dict[str, Any] = {
            "persona": "Nora",
            "name": name,
            "goal": "Get people to look up",
            "strategy": ["gently"],
            "promotions": [{"token_amount": "50 USDC", "purpose": "reach", "wallet": "0xA"}],
            "budget": [{"span": "total", "amount": "300 USDC"}],
            "autostart": True,
        }
        return Brief.model_validate({**given, **changes})

    async def planning(self, name: str = "Look up", **changes: Any) -> tuple[UUID, UUID]:
        """A campaign that waits for its plan, and the task of making it."""
        campaign_id = await self.system.campaigns.create(self.tenant_id, self.brief(name, **changes), "operator:me")
        return campaign_id, await self.system.campaigns.plan(self.tenant_id, campaign_id, "operator:me")

    async def running(self, *nodes: PlanNode, name: str = "Look up", **changes: Any) -> Running:
        """A campaign that runs a plan of these nodes."""
        campaign_id, plan_id = await self.planning(name, **changes)
        task = await self.claim(plan_id, stage=Stage.PLAN)
        planned = NewPlan(plan_id=new_id(), draft=self.draft(*nodes), author="planner")
        await self.system.plans.store_plan(task, planned)
        query = "SELECT node_key, task_id FROM task WHERE campaign_id = $1 AND node_key IS NOT NULL"
        return Running(campaign_id, dict(await self.raw.fetch(query, campaign_id)))

    def leases(self, *ids: UUID, redelivered: bool = False) -> list[Lease]:
        return [Lease(id=id, stream="s", entry="1-0", redelivered=redelivered) for id in ids]

    async def claims(self, *ids: UUID, redelivered: bool = False, stage: Stage = Stage.WORK) -> list[Task]:
        leases = self.leases(*ids, redelivered=redelivered)
        return await self.system.work.claim(leases, self.process_id, stage)

    async def claim(self, id: UUID, *, redelivered: bool = False, stage: Stage = Stage.WORK) -> Task:
        (task,) = await self.claims(id, redelivered=redelivered, stage=stage)
        return task

    def result(self, task: Task, text: str = "Look up tonight.") -> ExecutionResult:
        return ExecutionResult(
            execution_id=task.dispatch.execution_id,
            status="completed",
            artifact=Artifact(type="text", content=text),
            metadata=ResultMetadata(compute_duration_ms=5, model_used="composer", seeds=["7"]),
            self_assessment_score=0.8,
        )

    async def submit(self, task: Task, text: str = "Look up tonight.") -> CommitResult:
        self.take_queued()
        return await self.system.work.submit(task, self.result(task, text), "worker")

    async def pieces(self, *ids: UUID, redelivered: bool = False) -> list[PendingReview]:
        return await self.system.judging.claim_reviews(self.leases(*ids, redelivered=redelivered), self.process_id)

    async def piece(self, task_id: UUID, text: str = "Look up tonight.") -> PendingReview:
        """The task's result, made and in the Judge's hands."""
        await self.submit(await self.claim(task_id), text)
        (piece,) = await self.pieces(task_id)
        return piece

    def order(self, amount: str = "50 USDC", key: str = "key", **places: Any) -> SpendOrder:
        request = TransactionRequest(destination_wallet="0xA", token_amount=amount, purpose="reach")
        given: dict[str, Any] = {"agent_id": self.nora.agent_id, "campaign_id": None, "task_id": None}
        return SpendOrder(tenant_id=self.tenant_id, idempotency_key=key, request=request, **{**given, **places})

    async def authorise(self, amount: str = "50 USDC", key: str = "key", **places: Any) -> CfoAnswer:
        return (await self.system.treasury.authorise(self.order(amount, key, **places))).answer

    async def spend_piece(self, task_id: UUID, amount: str = "50 USDC") -> PendingReview:
        """A spend task whose money was asked for, in the Judge's hands."""
        task = await self.claim(task_id)
        await self.authorise(amount, f"task-{task_id}", task_id=task_id, campaign_id=task.campaign_id)
        await self.submit(task)
        (piece,) = await self.pieces(task_id)
        return piece

    def judgement(self, piece: PendingReview, decision: Decision = Decision.APPROVE, **changes: Any) -> CommitCommand:
        """A verdict about a piece; an approval comes with its asset, its cost and its effect."""
        approved = decision is Decision.APPROVE
        asset = self.asset(piece) if approved else None
        verdict = Verdict(decision=decision, score=0.95 if approved else 0.5, judged_by="judge:test", reasons=["r"])
        given: dict[str, Any] = {
            "asset": asset,
            "costs": [self.cost(piece)] if approved else [],
            "effect": self.effect(piece) if approved else None,
            "reservation_id": piece.reservation_id,
            "revise": True,
            "max_revisions": 2,
        }
        return CommitCommand(task=piece.task, verdict=verdict, content_hash=piece.content_hash, **{**given, **changes})

    def asset(self, piece: PendingReview) -> AssetRecord:
        artifact = piece.result.artifact
        assert artifact is not None
        asset_id, parts = new_id(), artifact.parts
        return AssetRecord(
            asset_id=asset_id,
            model_version="composer",
            seed_values=["7"],
            generation_duration_ms=5,
            encoding_format="text/plain; charset=utf-8",
            storage_uri=f"db:asset/{asset_id}",
            parts=parts,
            sketch=minhash(parts),
            log_id=new_id(),
            planner_intent="g",
            worker_output_prompt="p",
            mcp_tool_parameters={"action": "post_tweet"},
            judge_validation_score=0.95,
            creative_regression_notes="",
            provenance_id=new_id(),
            content_hash=content_hash(parts),
            cryptographic_signature="signature",
            statement=statement(str(asset_id), artifact, piece.task, piece.result.metadata),
        )

    def cost(self, piece: PendingReview) -> Cost:
        return Cost(
            transaction_id=new_id(),
            currency="COMPUTE",
            amount="120",
            compute_tokens_used=120,
            verification="0" * 64,
            debit=f"compute:{piece.task.agent_id}",
            credit="model:composer",
            memo="writing",
        )

    def effect(self, piece: PendingReview, **changes: Any) -> EffectOrder:
        task = piece.task
        grant = Grant(
            tenant_id=task.tenant_id,
            content_hash=piece.content_hash or "",
            content_formula=FORMULA,
            soul_hash=task.soul_hash,
            state_version=task.state_version,
            limit=None,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        return EffectOrder(
            effect_id=new_id(),
            server="twitter-mcp",
            tool=task.dispatch.tool_call.action,
            arguments={"account": "nora", "text": "Look up tonight."},
            disclosure=Disclosure.LABEL,
            grant=grant.model_copy(update=changes),
            priority=Priority.MEDIUM,
            reservation_id=piece.reservation_id,
        )

    async def commit(self, piece: PendingReview, decision: Decision = Decision.APPROVE, **changes: Any) -> CommitResult:
        self.take_queued()
        return await self.system.judging.commit(self.judgement(piece, decision, **changes))

    async def approve(self, piece: PendingReview, **grant: Any) -> UUID:
        """Approve a piece; the effect it is for."""
        effect = self.effect(piece, **grant)
        done = await self.commit(piece, effect=effect)
        assert done.followed, f"it was not approved: {done.status}"
        return effect.effect_id

    async def approved(self, task_id: UUID, text: str = "Look up tonight.") -> UUID:
        return await self.approve(await self.piece(task_id, text))

    async def begins(self, *ids: UUID, redelivered: bool = False) -> Sequence[Effect]:
        return await self.system.effects.begin(self.leases(*ids, redelivered=redelivered), self.process_id)

    async def begin(self, id: UUID, *, redelivered: bool = False) -> Effect:
        (effect,) = await self.begins(id, redelivered=redelivered)
        return effect

    def receipt(self, *ids: str) -> Receipt:
        return Receipt(
            kind="post",
            ids=list(ids or ("1",)),
            url="https://social.example/1",
            created_at=datetime.now(UTC),
            content_hash="",
        )

    async def swept(self, lease_seconds: float = 5.0) -> dict[Stage, set[UUID]]:
        """What a sweep finds after everybody has had time to take what was put in the queues."""
        await self.raw.execute("UPDATE task SET updated_at = updated_at - interval '1 minute'")
        await self.raw.execute("UPDATE effect SET updated_at = updated_at - interval '1 minute'")
        self.take_queued()
        swept = await Sweeper(self.system.swarm, lease_seconds=lease_seconds).sweep()
        assert swept, "somebody else is sweeping"
        await self.system.judging.escalate()
        await self.system.effects.sweep(lease_seconds)
        found = self.take_queued()
        return {stage: set(found.get(stage, [])) for stage in Stage}

    async def lose_process(self) -> None:
        """The process is killed: it gives no more signs of life."""
        gone = "UPDATE process SET last_seen = now() - interval '1 minute' WHERE process_id = $1"
        await self.raw.execute(gone, self.process_id)


@pytest.fixture
async def raw(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the database's owner, whom no policy binds."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def tenant(system: System) -> UUID:
    """A tenant whose policy lets it spend 200 USDC a day."""
    tenant_id = await system.accounts.open_tenant("acme")
    policy = Policy(limits=[Limit(span="day", amount="200 USDC")])
    await system.accounts.set_policy(tenant_id, policy, "operator:me")
    return tenant_id


@pytest.fixture
async def nora(system: System, tenant: UUID) -> Influencer:
    return await system.accounts.import_persona(tenant, SOUL, "operator:me")


@pytest.fixture
async def house(system: System, raw: "asyncpg.Connection[asyncpg.Record]", tenant: UUID, nora: Influencer) -> House:
    made = House(system, raw, tenant, nora)
    await system.fleet.mark(ProcessHeartbeat(process_id=made.process_id, role=Role.WORKER, host="here", pid=1))
    return made


@pytest.fixture
async def other_tenant(system: System) -> tuple[UUID, Influencer]:
    """A second tenant, with an influencer of the same persona."""
    tenant_id = await system.accounts.open_tenant("rival")
    return tenant_id, await system.accounts.import_persona(tenant_id, SOUL, "operator:you")
