"""The audit trail, and the transparency log: checkpoints, proofs, an export that anybody can recompute (PRV-4)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from chimera.api.auth import Anyone
from chimera.api.downloads import download
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.audit.reads import AuditReads
from chimera.audit.service.log import LogService
from chimera.audit.types import AuditEventView, CheckpointView, ConsistencyView, InclusionView
from chimera.values import Page
from chimera_protocol.wire import Name

router = APIRouter(prefix="/v1", tags=["transparency"])
trail_router = APIRouter(prefix="/v1", tags=["fleet"])

Log = Annotated[LogService, Depends(provided(LogService))]
Reads = Annotated[AuditReads, Depends(provided(AuditReads))]
Subject = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]

_LARGEST = 2**63 - 1
_FILE: dict[int | str, dict[str, object]] = {
    200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}, "description": "The file, streamed."}
}

Size = Annotated[int | None, Query(ge=1, le=_LARGEST, description="The newest checkpoint of at most so many leaves.")]
Below = Annotated[int | None, Query(ge=1, le=_LARGEST, description="Only checkpoints of fewer leaves than that.")]


@router.get("/log/checkpoint")
async def checkpoint(who: Anyone, log: Log, size: Size = None) -> CheckpointView:
    """Where the tenant's log stands, signed: keep it elsewhere, and nobody can rewrite what was before it unseen."""
    return await log.checkpoint(who.tenant_id, size)


@router.get("/log/checkpoints")
async def checkpoints(who: Anyone, log: Log, limit: Limit = 50, below: Below = None) -> list[CheckpointView]:
    """The states that the log went through, the newest first, each with its anchors."""
    return await log.checkpoints(who.tenant_id, limit, below)


@router.get("/log/inclusion")
async def inclusion(
    who: Anyone,
    log: Log,
    kind: Annotated[Name, Query(description="The row's table, as 'audit_event'.")],
    id: Annotated[UUID, Query(description="The row's id.")],
) -> InclusionView:
    """The proof that a row is in the log: the path from its leaf to the root of the newest checkpoint (RFC 9162)."""
    return await log.inclusion(who.tenant_id, kind, id)


@router.get("/log/consistency")
async def consistency(
    who: Anyone,
    log: Log,
    since: Annotated[int, Query(alias="from", ge=1, le=_LARGEST, description="The size of an earlier checkpoint.")],
) -> ConsistencyView:
    """The proof that the log only grew since an earlier checkpoint (RFC 9162)."""
    return await log.consistency(who.tenant_id, since)


@router.get("/audit/export", response_class=StreamingResponse, responses=_FILE)
async def export(who: Anyone, log: Log) -> StreamingResponse:
    """The whole log with the rows as they are now; `chimera audit verify` recomputes it without a database."""
    return await download(log.export(who.tenant_id), "application/jsonl", "audit.jsonl")


@trail_router.get("/audit")
async def audit(
    who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None, subject: Subject = None
) -> Page[AuditEventView]:
    """The audit trail, whole or of one subject."""
    return await reads.audit(who.tenant_id, limit, before, subject)
