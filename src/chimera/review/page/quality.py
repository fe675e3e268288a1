"""The board's room about the Judge: how far its scores can be trusted, and audits that wait for a human (JDG-7)."""

from typing import Annotated, Literal

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import Field

from chimera.board.requests import Id, Note, Open, OptionalId, Visitor, done, page, pager
from chimera.board.rooms import Pages
from chimera.personas.reads import PersonaReads
from chimera.review.page.curves import reliability
from chimera.review.rules.shares import percent
from chimera.review.service.quality import QualityService
from chimera.review.types.quality import AuditStatus

ROWS = 20
ROOM = "/judge"
SPANS = (7, 30, 90, 365)
_EVERYBODY = 500

Days = Annotated[Annotated[int, Field(ge=1, le=3_650)] | None, Open, Query()]


async def judge(
    request: Visitor,
    before: OptionalId = None,
    status: AuditStatus = "waiting",
    agent_id: OptionalId = None,
    days: Days = None,
) -> Response:
    """The reliability curve with its table, and the audits in one state."""
    tenant_id, quality, personas = request.who.tenant_id, request.service(QualityService), request.service(PersonaReads)
    found = await quality.calibration(tenant_id, agent_id, days)
    audits = await quality.audits(tenant_id, ROWS, before, status)
    kept = {"status": None if status == "waiting" else status, "agent_id": agent_id, "days": days}
    return await page(
        request,
        "judge.html",
        ROOM,
        found=found,
        curve=reliability(found),
        percent=(await personas.policy(tenant_id)).audit_percent,
        tally=await quality.tally(tenant_id),
        audits=audits.items,
        status=status,
        influencers=(await personas.influencers(tenant_id, _EVERYBODY)).items,
        spans=SPANS,
        agent_id=agent_id,
        days=days,
        pager=pager(ROOM, before, audits.next, **kept),
    )


async def decide(
    request: Visitor, audit_id: Id, decision: Annotated[Literal["agree", "disagree"], Path()], note: Note = ""
) -> Response:
    """Say whether the Judge was right to approve a piece by itself."""
    verdict: Literal["agreed", "disagreed"] = "agreed" if decision == "agree" else "disagreed"
    await request.service(QualityService).decide(
        request.who.tenant_id, audit_id, verdict, request.who.actor, note or None
    )
    return done(request, "Noted: the Judge was right." if decision == "agree" else "Noted: you disagree.", ROOM)


PAGES = Pages(
    package="chimera.review",
    reading=((ROOM, judge),),
    acting=((f"{ROOM}/audits/{{audit_id}}/{{decision}}", decide, "review"),),
    filters={"percent": percent},
)
