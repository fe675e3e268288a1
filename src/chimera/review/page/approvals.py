"""The review desk: a human's verdict, bound to exactly what was seen (JDG-4)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form
from fastapi.responses import Response

from chimera.board.rendering import PLAIN
from chimera.board.requests import BoardRequest, Id, Lines, Note, OptionalId, Visitor, done, page, pager, region
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.personas.reads import PersonaReads
from chimera.review.reads import ReviewReads
from chimera.review.service.approvals import ReviewService
from chimera.review.types.messages import ReviewOutcome
from chimera.tasks.reads import TaskReads
from chimera.values import Decision
from chimera_protocol.errors import Invalid
from chimera_protocol.wire import Text

ROWS = 50
ROOM = "/approvals"


async def approvals(
    request: Visitor,
    before: OptionalId = None,
    status: Literal["waiting", "approved", "rejected", "edited", "stale"] = "waiting",
) -> Response:
    """The review desk; what is still to be decided is live."""
    tenant_id = request.who.tenant_id
    found = await request.service(ReviewReads).approvals(tenant_id, ROWS, before, status)
    bounds = (await request.service(PersonaReads).policy(tenant_id)).bounds
    still = status != "waiting" or before is not None
    return await page(
        request,
        "approvals.html",
        ROOM,
        PLAIN if still else "approvals",
        status=status,
        cases=region(request, "desk", may=request.may, approvals=found.items, bounds=bounds) if still else "",
        pager=pager(ROOM, before, found.next, status=None if status == "waiting" else status),
    )


async def approve(request: Visitor, approval_id: Id, note: Note = "") -> Response:
    """Approve exactly this content."""
    said = await _decide(request, approval_id, Decision.APPROVE, note)
    if said.status == "waiting":
        return done(request, "Approved by you. Somebody else has to agree.", ROOM)
    return done(request, f"Approved. {_effect(said)}The Judge commits it.", ROOM)


async def reject(request: Visitor, approval_id: Id, note: Note = "") -> Response:
    """Have it made anew."""
    said = await _decide(request, approval_id, Decision.REJECT, note)
    return done(request, f"Rejected. {_effect(said)}The Planner has it made anew.", ROOM)


async def undo(request: Visitor, approval_id: Id) -> Response:
    """Take one's own verdict back."""
    await request.service(ReviewService).undo(request.who.tenant_id, approval_id, request.who.actor)
    return done(request, "Taken back.", ROOM)


async def claim(request: Visitor, approval_id: Id) -> Response:
    """Keep it from other reviewers for five minutes."""
    await request.service(ReviewService).claim(request.who.tenant_id, approval_id, request.who.actor)
    return done(request, "Yours for five minutes.", ROOM)


async def snooze(request: Visitor, approval_id: Id) -> Response:
    """Put it off for an hour."""
    until = datetime.now(UTC) + timedelta(hours=1)
    await request.service(ReviewService).snooze(request.who.tenant_id, approval_id, until, request.who.actor)
    return done(request, "Put off for an hour.", ROOM)


async def edit(
    request: Visitor,
    approval_id: Id,
    part: Annotated[list[Annotated[Text, Lines]], Form(max_length=25)],
    note: Note = "",
) -> Response:
    """Put other words in its place."""
    who = request.who
    approval = await request.service(ReviewReads).approval(who.tenant_id, approval_id)
    made = await request.service(TaskReads).task(who.tenant_id, str(approval.task_id))
    shape = made.execution_result.artifact if made.execution_result else None
    if shape is None or len(part) != len(shape.parts):
        raise Invalid("an edit has as many posts as the original")
    content = part if isinstance(shape.content, list) else part[0]
    said = await request.service(ReviewService).edit(who.tenant_id, approval_id, content, who.actor, note or None)
    return done(request, f"Edited. {_effect(said)}The Judge looks at it afresh.", ROOM)


async def _decide(request: BoardRequest, approval_id: UUID, decision: Decision, note: str) -> ReviewOutcome:
    who = request.who
    return await request.service(ReviewService).decide(who.tenant_id, approval_id, decision, who.actor, note or None)


def _effect(said: ReviewOutcome) -> str:
    return "It can be taken back for a moment. " if said.undo_until else ""


async def _desk(look: BoardLook, _: str) -> Mapping[str, object]:
    found = await look.service(ReviewReads).approvals(look.tenant_id, ROWS, revocable=True)
    bounds = (await look.service(PersonaReads).policy(look.tenant_id)).bounds
    # Oldest first, as in any queue: what is new comes in below and moves nothing under the reader.
    return {"approvals": found.items[::-1], "bounds": bounds}


PAGES = Pages(
    package="chimera.review",
    reading=((ROOM, approvals),),
    acting=(
        ("/approvals/{approval_id}/approve", approve, "review"),
        ("/approvals/{approval_id}/undo", undo, "review"),
        ("/approvals/{approval_id}/claim", claim, "review"),
        ("/approvals/{approval_id}/snooze", snooze, "review"),
        ("/approvals/{approval_id}/edit", edit, "review"),
        ("/approvals/{approval_id}/reject", reject, "review"),
    ),
    regions={"desk": RegionSource(_desk, frozenset({"review"}))},
    views={"approvals": ("questions", "desk", "dead_letters")},
)
