"""A piece back to its goal: what it says and shows, what proves it, and the tasks that it came of (PRV-1, PRV-3)."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.responses import RedirectResponse, Response

from chimera.board.requests import BoardRequest, Id, Visitor, page
from chimera.board.rooms import Pages
from chimera.personas.reads import PersonaReads
from chimera.provenance.service.verification import VerificationService
from chimera.provenance.types.proofs import PieceCheck
from chimera.tasks.reads import TaskReads
from chimera.tasks.types.lineage import Lineage
from chimera.tasks.types.work import ResultMetadata, Verdict
from chimera_protocol.errors import NotFound

PUBLICATIONS = "/publications"


async def find_asset(request: Visitor, url: Annotated[str, Query(max_length=2_000, pattern=r"^[^\x00]+$")]) -> Response:
    """The piece behind a post's address."""
    lineage = await request.service(TaskReads).lineage(request.who.tenant_id, url=url)
    return RedirectResponse(f"/assets/{lineage.asset.asset_id}", 303)


async def asset(request: Visitor, asset_id: Id) -> Response:
    """One piece back to its goal."""
    return await _asset(request, asset_id, None)


async def verify(request: Visitor, asset_id: Id) -> Response:
    """The same page, with a check of everything that can be checked, made now."""
    check = await request.service(VerificationService).check(request.who.tenant_id, asset_id)
    return await _asset(request, asset_id, check)


async def _asset(request: BoardRequest, asset_id: UUID, check: PieceCheck | None) -> Response:
    tenant_id = request.who.tenant_id
    lineage = await request.service(TaskReads).lineage(tenant_id, asset_id)
    making, verdicts = await _made(request, lineage)
    return await page(
        request,
        "asset.html",
        PUBLICATIONS,
        lineage=lineage,
        proof=check.proof if check else await request.service(VerificationService).proof(tenant_id, asset_id),
        check=check,
        making=making,
        verdicts=verdicts,
        bounds=(await request.service(PersonaReads).policy(tenant_id)).bounds,
    )


async def _made(request: BoardRequest, lineage: Lineage) -> tuple[ResultMetadata | None, list[Verdict]]:
    """How the piece came about, and every verdict about it, the Judge's and the humans'."""
    try:
        task = await request.service(TaskReads).task(request.who.tenant_id, str(lineage.asset.task_id))
    except NotFound:
        return None, []
    made = task.execution_result
    return made.metadata if made else None, list(task.verdicts)


PAGES = Pages(
    package="chimera.tasks",
    reading=(("/assets", find_asset), ("/assets/{asset_id}", asset)),
    acting=(("/assets/{asset_id}/verify", verify, "see"),),  # whoever may look may also check
)
