"""The audit trail, to read."""

from uuid import UUID

from chimera.audit.types import AuditEventView
from chimera.database.postgres import queries
from chimera.database.reads import TenantReads, view
from chimera.values import Page

SQL = queries("audit/reads")


class AuditReads(TenantReads):
    """Who did what, and when."""

    async def audit(
        self, tenant_id: UUID, limit: int, before: UUID | None = None, subject: str | None = None
    ) -> Page[AuditEventView]:
        """The audit trail, whole or of one subject."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["events"], before, limit, subject)
        views = [view(AuditEventView, row) for row in found]
        return Page(items=views, next=views[-1].event_id if len(views) == limit else None)
