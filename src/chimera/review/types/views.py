"""Approvals, as reviewers see them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from chimera.media.types import MediaItem
from chimera.tasks.types.work import Verdict
from chimera_protocol.wire import Wire


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
