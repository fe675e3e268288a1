"""The board's pages about what was published and what proves it: publications, gallery (PRV-1)."""

from uuid import UUID

from fastapi.responses import Response

from chimera.board.requests import OptionalId, Visitor, page, pager
from chimera.board.rooms import Pages
from chimera.media.types import MediaItem
from chimera.provenance.reads import ProvenanceReads
from chimera.provenance.service.verification import VerificationService, served_name

ROWS = 50
TILES = 24
GALLERY = "/gallery"
PUBLICATIONS = "/publications"


async def publications(request: Visitor, before: OptionalId = None) -> Response:
    """What is out there."""
    tenant_id = request.who.tenant_id
    found = await request.service(ProvenanceReads).publications(tenant_id, ROWS, before)
    shown: dict[UUID, list[MediaItem]] = {}
    if found.items:
        shown = await request.service(VerificationService).media(tenant_id, [one.asset_id for one in found.items])
    ways = pager(PUBLICATIONS, before, found.next)
    return await page(request, "publications.html", PUBLICATIONS, publications=found.items, shown=shown, pager=ways)


async def gallery(request: Visitor, before: OptionalId = None) -> Response:
    """The pieces that show something, each with a badge that says what a look at its proofs found."""
    found = await request.service(VerificationService).gallery(request.who.tenant_id, TILES + 1, before)
    tiles = found[:TILES]
    following = tiles[-1].piece.asset_id if len(found) > TILES else None
    return await page(request, "gallery.html", GALLERY, tiles=tiles, pager=pager(GALLERY, before, following))


PAGES = Pages(
    package="chimera.provenance",
    reading=((PUBLICATIONS, publications), (GALLERY, gallery)),
    functions={"served_name": served_name},
)
