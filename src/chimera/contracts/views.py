"""What people are shown: the read side, for the API, the board and the CLI."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import Field, JsonValue, PlainSerializer

from chimera.contracts.fleet import Limit
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
    plain,
)
from chimera.contracts.work import MediaItem, PlanDraft, Verdict

Row = TypeVar("Row", bound=Wire)
Amount = Annotated[Decimal, PlainSerializer(plain, return_type=str), Field(description="Exact decimal.")]


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


class TransactionView(Wire):
    """A line of the ledger."""

    transaction_id: UUID
    asset_id: UUID | None
    agent_id: UUID | None
    campaign_id: UUID | None
    entry: str
    currency: str
    amount: Amount
    compute_tokens_used: int
    timestamp: datetime
    cfo_judge_verification: str
    memo: str


class SpendView(Wire):
    """A spend that was asked for, and the CFO Judge's answer."""

    reservation_id: UUID
    task_id: UUID | None
    campaign_id: UUID | None
    status: str
    request: dict[str, JsonValue]
    answer: dict[str, JsonValue]
    doubt: str | None = Field(description="Why nobody knows what became of it; an operator has to find out.")
    created_at: datetime


class Payer(Wire):
    """Who a spend is charged to; nobody in particular means the tenant."""

    agent_id: UUID | None = None
    campaign_id: UUID | None = None


class LimitView(Wire):
    """A limit and what is used of it in its present span."""

    budget_id: UUID
    scope: str
    scope_key: str
    span: str
    currency: str
    limit_amount: Amount
    reserved: Amount
    spent: Amount


class PolicyChange(Wire):
    """A policy that is in force, and the changes of limits that wait for a second operator."""

    policy_hash: str
    limits_waiting: list[UUID] = []


class LimitChangeView(Wire):
    """Limits that loosen something and wait for a second operator, or have been decided about."""

    change_id: UUID
    scope: str
    scope_key: str
    limits: list[Limit]
    status: str
    proposed_by: str
    decided_by: str | None
    proposed_at: datetime
    decided_at: datetime | None


class FlagView(Wire):
    """A spend that looked suspicious, and what a human decided about it."""

    flag_id: UUID
    reservation_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    payee: str
    currency: str
    amount: Amount
    purpose: str
    reasons: list[str]
    disputed: bool = Field(description="It is about a bill above what was authorised: accepting lets nothing through.")
    status: str
    decided_by: str | None
    created_at: datetime
    decided_at: datetime | None


class WalletView(Wire):
    """An influencer's wallet, as its chain tells it."""

    agent_id: UUID
    persona: str
    address: str
    balances: dict[str, str] = Field(description="Exact decimals by currency.")


class AssetView(Wire):
    """An asset with the seed's columns and its provenance."""

    asset_id: UUID
    campaign_id: UUID
    agent_id: UUID
    persona: str
    task_id: UUID
    parts: list[str]
    media: list[MediaItem] = []
    model_version: str
    seed_values: list[str]
    generation_duration_ms: int
    frame_rate: str | None
    resolution: str | None
    encoding_format: str
    storage_uri: str
    soul_hash: str
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]
    on_chain_verification: bool
    published_at: datetime | None
    url: str | None
    created_at: datetime

    @property
    def said_and_shown(self) -> list[str]:
        """What the content hash is over."""
        return [*self.parts, *(f"sha256:{item.sha256}" for item in self.media)]


class GenerationLogView(Wire):
    """The seed's GENERATION_LOG."""

    log_id: UUID
    planner_intent: str
    worker_output_prompt: str
    mcp_tool_parameters: dict[str, JsonValue]
    judge_validation_score: float
    creative_regression_notes: str


class Lineage(Wire):
    """From a piece back to its goal: plan, prompts, model, seeds, scores, costs (PRV-3)."""

    asset: AssetView
    log: list[GenerationLogView]
    costs: list[TransactionView]
    ancestors: list[TaskView]


class Verification(Wire):
    """Whether a piece is what was approved and signed, and with what a stranger can check it."""

    asset_id: UUID
    url: str | None
    holds: bool
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]
    public_key: str = Field(description="Ed25519, base64url: `x` of RFC 8037.")


class PublicationView(Wire):
    """Something that is out there."""

    publication_id: UUID
    asset_id: UUID
    agent_id: UUID
    persona: str
    server: str
    kind: str
    external_ids: list[str]
    url: str
    disclosure: str
    parts: list[str]
    published_at: datetime


class AuditEventView(Wire):
    """One event of the audit trail."""

    event_id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    body: dict[str, JsonValue]


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
