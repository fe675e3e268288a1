"""Pieces with what proves them: for their tenant, and what was published for anybody who asks (PRV-1, PRV-5)."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.database.postgres import Connection, Database, queries
from chimera.media.types import MediaItem
from chimera.provenance.types.proofs import PublishedPiece
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("provenance/queries")
MEDIA: TypeAdapter[list[MediaItem]] = TypeAdapter(list[MediaItem])
_JSON = frozenset({"media", "statement", "outings", "log", "anchor"})


class ProofStore:
    """Reads only. What a tenant asks is answered under that tenant; strangers learn what was published."""

    def __init__(self, swarm: Database, tenants: Database) -> None:
        self._swarm = swarm
        self._tenants = tenants

    async def pieces(self, tenant_id: UUID, asset_ids: Sequence[UUID]) -> list[PublishedPiece]:
        """These pieces in this order; one that is not there, or is another tenant's, is left out."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await _pieces(connection, asset_ids)

    async def gallery(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> list[PublishedPiece]:
        """Pieces that show something, newest first."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await connection.fetch(SQL["with_media"], before, limit)
            return await _pieces(connection, [row["asset_id"] for row in found])

    async def media(self, tenant_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, list[MediaItem]]:
        """What pieces show, by piece."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await connection.fetch(SQL["media"], list(asset_ids))
        return {row["asset_id"]: MEDIA.validate_json(row["media"]) for row in found}

    async def file(self, tenant_id: UUID, sha256: str) -> MediaItem:
        """A file of one of the tenant's pieces. NotFound for everybody else's."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await connection.fetch(SQL["kept"], sha256)
        for row in found:
            for item in MEDIA.validate_json(row["media"]):
                if item.sha256 == sha256:
                    return item
        raise NotFound(f"no piece shows a file {sha256}")

    async def shown(self, digests: Sequence[str], limit: int) -> list[PublishedPiece]:
        """Published pieces, whoever's, that say a text or show a file with one of these hashes."""
        async with self._swarm.transaction() as connection:
            found = await connection.fetch(SQL["shown"], list(digests), limit)
            return await _pieces(connection, [row["asset_id"] for row in found])

    async def posted(self, url: str, limit: int) -> list[PublishedPiece]:
        """Published pieces, whoever's, by their post's address."""
        async with self._swarm.transaction() as connection:
            found = await connection.fetch(SQL["posted"], url, limit)
            return await _pieces(connection, [row["asset_id"] for row in found])

    async def row(self, tenant_id: UUID, provenance_id: UUID) -> str:
        """The row that a piece's leaf is made of, as it is now, in JSON."""
        async with self._tenants.transaction(tenant_id) as connection:
            found: str | None = await connection.fetchval(SQL["row"], tenant_id, provenance_id)
        if found is None:
            raise NotFound(f"there is no proof {provenance_id}")
        return found


async def _pieces(connection: Connection, asset_ids: Sequence[UUID]) -> list[PublishedPiece]:
    if not asset_ids:
        return []
    found = {row["asset_id"]: _piece(row) for row in await connection.fetch(SQL["pieces"], list(asset_ids))}
    return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in found]


def _piece(row: "Record") -> PublishedPiece:
    given = {name: json.loads(value) if name in _JSON and value else value for name, value in row.items()}
    return PublishedPiece.model_validate(given)
