"""What the sealer reads and writes, in PostgreSQL: across tenants, column by column."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera_credentials.log.merkle import Subtree

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("audit/log")


async def alone(connection: Connection, lock: int) -> bool:
    """Take the lock under which logs grow, until the transaction ends; False when somebody else has it."""
    return bool(await connection.fetchval(SQL["alone"], lock))


async def by_index(connection: Connection) -> None:
    """Let this transaction find its rows by their indexes, whatever the statistics say."""
    await connection.execute(SQL["by_index"])


async def horizon(connection: Connection) -> "Record":
    """Where to look from and to, and below which transaction nothing turns up any more."""
    row = await connection.fetchrow(SQL["horizon"])
    assert row is not None, "the migration puts one row there"
    return row


async def page(connection: Connection, xact: int, id: UUID, until: str, limit: int) -> "Rows":
    """The next rows in the order of their transactions, and which of them are sealed already."""
    return await connection.fetch(SQL["page"], str(xact), id, until, limit)


async def heads(connection: Connection, without: Collection[UUID]) -> "Rows":
    """Where chains of money events end, when that is not sealed yet."""
    return await connection.fetch(SQL["heads"], list(without))


async def contents(connection: Connection, ids: Sequence[UUID]) -> "Rows":
    """What these rows say."""
    return await connection.fetch(SQL["contents"], ids)


async def states(connection: Connection, tenants: Sequence[UUID]) -> "Rows":
    """Where these logs stand, and whether there are leaves beyond the last checkpoint."""
    return await connection.fetch(SQL["states"], tenants)


async def pieces(connection: Connection, wanted: Mapping[UUID, Sequence[Subtree]]) -> dict[UUID, dict[Subtree, bytes]]:
    """Stored hashes of tenants' trees; what is not there is left out."""
    asked = [(tenant_id, *piece) for tenant_id, each in wanted.items() for piece in each]
    rows = await connection.fetch(SQL["pieces"], *_columns(asked, 3)) if asked else []
    found: dict[UUID, dict[Subtree, bytes]] = {}
    for row in rows:
        found.setdefault(row["tenant_id"], {})[row["level"], row["idx"]] = row["hash"]
    return found


async def add_leaves(connection: Connection, leaves: Sequence[tuple[UUID, int, str, UUID, bytes, bytes]]) -> None:
    """Tenant, index, kind, subject, hash and marks of new leaves."""
    if leaves:
        await connection.execute(SQL["add_leaves"], *_columns(leaves, 6))


async def add_nodes(connection: Connection, nodes: Sequence[tuple[UUID, int, int, bytes]]) -> None:
    """Tenant, level, index and hash of blocks that are complete."""
    if nodes:
        await connection.execute(SQL["add_nodes"], *_columns(nodes, 4))


async def add_checkpoints(
    connection: Connection, checkpoints: Sequence[tuple[UUID, int, bytes, datetime, str]], public_key: str
) -> None:
    """Tenant, size, root, time and note of new checkpoints."""
    if checkpoints:
        await connection.execute(SQL["add_checkpoints"], *_columns(checkpoints, 5), public_key)


async def advance(connection: Connection, reached: int, restored: bool) -> None:
    """Below this transaction everything is sealed."""
    await connection.execute(SQL["advance"], str(reached), restored)


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as columns, as PostgreSQL takes many at once."""
    return [[row[column] for row in rows] for column in range(width)]
