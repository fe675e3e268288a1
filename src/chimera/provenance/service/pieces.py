"""Pieces with what proves them: for their tenant, and what was published for anybody who asks (PRV-1, PRV-5)."""

from collections.abc import Sequence
from uuid import UUID

from chimera.database.postgres import Database
from chimera.media.types import MediaItem
from chimera.provenance import store
from chimera.provenance.types.proofs import PublishedPiece
from chimera_protocol.errors import NotFound


class PieceService:
    """Reads only. What a tenant asks is answered under that tenant; strangers learn what was published."""

    def __init__(self, swarm: Database, tenants: Database) -> None:
        self._swarm = swarm
        self._tenants = tenants

    async def pieces(self, tenant_id: UUID, asset_ids: Sequence[UUID]) -> list[PublishedPiece]:
        """These pieces in this order; one that is not there, or is another tenant's, is left out."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await store.pieces(connection, asset_ids)

    async def gallery(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> list[PublishedPiece]:
        """Pieces that show something, newest first."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await store.pieces(connection, await store.with_media(connection, before, limit))

    async def media(self, tenant_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, list[MediaItem]]:
        """What pieces show, by piece."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await store.media(connection, asset_ids)

    async def file(self, tenant_id: UUID, sha256: str) -> MediaItem:
        """A file of one of the tenant's pieces. NotFound for everybody else's."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await store.kept(connection, sha256)
        for item in found:
            if item.sha256 == sha256:
                return item
        raise NotFound(f"no piece shows a file {sha256}")

    async def shown(self, digests: Sequence[str], limit: int) -> list[PublishedPiece]:
        """Published pieces, whoever's, that say a text or show a file with one of these hashes."""
        async with self._swarm.transaction() as connection:
            return await store.pieces(connection, await store.shown(connection, digests, limit))

    async def posted(self, url: str, limit: int) -> list[PublishedPiece]:
        """Published pieces, whoever's, by their post's address."""
        async with self._swarm.transaction() as connection:
            return await store.pieces(connection, await store.posted(connection, url, limit))

    async def row(self, tenant_id: UUID, provenance_id: UUID) -> str:
        """The row that a piece's leaf is made of, as it is now, in JSON. NotFound when it is gone."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await store.row(connection, tenant_id, provenance_id)
        if found is None:
            raise NotFound(f"there is no proof {provenance_id}")
        return found
