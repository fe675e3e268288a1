"""Approved pieces with their provenance, and what was published of them, to read."""

from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.database.reads import TenantReads, one, view
from chimera.provenance.types.views import AssetView, GenerationLogView, PublicationView
from chimera.values import Page

SQL = queries("provenance/reads")


class ProvenanceReads(TenantReads):
    """What was made, and what is out there."""

    async def assets(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[AssetView]:
        """Approved pieces with their provenance."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["assets"], before, limit, None, None)
        views = [view(AssetView, row) for row in found]
        return Page(items=views, next=views[-1].asset_id if len(views) == limit else None)

    async def asset(self, tenant_id: UUID, asset_id: UUID | None = None, url: str | None = None) -> AssetView:
        """A piece by its id or by its post's address. NotFound when there is none."""
        async with self._see(tenant_id) as connection:
            return await find_asset(connection, asset_id, url)

    async def asset_of(self, tenant_id: UUID, task_id: UUID) -> UUID | None:
        """The asset that a task has led to, if it was approved."""
        async with self._see(tenant_id) as connection:
            found: UUID | None = await connection.fetchval(SQL["asset_of"], task_id)
        return found

    async def publications(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[PublicationView]:
        """What is out there."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["publications"], before, limit)
        views = [view(PublicationView, row) for row in found]
        return Page(items=views, next=views[-1].publication_id if len(views) == limit else None)


async def find_asset(connection: Connection, asset_id: UUID | None, url: str | None) -> AssetView:
    """A piece by its id or by its post's address, in the caller's transaction. NotFound when there is none."""
    return view(
        AssetView, one(await connection.fetch(SQL["assets"], None, 1, asset_id, url), f"no asset {asset_id or url}")
    )


async def logs_of(connection: Connection, asset_id: UUID) -> list[GenerationLogView]:
    """How a piece was made, in the caller's transaction."""
    return [view(GenerationLogView, row) for row in await connection.fetch(SQL["logs"], asset_id)]
