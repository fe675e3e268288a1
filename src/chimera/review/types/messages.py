"""What travels between the Judge and the database: pending reviews, commits, lookalikes."""

from datetime import datetime
from uuid import UUID

from chimera.money.types.authorization import CfoAnswer
from chimera.money.types.messages import Cost
from chimera.provenance.types.assets import AssetRecord
from chimera.publishing.types import EffectOrder
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera_protocol.wire import Wire


class PendingReview(Wire):
    """A result to be judged, with the human decision about it where there is one."""

    task: Task
    result: ExecutionResult
    content_hash: str | None
    human: Verdict | None
    spend: CfoAnswer | None
    reservation_id: UUID | None


class Lookalike(Wire):
    """An earlier piece of the fleet that may say nearly the same."""

    persona: str
    own: bool
    parts: list[str]
    url: str | None


class CommitCommand(Wire):
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


class ReviewOutcome(Wire):
    """What a reviewer's word came to. While it can be taken back nobody acts on it yet."""

    status: str
    first_by: str | None = None
    undo_until: datetime | None = None
