"""Limits, proposed changes of them, and flagged spends in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("money/limits")
_REFUSED = (asyncpg.CheckViolationError, asyncpg.NumericValueOutOfRangeError)
"""How the table itself refuses a limit below what is used of it."""


async def in_force(connection: Connection, tenant_id: UUID, scope: str, scope_key: str) -> "Rows":
    """The limits of one scope that bind now."""
    return await connection.fetch(SQL["in_force"], tenant_id, scope, scope_key)


async def keys(connection: Connection, tenant_id: UUID, scope: str) -> set[str]:
    """The categories or payees that have limits."""
    return {row["scope_key"] for row in await connection.fetch(SQL["keys"], tenant_id, scope)}


async def counters(connection: Connection, tenant_id: UUID, scope: str, scope_key: str, at: datetime) -> "Rows":
    """Every counter of one scope that is not long over."""
    return await connection.fetch(SQL["counters"], tenant_id, scope, scope_key, at)


async def every(connection: Connection, tenant_id: UUID, scope: str, scope_key: str) -> "Rows":
    """The limits of one scope, those that bind no more among them."""
    return await connection.fetch(SQL["all"], tenant_id, scope, scope_key)


async def retire(connection: Connection, tenant_id: UUID, scope: str, scope_key: str) -> None:
    """Let no limit of this scope bind any more."""
    await connection.execute(SQL["retire"], tenant_id, scope, scope_key)


async def put(
    connection: Connection,
    new_id: UUID,
    tenant_id: UUID,
    scope: str,
    scope_key: str,
    span: str,
    currency: str,
    amount: Decimal,
) -> UUID:
    """Let a limit bind; the id that it has, or had before."""
    budget_id: UUID = await connection.fetchval(SQL["set"], new_id, tenant_id, scope, scope_key, span, currency, amount)
    return budget_id


async def set_counters(connection: Connection, budget_id: UUID, amount: Decimal, at: datetime) -> bool:
    """Let a limit hold in every span that is not over; False when the table refuses it, which ends the transaction."""
    try:
        await connection.execute(SQL["set_counters"], budget_id, amount, at)
    except _REFUSED:
        return False
    return True


async def count_in(connection: Connection, budget_id: UUID, at: datetime) -> "Rows | None":
    """Let a limit that binds anew count what was used meanwhile; the pending transfers that it holds from now on.

    None when the table refuses it, which ends the transaction.
    """
    try:
        return await connection.fetch(SQL["count_in"], budget_id, at)
    except _REFUSED:
        return None


async def time_zone(connection: Connection, tenant_id: UUID) -> str:
    """Where the tenant's days begin."""
    name: str = await connection.fetchval(SQL["time_zone"], tenant_id)
    return name


async def propose(
    connection: Connection, change_id: UUID, tenant_id: UUID, scope: str, scope_key: str, limits: str, actor: str
) -> None:
    """Keep a change that waits for a second operator."""
    await connection.fetchval(SQL["propose"], change_id, tenant_id, scope, scope_key, limits, actor)


async def withdraw(connection: Connection, tenant_id: UUID, scope: str, scope_key: str) -> None:
    """Let everything fall that was proposed for a scope."""
    await connection.execute(SQL["withdraw"], tenant_id, scope, scope_key)


async def lock_change(connection: Connection, tenant_id: UUID, change_id: UUID) -> "Record | None":
    """A proposed change, locked."""
    return await connection.fetchrow(SQL["lock_change"], tenant_id, change_id)


async def decide_change(connection: Connection, change_id: UUID, status: str, actor: str) -> None:
    """Keep what was decided about a change."""
    await connection.execute(SQL["decide_change"], change_id, status, actor)


async def changes(connection: Connection, tenant_id: UUID, limit: int, before: UUID | None) -> "Rows":
    """Proposed changes, newest first."""
    return await connection.fetch(SQL["changes"], tenant_id, limit, before)


async def flags(connection: Connection, tenant_id: UUID, limit: int, before: UUID | None) -> "Rows":
    """Suspicious spends, newest first."""
    return await connection.fetch(SQL["flags"], tenant_id, limit, before)


async def decide_flag(connection: Connection, tenant_id: UUID, flag_id: UUID, status: str, actor: str) -> UUID | None:
    """Decide an open flag; the spend that it is about, None when there is no such flag."""
    reservation_id: UUID | None = await connection.fetchval(SQL["decide_flag"], tenant_id, flag_id, status, actor)
    return reservation_id
