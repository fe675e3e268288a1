"""The transparency log to read, and its anchors, in PostgreSQL."""

from collections.abc import AsyncIterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.audit.types import Anchor
from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("audit/log")
ANCHORS: TypeAdapter[list[Anchor]] = TypeAdapter(list[Anchor])
_AHEAD = 500
"""Rows that a stream reads ahead."""


async def checkpoints(connection: Connection, tenant_id: UUID, size: int | None, limit: int) -> "Rows":
    """Checkpoints of at most so many leaves, the newest first."""
    return await connection.fetch(SQL["checkpoints"], size, limit, tenant_id)


async def anchors(connection: Connection, tenant_id: UUID, first: int, last: int) -> dict[int, list[Anchor]]:
    """The anchors of checkpoints between these sizes, by size."""
    rows = await connection.fetch(SQL["anchors"], tenant_id, first, last)
    found: dict[int, list[Anchor]] = {}
    for anchor in ANCHORS.validate_python([dict(row) for row in rows]):
        found.setdefault(anchor.size, []).append(anchor)
    return found


async def place(connection: Connection, tenant_id: UUID, kind: str, subject_id: UUID) -> "Record | None":
    """The leaf of a row."""
    return await connection.fetchrow(SQL["place"], tenant_id, kind, subject_id)


async def outline(connection: Connection, tenant_id: UUID) -> "Record":
    """The log in figures."""
    row = await connection.fetchrow(SQL["outline"], tenant_id)
    assert row is not None, "a statement of aggregates has a row"
    return row


async def leaves(connection: Connection, tenant_id: UUID, begin: int, limit: int) -> "Rows":
    """Leaves from this index on."""
    return await connection.fetch(SQL["leaves"], tenant_id, begin, limit)


async def rows(connection: Connection, tenant_id: UUID, ids: Sequence[UUID]) -> "Rows":
    """What the database says now of rows that were sealed."""
    return await connection.fetch(SQL["rows"], tenant_id, ids)


async def head_rows(connection: Connection, tenant_id: UUID, numbers: Sequence[int]) -> "Rows":
    """What the database says now of money events that ended a chain when it was sealed."""
    return await connection.fetch(SQL["head_rows"], tenant_id, numbers) if numbers else []


async def signed(connection: Connection, tenant_id: UUID, above: int, most: int) -> dict[int, str]:
    """The notes of checkpoints with more leaves than that and at most so many, by size."""
    return {row["size"]: row["note"] for row in await connection.fetch(SQL["signed"], tenant_id, above, most)}


def unsealed(connection: Connection, tenant_id: UUID) -> "AsyncIterable[Record]":
    """Rows that are not in the log yet."""
    return connection.cursor(SQL["unsealed"], tenant_id, prefetch=_AHEAD)


def money(connection: Connection, tenant_id: UUID) -> "AsyncIterable[Record]":
    """The chain of money events, oldest first."""
    return connection.cursor(SQL["money"], tenant_id, prefetch=_AHEAD)


async def due_anchor(connection: Connection, limit: int, until: datetime | None) -> "Rows":
    """The newest checkpoint of each tenant, as of a time, when no anchor covers it."""
    return await connection.fetch(SQL["due_anchor"], limit, until)


async def unanchored(connection: Connection) -> float | None:
    """Seconds since the oldest checkpoint that no anchor covers was signed."""
    waited: float | None = await connection.fetchval(SQL["unanchored"])
    return waited


async def anchor(
    connection: Connection,
    tenant_id: UUID,
    size: int,
    transaction: tuple[int, str, int],
    batch: tuple[bytes, int, int],
    path: Sequence[bytes],
) -> int:
    """Keep an anchor: chain, hash and block of its transaction, root, index and size of its batch; how many pieces it
    covers that none did."""
    done = await connection.execute(SQL["anchor"], tenant_id, size, *transaction, *batch, path)
    return int(done.rpartition(" ")[2])
