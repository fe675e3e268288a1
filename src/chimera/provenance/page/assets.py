"""The board's rooms about what was published and what proves it: publications, lineage, gallery (PRV-1, PRV-3)."""

from uuid import UUID

from fastapi.responses import Response

from chimera.board.requests import BoardReply, BoardRequest, Handler, Id, Visitor, page, pager
from chimera.media.types import MediaItem
from chimera.provenance.types.proofs import PieceCheck
from chimera.tasks.types.lineage import Lineage
from chimera.tasks.types.work import ResultMetadata, Verdict
from chimera_protocol.errors import NotFound

ROWS = 50
TILES = 24
GALLERY = "/gallery"
PUBLICATIONS = "/publications"


async def publications(visit: Visitor, before: BoardReply = None) -> Response:
    """What is out there."""
    tenant_id, system = visit.who.tenant_id, visit.system
    found = await system.reads.publications(tenant_id, ROWS, before)
    shown: dict[UUID, list[MediaItem]] = {}
    if found.items:
        shown = await system.proofs.media(tenant_id, [one.asset_id for one in found.items])
    ways = pager(PUBLICATIONS, before, found.next)
    return await page(visit, "publications.html", PUBLICATIONS, publications=found.items, shown=shown, pager=ways)


async def gallery(visit: Visitor, before: BoardReply = None) -> Response:
    """The pieces that show something, each with a badge that says what a look at its proofs found."""
    found = await visit.system.proofs.gallery(visit.who.tenant_id, TILES + 1, before)
    tiles = found[:TILES]
    following = tiles[-1].piece.asset_id if len(found) > TILES else None
    return await page(visit, "gallery.html", GALLERY, tiles=tiles, pager=pager(GALLERY, before, following))


async def asset(visit: Visitor, asset_id: Id) -> Response:
    """One piece back to its goal."""
    return await _asset(visit, asset_id, None)


async def verify(visit: Visitor, asset_id: Id) -> Response:
    """The same page, with a check of everything that can be checked, made now."""
    return await _asset(visit, asset_id, await visit.system.proofs.check(visit.who.tenant_id, asset_id))


async def _asset(visit: BoardRequest, asset_id: UUID, check: PieceCheck | None) -> Response:
    tenant_id, system = visit.who.tenant_id, visit.system
    lineage = await system.reads.lineage(tenant_id, asset_id)
    making, verdicts = await _made(visit, lineage)
    return await page(
        visit,
        "asset.html",
        PUBLICATIONS,
        lineage=lineage,
        proof=check.proof if check else await system.proofs.proof(tenant_id, asset_id),
        check=check,
        making=making,
        verdicts=verdicts,
        bounds=(await system.reads.policy(tenant_id)).bounds,
    )


async def _made(visit: BoardRequest, lineage: Lineage) -> tuple[ResultMetadata | None, list[Verdict]]:
    """How the piece came about, and every verdict about it, the Judge's and the humans'."""
    try:
        task = await visit.system.reads.task(visit.who.tenant_id, str(lineage.asset.task_id))
    except NotFound:
        return None, []
    made = task.execution_result
    return made.metadata if made else None, list(task.verdicts)


READING: tuple[tuple[str, Handler], ...] = (
    (PUBLICATIONS, publications),
    (GALLERY, gallery),
    ("/assets/{asset_id}", asset),
)
ACTING: tuple[tuple[str, Handler, str], ...] = (("/assets/{asset_id}/verify", verify, "see"),)
"""Every form, with the gate in front of it: whoever may look may also check."""
