"""What is halted, and what there is to do, to read."""

from uuid import UUID

from chimera.database.postgres import queries
from chimera.database.reads import TenantReads, one, view
from chimera.fleet.types.views import HaltView

SQL = queries("fleet/reads")


class FleetReads(TenantReads):
    """The fleet at a glance."""

    async def halts(self, tenant_id: UUID) -> list[HaltView]:
        """The halts that bear on this tenant."""
        async with self._see(tenant_id) as connection:
            return [view(HaltView, row) for row in await connection.fetch(SQL["halts"])]

    async def counts(self, tenant_id: UUID) -> tuple[int, int]:
        """Approvals that wait, and publications."""
        async with self._see(tenant_id) as connection:
            row = one(await connection.fetch(SQL["counts"]), "no counts")
        return row["approvals_waiting"], row["published"]
