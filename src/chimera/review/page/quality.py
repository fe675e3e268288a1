"""The board's room about the Judge: how far its scores can be trusted, and audits that wait for a human (JDG-7)."""

from typing import Annotated, Literal

from fastapi import Form, Path, Query
from fastapi.responses import Response
from pydantic import BeforeValidator, Field, StringConstraints

from chimera.board.curves import reliability
from chimera.board.requests import BoardReply, Handler, Id, Open, Visitor, done, page, pager
from chimera.review.types.quality import AuditStatus

ROWS = 20
ROOM = "/judge"
SPANS = (7, 30, 90, 365)
_EVERYBODY = 500

# A form sends lines with CRLF, as HTML has it.
_Lines = BeforeValidator(lambda value: value.replace("\r\n", "\n") if isinstance(value, str) else value)
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$"), _Lines, Form()]
Days = Annotated[Annotated[int, Field(ge=1, le=3_650)] | None, Open, Query()]


async def judge(
    visit: Visitor,
    before: BoardReply = None,
    status: AuditStatus = "waiting",
    agent_id: BoardReply = None,
    days: Days = None,
) -> Response:
    """The reliability curve with its table, and the audits in one state."""
    tenant_id, quality, reads = visit.who.tenant_id, visit.system.quality, visit.system.reads
    found = await quality.calibration(tenant_id, agent_id, days)
    audits = await quality.audits(tenant_id, ROWS, before, status)
    kept = {"status": None if status == "waiting" else status, "agent_id": agent_id, "days": days}
    return await page(
        visit,
        "judge.html",
        ROOM,
        found=found,
        curve=reliability(found),
        percent=(await reads.policy(tenant_id)).audit_percent,
        tally=await quality.tally(tenant_id),
        audits=audits.items,
        status=status,
        influencers=(await reads.influencers(tenant_id, _EVERYBODY)).items,
        spans=SPANS,
        agent_id=agent_id,
        days=days,
        pager=pager(ROOM, before, audits.next, **kept),
    )


async def decide(
    visit: Visitor, audit_id: Id, decision: Annotated[Literal["agree", "disagree"], Path()], note: Note = ""
) -> Response:
    """Say whether the Judge was right to approve a piece by itself."""
    verdict: Literal["agreed", "disagreed"] = "agreed" if decision == "agree" else "disagreed"
    await visit.system.quality.decide(visit.who.tenant_id, audit_id, verdict, visit.who.actor, note or None)
    return done(visit, "Noted: the Judge was right." if decision == "agree" else "Noted: you disagree.", ROOM)


READING: tuple[tuple[str, Handler], ...] = ((ROOM, judge),)
ACTING: tuple[tuple[str, Handler, str], ...] = ((f"{ROOM}/audits/{{audit_id}}/{{decision}}", decide, "review"),)
"""Every form, with the gate in front of it."""
