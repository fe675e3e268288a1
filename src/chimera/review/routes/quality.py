"""The Judge, judged: its scores against human verdicts, and audits of what it approved by itself (JDG-7)."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from chimera.api.auth import Anyone, Reviewer
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.review.routes.approvals import Remark
from chimera.review.service.quality import QualityService
from chimera.review.types.quality import AuditStatus, Calibration, SampleAudit
from chimera.values import Page

router = APIRouter(prefix="/v1/judge", tags=["judge"])

Quality = Annotated[QualityService, Depends(provided(QualityService))]
Days = Annotated[int | None, Query(ge=1, le=3_650, description="Only verdicts of so many days back.")]


@router.get("/calibration")
async def calibration(
    who: Anyone,
    quality: Quality,
    agent_id: Annotated[UUID | None, Query(description="Only this influencer's pieces.")] = None,
    days: Days = None,
    bins: Annotated[Literal["10", "20"], Query(description="Bins of 0.1 or of 0.05.")] = "20",
) -> Calibration:
    """Scores against what humans said: the reliability curve, its errors, and what the bounds would let through."""
    return await quality.calibration(who.tenant_id, agent_id, days, int(bins))


@router.get("/audits")
async def audits(
    who: Anyone, quality: Quality, limit: Limit = 50, before: Before = None, status: AuditStatus = "waiting"
) -> Page[SampleAudit]:
    """Pieces that the Judge approved by itself and that were drawn for a human to look at, newest first."""
    return await quality.audits(who.tenant_id, limit, before, status)


@router.post("/audits/{audit_id}/agree", status_code=204)
async def agree(audit_id: UUID, remark: Remark, who: Reviewer, quality: Quality) -> None:
    """Say that the Judge was right; 409 when somebody has decided already."""
    await quality.decide(who.tenant_id, audit_id, "agreed", who.actor, remark.note)


@router.post("/audits/{audit_id}/disagree", status_code=204)
async def disagree(audit_id: UUID, remark: Remark, who: Reviewer, quality: Quality) -> None:
    """Say that it should not have been approved. Nothing is unpublished; 409 when somebody has decided already."""
    await quality.decide(who.tenant_id, audit_id, "disagreed", who.actor, remark.note)
