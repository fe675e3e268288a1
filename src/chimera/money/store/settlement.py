"""Spends that somebody outside the swarm ends, in PostgreSQL."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("money/settlement")


async def authorised(connection: Connection, verification: str, at: datetime) -> "Record | None":
    """A spend by the hash that authorised it."""
    return await connection.fetchrow(SQL["authorised"], verification, at)


async def doubted(connection: Connection, reservation_id: UUID) -> "Record | None":
    """A spend by its id, with the server whose bill it would be on when no wallet pays it."""
    return await connection.fetchrow(SQL["doubted"], reservation_id)
