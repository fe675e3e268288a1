"""The transparency log over HTTP: checkpoints, proofs, and the export that anybody can recompute (PRV-4)."""

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chimera.api.auth import Anyone, Wired
from chimera.api.paging import Limit
from chimera.audit.types import CheckpointView, ConsistencyView, InclusionView
from chimera.wiring import chunks
from chimera_protocol.wire import Name

router = APIRouter(prefix="/v1", tags=["transparency"])

_LARGEST = 2**63 - 1
_FILE: dict[int | str, dict[str, object]] = {
    200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}, "description": "The file, streamed."}
}

Size = Annotated[int | None, Query(ge=1, le=_LARGEST, description="The newest checkpoint of at most so many leaves.")]
Below = Annotated[int | None, Query(ge=1, le=_LARGEST, description="Only checkpoints of fewer leaves than that.")]


@router.get("/log/checkpoint")
async def checkpoint(who: Anyone, system: Wired, size: Size = None) -> CheckpointView:
    """Where the tenant's log stands, signed: keep it elsewhere, and nobody can rewrite what was before it unseen."""
    return await system.transparency.checkpoint(who.tenant_id, size)


@router.get("/log/checkpoints")
async def checkpoints(who: Anyone, system: Wired, limit: Limit = 50, below: Below = None) -> list[CheckpointView]:
    """The states that the log went through, the newest first, each with its anchors."""
    return await system.transparency.checkpoints(who.tenant_id, limit, below)


@router.get("/log/inclusion")
async def inclusion(
    who: Anyone,
    system: Wired,
    kind: Annotated[Name, Query(description="The row's table, as 'audit_event'.")],
    id: Annotated[UUID, Query(description="The row's id.")],
) -> InclusionView:
    """The proof that a row is in the log: the path from its leaf to the root of the newest checkpoint (RFC 9162)."""
    return await system.transparency.inclusion(who.tenant_id, kind, id)


@router.get("/log/consistency")
async def consistency(
    who: Anyone,
    system: Wired,
    since: Annotated[int, Query(alias="from", ge=1, le=_LARGEST, description="The size of an earlier checkpoint.")],
) -> ConsistencyView:
    """The proof that the log only grew since an earlier checkpoint (RFC 9162)."""
    return await system.transparency.consistency(who.tenant_id, since)


@router.get("/audit/export", response_class=StreamingResponse, responses=_FILE)
async def export(who: Anyone, system: Wired) -> StreamingResponse:
    """The whole log with the rows as they are now; `chimera audit verify` recomputes it without a database."""
    pieces = chunks(system.transparency.export(who.tenant_id))
    first = await anext(pieces)  # made beforehand, so that what fails at once is an answer and no torn file

    async def all_pieces() -> AsyncGenerator[bytes, None]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"', "Cache-Control": "no-store"}
    return StreamingResponse(all_pieces(), media_type="application/jsonl; charset=utf-8", headers=headers)
