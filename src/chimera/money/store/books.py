"""The books in PostgreSQL: sums, burn-downs, and the streams that exports are made of."""

from collections.abc import AsyncIterable, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("money/books")
_AHEAD = 500
"""Rows that a stream reads ahead."""


async def today(connection: Connection) -> "Record":
    """The tenant's day and time zone."""
    (row,) = await connection.fetch(SQL["today"])
    return row


async def lines(
    connection: Connection, first: date, over: date, agent_id: UUID | None, campaign_id: UUID | None, apart: str = ""
) -> "Rows":
    """Sums of the postings from the first day up to the one it is over; apart by `influencer` or `campaign`."""
    return await connection.fetch(SQL["lines"], first, over, agent_id, campaign_id, apart)


async def name_of(connection: Connection, scope: str, id: UUID) -> str | None:
    """What an `influencer` or a `campaign` is called."""
    name: str | None = await connection.fetchval(SQL[scope], id)
    return name


async def names_of(connection: Connection, scope: str, ids: Sequence[UUID]) -> "Rows":
    """What influencers or campaigns are called, in the order in which they are shown."""
    return await connection.fetch(SQL[f"{scope}s"], ids)


async def burning(connection: Connection, limit: int) -> "Rows":
    """The limits in force with what is used of them in their present span."""
    return await connection.fetch(SQL["burning"], limit)


async def burned(connection: Connection, budget_ids: Sequence[UUID], steps: int) -> "Rows":
    """How what is used of these limits came about."""
    return await connection.fetch(SQL["burned"], budget_ids, steps)


async def head(connection: Connection) -> "Record | None":
    """Where the chain of evidence ends."""
    return await connection.fetchrow(SQL["head"])


async def accounts(connection: Connection) -> "Rows":
    """Every account with its balance in each currency."""
    return await connection.fetch(SQL["accounts"])


async def days(connection: Connection) -> "Record":
    """The first and the last day of the journal."""
    (row,) = await connection.fetch(SQL["days"])
    return row


def journal(connection: Connection) -> "AsyncIterable[Record]":
    """The transactions, oldest first."""
    return connection.cursor(SQL["journal"], prefetch=_AHEAD)


def evidence(connection: Connection) -> "AsyncIterable[Record]":
    """The chain of money events, oldest first."""
    return connection.cursor(SQL["evidence"], prefetch=_AHEAD)
