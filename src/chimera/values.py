"""Small values that every floor shares: states, roles, money, bounds."""

from enum import StrEnum
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import StringConstraints

from chimera_protocol.wire import Wire


class TaskStatus(StrEnum):
    """Where a task is in its life (ORC-12); `domain.lifecycle` says which may follow which."""

    PENDING = "pending"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    STALE = "stale"
    CANCELLED = "cancelled"
    DEAD_LETTER = "dead_letter"


class EffectStatus(StrEnum):
    """Where an outside effect is (PUB-2)."""

    AUTHORISED = "authorised"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"


class CampaignStatus(StrEnum):
    """Where a campaign is."""

    DRAFT = "draft"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """The four queues; each is served by the role of the same name."""

    PLAN = "plan"
    WORK = "work"
    JUDGE = "judge"
    PUBLISH = "publish"


class Role(StrEnum):
    """The roles of the swarm (ORC-1). The CFO decides inside the process that asks it."""

    PLANNER = "planner"
    WORKER = "worker"
    JUDGE = "judge"
    PUBLISHER = "publisher"


class KeyRole(StrEnum):
    """What the holder of an API key may do (OPS-5)."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    DEVELOPER = "developer"
    AUDITOR = "auditor"
    AGENT = "agent"


class Caller(Wire):
    """Who is asking: one key of one tenant."""

    key_id: UUID
    tenant_id: UUID
    name: str
    role: KeyRole
    platform: bool

    @property
    def actor(self) -> str:
        """How the audit trail names the caller."""
        return f"{self.role.value}:{self.name}"


class Priority(StrEnum):
    """How urgent a task is (ORC-10)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class TaskKind(StrEnum):
    """What a task is for: planning and revising are the Planner's, the rest a Worker's."""

    PLAN = "plan"
    REVISE = "revise"
    CREATE = "create"
    SPEND = "spend"


class Decision(StrEnum):
    """What a judge, or a human in its place, decides about a result (JDG-2)."""

    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"


class HaltScope(StrEnum):
    """How much of the fleet a halt stops."""

    FLEET = "fleet"
    TENANT = "tenant"
    INFLUENCER = "influencer"
    CAMPAIGN = "campaign"
    TOOL = "tool"


Row = TypeVar("Row", bound=Wire)


class Page(Wire, Generic[Row]):
    """A part of a list, newest first; ask again with `before=next` for older ones."""

    items: list[Row]
    next: UUID | None = None


ExecutionId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]


Keyword = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


ToolName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._/-]+$")]
