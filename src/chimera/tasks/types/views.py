"""Tasks and dead letters, as people see them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from chimera.values import EffectStatus, Priority, TaskKind, TaskStatus
from chimera_protocol.wire import Wire


class DeadLetterView(Wire):
    """A task that was given up, why, and what can be done about it."""

    task_id: UUID
    execution_id: str
    agent_id: UUID
    persona: str
    campaign_id: UUID
    campaign: str
    goal: str
    cause: str
    attempt: int
    replays: int
    lives_left: int
    replayable_at: datetime | None = Field(description="None when it has had all its lives.")
    buried_at: datetime


class TaskView(Wire):
    """A task in a list."""

    task_id: UUID
    execution_id: str
    campaign_id: UUID
    agent_id: UUID
    persona: str
    parent_id: UUID | None
    node_key: str | None
    kind: TaskKind
    status: TaskStatus
    priority: Priority
    goal: str
    attempt: int
    revision: int
    cause: str | None
    score: float | None
    decision: str | None
    reasons: list[str]
    effect: EffectStatus | None
    url: str | None
    created_at: datetime
    updated_at: datetime
