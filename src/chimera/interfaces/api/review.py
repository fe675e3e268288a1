"""Approvals: a human's verdict, bound to exactly what was seen (JDG-4)."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from chimera.contracts.values import Decision, Text, Wire
from chimera.contracts.views import ApprovalView, Page
from chimera.interfaces.api.callers import Anyone, Reviewer, Wired
from chimera.interfaces.api.paging import Before, Limit

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class Remark(Wire):
    """Why; it is kept with the verdict."""

    note: Note | None = None


class Edit(Wire):
    """The new wording: one text, or a list of texts for a thread."""

    content: Text | Annotated[list[Text], Field(min_length=1, max_length=25)]
    note: Note | None = None


@router.get("")
async def approvals(
    who: Anyone,
    system: Wired,
    limit: Limit = 50,
    before: Before = None,
    status: Literal["waiting", "approved", "rejected", "edited", "stale"] = "waiting",
) -> Page[ApprovalView]:
    """What waits for a human, or was decided by one."""
    return await system.reads.approvals(who.tenant_id, limit, before, status)


@router.get("/{approval_id}")
async def approval(approval_id: UUID, who: Anyone, system: Wired) -> ApprovalView:
    """One approval with content, score and reasoning."""
    return await system.reads.approval(who.tenant_id, approval_id)


@router.post("/{approval_id}/approve", status_code=202)
async def approve(approval_id: UUID, remark: Remark, who: Reviewer, system: Wired) -> Remark:
    """Approve exactly this content; the Judge commits it. 409 when persona or campaign has moved on."""
    decision = Decision.APPROVE
    await system.hand_on(await system.desk.decide(who.tenant_id, approval_id, decision, who.actor, remark.note))
    return remark


@router.post("/{approval_id}/reject", status_code=202)
async def reject(approval_id: UUID, remark: Remark, who: Reviewer, system: Wired) -> Remark:
    """Reject it; the Planner has it made anew with the note, within its bound."""
    decision = Decision.REJECT
    await system.hand_on(await system.desk.decide(who.tenant_id, approval_id, decision, who.actor, remark.note))
    return remark


@router.post("/{approval_id}/edit", status_code=202)
async def edit(approval_id: UUID, edit: Edit, who: Reviewer, system: Wired) -> Edit:
    """Put other words in its place; the edit is judged again."""
    await system.hand_on(await system.desk.edit(who.tenant_id, approval_id, edit.content, who.actor, edit.note))
    return edit
