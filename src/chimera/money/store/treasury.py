"""Budgets, reservations and the ledger in PostgreSQL. Statements take JSON, so that a batch is one round trip."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.database.postgres import Connection, queries
from chimera.money.types.batch import BatchRows
from chimera.money.types.messages import SpendOrder

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("money/treasury")


def spends(orders: Iterable[tuple[int, SpendOrder]]) -> str:
    """Numbered orders as the statements about a batch take them."""
    return json.dumps([_spend(n, order) for n, order in orders])


async def heads(connection: Connection, tenants: Sequence[UUID]) -> "Rows":
    """Lock where these tenants' chains of evidence end, in one order."""
    return await connection.fetch(SQL["heads"], tenants)


async def open_heads(connection: Connection, tenants: Sequence[UUID]) -> None:
    """Begin the chains of evidence that have not begun."""
    await connection.execute(SQL["open_heads"], tenants)


async def known(connection: Connection, orders: str) -> "Rows":
    """What was answered under the same keys before, by the order's number `n`."""
    return await connection.fetch(SQL["known"], orders)


async def binding(connection: Connection, orders: str, at: datetime) -> "Rows":
    """The limits that each order falls under, with what is used of them."""
    return await connection.fetch(SQL["binding"], orders, at)


async def surroundings(connection: Connection, orders: str, at: datetime) -> "Rows":
    """By tenant: the rules for anomalies, and the wallets that money must not go in circles through."""
    return await connection.fetch(SQL["surroundings"], orders, at)


async def vouched(connection: Connection, orders: str) -> "Rows":
    """By order: the payees that an operator has named, and the accepted flags that let one spend through."""
    return await connection.fetch(SQL["vouched"], orders)


async def habits(connection: Connection, orders: str, at: datetime) -> "Rows":
    """The latest spends of every payer in the currency it asks for."""
    return await connection.fetch(SQL["habits"], orders, at)


async def payers(connection: Connection, reservation_ids: Sequence[UUID]) -> list[UUID]:
    """The tenants whose transfers of these may still be closed."""
    return [row["tenant_id"] for row in await connection.fetch(SQL["payers"], reservation_ids)]


async def pending(connection: Connection, reservation_ids: Sequence[UUID]) -> "Rows":
    """Lock the transfers of these that have not ended."""
    return await connection.fetch(SQL["pending"], reservation_ids)


async def held(connection: Connection, keys: Sequence[JsonValue]) -> "Rows":
    """The counters of these keys as they stand."""
    return await connection.fetch(SQL["held"], json.dumps(keys))


async def write(connection: Connection, rows: BatchRows) -> None:
    """Everything that a batch has decided, in one statement. The table refuses what overruns a limit after all."""
    await connection.execute(SQL["write"], *(json.dumps(column) for column in rows[:-1]), rows.used)


async def answered(connection: Connection, tenant_id: UUID, key: str) -> "Record | None":
    """The reservation under a key, with its answer."""
    return await connection.fetchrow(SQL["answered"], tenant_id, key)


async def mark_unknown(connection: Connection, reservation_id: UUID, cause: str) -> UUID | None:
    """Put a pending transfer in doubt; whose it is, None when it has ended."""
    tenant_id: UUID | None = await connection.fetchval(SQL["doubt"], reservation_id, cause)
    return tenant_id


async def mark_lost(connection: Connection, before: datetime) -> None:
    """Put model calls in doubt that were begun before then and never ended."""
    await connection.fetch(SQL["lost"], before)


async def expiring(connection: Connection, at: datetime, limit: int) -> list[UUID]:
    """Transfers whose time is over."""
    return [row["reservation_id"] for row in await connection.fetch(SQL["expiring"], at, limit)]


async def idle(connection: Connection, before: datetime, limit: int) -> list[UUID]:
    """Transfers whose task has ended without anything on its way that would spend them."""
    return [row["reservation_id"] for row in await connection.fetch(SQL["idle"], before, limit)]


def _spend(n: int, order: SpendOrder) -> dict[str, JsonValue]:
    request = order.request
    money = request.money
    return {
        "n": n,
        "tenant_id": str(order.tenant_id),
        "agent_id": str(order.agent_id) if order.agent_id else None,
        "payer": str(order.agent_id or order.tenant_id),
        "campaign_id": str(order.campaign_id) if order.campaign_id else None,
        "category": request.category,
        "payee": request.destination_wallet,
        "currency": money.currency,
        "amount": str(money.amount),
        "idempotency_key": order.idempotency_key,
    }
