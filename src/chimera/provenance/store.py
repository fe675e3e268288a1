"""Pieces with what proves them, in PostgreSQL. Whose rows are seen is decided by the transaction."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.database.postgres import Connection, queries
from chimera.media.types import MediaItem
from chimera.provenance.types.proofs import PublishedPiece

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("provenance/queries")
MEDIA: TypeAdapter[list[MediaItem]] = TypeAdapter(list[MediaItem])
_JSON = frozenset({"media", "statement", "outings", "log", "anchor"})


async def pieces(connection: Connection, asset_ids: Sequence[UUID]) -> list[PublishedPiece]:
    """These pieces in this order; one that is not there is left out."""
    if not asset_ids:
        return []
    found = {row["asset_id"]: _piece(row) for row in await connection.fetch(SQL["pieces"], list(asset_ids))}
    return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in found]


async def with_media(connection: Connection, before: UUID | None, limit: int) -> list[UUID]:
    """Pieces that show something, newest first."""
    return [row["asset_id"] for row in await connection.fetch(SQL["with_media"], before, limit)]


async def media(connection: Connection, asset_ids: Sequence[UUID]) -> dict[UUID, list[MediaItem]]:
    """What pieces show, by piece."""
    found = await connection.fetch(SQL["media"], list(asset_ids))
    return {row["asset_id"]: MEDIA.validate_json(row["media"]) for row in found}


async def kept(connection: Connection, sha256: str) -> list[MediaItem]:
    """What the pieces show that show this file."""
    found = await connection.fetch(SQL["kept"], sha256)
    return [item for row in found for item in MEDIA.validate_json(row["media"])]


async def shown(connection: Connection, digests: Sequence[str], limit: int) -> list[UUID]:
    """Published pieces that say a text or show a file with one of these hashes, oldest first."""
    return [row["asset_id"] for row in await connection.fetch(SQL["shown"], list(digests), limit)]


async def posted(connection: Connection, url: str, limit: int) -> list[UUID]:
    """Published pieces by their post's address."""
    return [row["asset_id"] for row in await connection.fetch(SQL["posted"], url, limit)]


async def row(connection: Connection, tenant_id: UUID, provenance_id: UUID) -> str | None:
    """The row that a piece's leaf is made of, as it is now, in JSON."""
    found: str | None = await connection.fetchval(SQL["row"], tenant_id, provenance_id)
    return found


def _piece(row: "Record") -> PublishedPiece:
    given = {name: json.loads(value) if name in _JSON and value else value for name, value in row.items()}
    return PublishedPiece.model_validate(given)
