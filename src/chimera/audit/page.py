"""The board's page of the audit trail."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from chimera.audit.reads import AuditReads
from chimera.board.requests import OptionalId, Visitor, page, pager
from chimera.board.rooms import Pages

ROWS = 50


async def audit(
    request: Visitor,
    before: OptionalId = None,
    subject: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """The audit trail, whole or of one subject."""
    found = await request.service(AuditReads).audit(request.who.tenant_id, ROWS, before, subject or None)
    ways = pager("/audit", before, found.next, subject=subject or None)
    return await page(request, "audit.html", "/audit", events=found.items, subject=subject, pager=ways)


PAGES = Pages(package="chimera.audit", reading=(("/audit", audit),))
