"""The envelope: everything that happened to one task, step by step, with scores and reasons (ORC-3)."""

from datetime import datetime
from uuid import UUID

from chimera.money.types.authorization import CfoAnswer
from chimera.tasks.types.work import ExecutionResult, TaskDispatch, Verdict
from chimera.values import EffectStatus, Role, TaskKind, TaskStatus
from chimera_protocol.wire import Wire


class Step(Wire):
    """One step of a task's life: who did it, how sure, and why."""

    at: datetime
    actor: str
    role: Role | str
    summary: str
    confidence: float | None = None
    model_used: str | None = None


class Delivery(Wire):
    """What became of an approved piece on the outside."""

    effect_id: UUID
    status: EffectStatus
    idempotency_key: str
    url: str | None = None
    cause: str | None = None


class Envelope(Wire):
    """One task from dispatch to effect. Confidence scores and reasoning survive to the end."""

    task_id: UUID
    execution_id: str
    kind: TaskKind
    status: TaskStatus
    attempt: int
    campaign_id: UUID
    agent_id: UUID
    parent_id: UUID | None
    children: list[UUID]
    soul_hash: str
    state_version: int
    cause: str | None
    task_dispatch: TaskDispatch
    execution_result: ExecutionResult | None
    verdicts: list[Verdict]
    financial_authorization: CfoAnswer | None
    delivery: Delivery | None
    steps: list[Step]
