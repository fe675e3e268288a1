"""What travels between the roles and the stores: claimed work, and the outcome of it."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera.contracts.fleet import Brief, Persona, Policy
from chimera.contracts.money.finance import CfoAnswer, TransactionRequest
from chimera.contracts.money.payments import PaymentOrder
from chimera.contracts.platforms import Disclosure
from chimera.contracts.values import EffectStatus, Priority, Role, Stage, TaskKind, TaskStatus, Wire
from chimera.contracts.work import ExecutionResult, MediaItem, PlanDraft, TaskDispatch, Verdict


class Ticket(Wire):
    """A line of a queue: the id of a row that is due, and where it queues."""

    id: UUID
    tenant_id: UUID
    agent_id: UUID
    priority: Priority


class Lease(Wire):
    """A ticket in hand; it is lost when it is not renewed in time."""

    id: UUID
    stream: str
    entry: str
    redelivered: bool


class Upstream(Wire):
    """What a task that this one depends on has brought about."""

    task_id: UUID
    external_ids: list[str]
    url: str


class Task(Wire):
    """A claimed task. `attempt` is the fencing token that every write about it must name."""

    task_id: UUID
    tenant_id: UUID
    agent_id: UUID
    campaign_id: UUID
    parent_id: UUID | None
    kind: TaskKind
    attempt: int
    tries: int
    revision: int
    state_version: int
    soul_hash: str
    policy_hash: str
    dispatch: TaskDispatch
    upstream: list[Upstream] = []


class Piece(Wire):
    """A result to be judged, with the human decision about it where there is one."""

    task: Task
    result: ExecutionResult
    content_hash: str | None
    human: Verdict | None
    spend: CfoAnswer | None
    reservation_id: UUID | None


class Setting(Wire):
    """The surroundings of a task: persona, policy and brief, each in the version the task names."""

    persona: Persona
    policy: Policy
    brief: Brief


class Grant(Wire):
    """A one-time permission for one effect (PUB-1)."""

    tenant_id: UUID
    content_hash: str
    soul_hash: str
    state_version: int
    limit: str | None
    expires_at: datetime


class EffectOrder(Wire):
    """The call that an approved piece is for."""

    effect_id: UUID
    server: str
    tool: str
    arguments: dict[str, JsonValue]
    grant: Grant
    priority: Priority
    disclosure: Disclosure
    reservation_id: UUID | None = None


class AssetRecord(Wire):
    """The seed's ASSET, GENERATION_LOG and PROVENANCE of one approved piece."""

    asset_id: UUID
    model_version: str
    seed_values: list[str]
    generation_duration_ms: int
    encoding_format: str
    storage_uri: str
    parts: list[str]
    sketch: list[int]
    media: list[MediaItem] = []
    frame_rate: str | None = None
    resolution: str | None = None
    log_id: UUID
    planner_intent: str
    worker_output_prompt: str
    mcp_tool_parameters: dict[str, JsonValue]
    judge_validation_score: float
    creative_regression_notes: str
    provenance_id: UUID
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]


class Cost(Wire):
    """Compute that went into one piece, as a ledger transaction: an exact amount from one account to another."""

    transaction_id: UUID
    currency: str
    amount: str
    compute_tokens_used: int
    verification: str
    debit: str
    credit: str
    memo: str


class Lookalike(Wire):
    """An earlier piece of the fleet that may say nearly the same."""

    persona: str
    own: bool
    parts: list[str]
    url: str | None


class Judgement(Wire):
    """A verdict with all that it brings about; committed as one transaction or not at all."""

    task: Task
    verdict: Verdict
    content_hash: str | None
    asset: AssetRecord | None = None
    costs: list[Cost] = []
    effect: EffectOrder | None = None
    reservation_id: UUID | None = None
    revise: bool = False
    max_revisions: int = 0


class Committed(Wire):
    """What a commit came to: the task's new state, and the tickets that follow from it.

    No status means that the write found nothing to do: another attempt has won.
    """

    task_id: UUID
    status: TaskStatus | None
    follow_up: dict[Stage, Ticket] = {}


class NewTask(Wire):
    """A task that a plan brings into being."""

    task_id: UUID
    parent_id: UUID | None
    node_key: str | None
    kind: TaskKind
    dispatch: TaskDispatch
    depends_on: list[UUID]
    revision: int = 0


class Planned(Wire):
    """What the Planner made of a goal."""

    plan_id: UUID
    draft: PlanDraft
    author: str


class Rejected(Wire):
    """The task that a revision is about, and why it was turned down."""

    task: Task
    node_key: str | None
    verdict: Verdict | None
    cause: str | None
    result: ExecutionResult | None


class Effect(Wire):
    """A claimed effect, marked as executing."""

    effect_id: UUID
    tenant_id: UUID
    agent_id: UUID
    campaign_id: UUID
    task_id: UUID
    attempt: int
    tries: int
    status: EffectStatus
    asset_id: UUID
    reservation_id: UUID | None
    server: str
    tool: str
    arguments: dict[str, JsonValue]
    idempotency_key: str
    disclosure: Disclosure
    created_at: datetime


class Receipt(Wire):
    """A platform's word that something is there."""

    kind: str
    ids: list[str]
    url: str
    created_at: datetime
    content_hash: str
    replayed: bool = False


class SpendOrder(Wire):
    """A transaction request with its surroundings and the key that makes it happen once.

    `expires` is for callers outside: what the swarm reserves, the swarm itself ends.
    """

    tenant_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    task_id: UUID | None
    idempotency_key: str
    request: TransactionRequest
    expires: bool = False


class Reviewed(Wire):
    """What a reviewer's word came to. While it can be taken back there are no tickets: nobody acts on it yet."""

    status: str
    first_by: str | None = None
    undo_until: datetime | None = None
    tickets: list[Ticket] = []


class PaymentDue(Wire):
    """A transfer that a wallet is to pay, with the order that was given for it, if any."""

    reservation_id: UUID
    tenant_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    task_id: UUID | None
    pending: bool
    payee: str
    amount: str
    purpose: str
    budget_verification_hash: str
    fee_id: UUID | None = None
    max_fee: str | None = None
    order: PaymentOrder | None = None
    signature: str | None = None
    tx_hash: str | None = None


class ProcessMark(Wire):
    """A living process of the swarm."""

    process_id: UUID
    role: Role | str
    host: str
    pid: int
