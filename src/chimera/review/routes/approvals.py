"""Approvals: a human's verdict, bound to exactly what was seen (JDG-4)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, Field, StringConstraints

from chimera.api.auth import Anyone, Reviewer
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.review.reads import ReviewReads
from chimera.review.service.approvals import ReviewService
from chimera.review.types.messages import ReviewOutcome
from chimera.review.types.views import ApprovalView
from chimera.values import Decision, Page
from chimera_protocol.wire import Text, Wire

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

Reviews = Annotated[ReviewService, Depends(provided(ReviewService))]
Reads = Annotated[ReviewReads, Depends(provided(ReviewReads))]
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class Remark(Wire):
    """Why; it is kept with the verdict."""

    note: Note | None = None


class Edit(Wire):
    """The new wording: one text, or a list of texts for a thread."""

    content: Text | Annotated[list[Text], Field(min_length=1, max_length=25)]
    note: Note | None = None


class DecisionOutcome(Wire):
    """What a reviewer's word came to."""

    status: str
    first_by: str | None = Field(None, description="Who approved first; somebody else has to agree.")
    undo_until: datetime | None = Field(None, description="Until then it can be taken back, and nobody acts on it.")


class ApprovalClaim(Wire):
    """How long an item is kept for whoever claimed it."""

    claimed_until: datetime


class Snooze(Wire):
    """When an item is to be listed again: within seven days."""

    until: AwareDatetime


@router.get("")
async def approvals(
    who: Anyone,
    reads: Reads,
    limit: Limit = 50,
    before: Before = None,
    status: Literal["waiting", "approved", "rejected", "edited", "stale"] = "waiting",
    snoozed: bool = False,
) -> Page[ApprovalView]:
    """What waits for a human, with `snoozed` also what was put off; or what was decided by one."""
    return await reads.approvals(who.tenant_id, limit, before, status, snoozed=snoozed)


@router.get("/{approval_id}")
async def approval(approval_id: UUID, who: Anyone, reads: Reads) -> ApprovalView:
    """One approval with content, score and reasoning."""
    return await reads.approval(who.tenant_id, approval_id)


@router.post("/{approval_id}/approve", status_code=202)
async def approve(approval_id: UUID, remark: Remark, who: Reviewer, review: Reviews) -> DecisionOutcome:
    """Approve exactly this content; the Judge commits it. 409 when persona or campaign has moved on."""
    decision = Decision.APPROVE
    said = await review.decide(who.tenant_id, approval_id, decision, who.actor, remark.note)
    return _outcome(said)


@router.post("/{approval_id}/reject", status_code=202)
async def reject(approval_id: UUID, remark: Remark, who: Reviewer, review: Reviews) -> DecisionOutcome:
    """Reject it; the Planner has it made anew with the note, within its bound."""
    decision = Decision.REJECT
    said = await review.decide(who.tenant_id, approval_id, decision, who.actor, remark.note)
    return _outcome(said)


@router.post("/{approval_id}/edit", status_code=202)
async def edit(approval_id: UUID, edit: Edit, who: Reviewer, review: Reviews) -> DecisionOutcome:
    """Put other words in its place; the edit is judged again."""
    said = await review.edit(who.tenant_id, approval_id, edit.content, who.actor, edit.note)
    return _outcome(said)


@router.post("/{approval_id}/claim")
async def claim(approval_id: UUID, who: Reviewer, review: Reviews) -> ApprovalClaim:
    """Keep it for yourself for five minutes; 409 while somebody else has it."""
    return ApprovalClaim(claimed_until=await review.claim(who.tenant_id, approval_id, who.actor))


@router.post("/{approval_id}/release", status_code=204)
async def release(approval_id: UUID, who: Reviewer, review: Reviews) -> None:
    """Let others have it."""
    await review.release(who.tenant_id, approval_id, who.actor)


@router.post("/{approval_id}/snooze", status_code=204)
async def snooze(approval_id: UUID, snooze: Snooze, who: Reviewer, review: Reviews) -> None:
    """Put it off; it is listed again from then on."""
    await review.snooze(who.tenant_id, approval_id, snooze.until, who.actor)


@router.post("/{approval_id}/undo", status_code=204)
async def undo(approval_id: UUID, who: Reviewer, review: Reviews) -> None:
    """Take your own verdict back before it takes effect; 409 once it has."""
    await review.undo(who.tenant_id, approval_id, who.actor)


def _outcome(said: ReviewOutcome) -> DecisionOutcome:
    return DecisionOutcome(status=said.status, first_by=said.first_by, undo_until=said.undo_until)
