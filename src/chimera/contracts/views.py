"""What people are shown: the read side, for the API, the board and the CLI."""

from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import Field

from chimera.contracts.money.views import LimitView
from chimera.contracts.recovery import Health
from chimera.contracts.values import (
    CampaignStatus,
    EffectStatus,
    HaltScope,
    KeyRole,
    Priority,
    TaskKind,
    TaskStatus,
    Wire,
)
from chimera.contracts.work import MediaItem, PlanDraft, Verdict

Row = TypeVar("Row", bound=Wire)


class Page(Wire, Generic[Row]):
    """A part of a list, newest first; ask again with `before=next` for older ones."""

    items: list[Row]
    next: UUID | None = None


class InfluencerView(Wire):
    """An influencer and what it is doing."""

    agent_id: UUID
    persona: str
    account: str
    soul_hash: str
    voice_traits: list[str]
    state: str = Field(description="planning, working, judging, halted or sleeping.")
    doing: str | None
    tasks_open: int
    approvals_waiting: int
    published: int


class PersonaVersion(Wire):
    """One version of a SOUL.md."""

    soul_hash: str
    agent_id: UUID
    persona: str
    source: str
    created_at: datetime
    current: bool


class CampaignView(Wire):
    """A campaign and how far it is."""

    campaign_id: UUID
    agent_id: UUID
    persona: str
    name: str
    goal: str
    status: CampaignStatus
    standing: bool
    state_version: int
    tasks: dict[TaskStatus, int]
    published: int
    created_at: datetime


class PlanView(Wire):
    """A plan, as a graph and as a tree for reading."""

    plan_id: UUID
    campaign_id: UUID
    status: str
    author: str
    draft: PlanDraft
    tree: list[str]
    created_at: datetime


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


class ApprovalView(Wire):
    """Something that waits for a human, or has been decided by one."""

    approval_id: UUID
    task_id: UUID
    agent_id: UUID
    persona: str
    campaign: str
    goal: str
    content: list[str]
    media: list[MediaItem] = []
    content_hash: str
    soul_hash: str
    state_version: int
    status: str
    verdict: Verdict
    reasoning: list[str]
    self_assessment: float
    decided_by: str | None
    note: str | None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    snoozed_until: datetime | None = None
    first_by: str | None = Field(None, description="Who approved first, where the policy wants two.")
    undo_until: datetime | None = Field(None, description="Until then whoever decided can take it back.")
    overdue: bool = False
    created_at: datetime
    decided_at: datetime | None


class HaltView(Wire):
    """A halt in force."""

    scope: HaltScope
    target: str
    reason: str
    actor: str
    halted_at: datetime


class KeyView(Wire):
    """An API key without its secret."""

    key_id: UUID
    name: str
    role: KeyRole
    platform: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class FleetView(Wire):
    """The fleet at a glance (UI-1)."""

    influencers: list[InfluencerView]
    campaigns: list[CampaignView]
    limits: list[LimitView]
    halts: list[HaltView]
    health: Health
    approvals_waiting: int
    published: int
