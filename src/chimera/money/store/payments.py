"""Payments by wallet and what the chain says about wallets, in PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera_protocol.money import Money
from chimera_protocol.payments import Movement

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("money/payments")


async def due(connection: Connection, reservation_id: UUID) -> "Record | None":
    """A transfer with the fee that was reserved for it and the payment that was ordered, as far as it has come."""
    return await connection.fetchrow(SQL["due"], reservation_id)


async def keep_order(
    connection: Connection,
    reservation_id: UUID,
    tenant_id: UUID,
    agent_id: UUID | None,
    fee_id: UUID | None,
    order: str,
    signature: str,
) -> None:
    """Keep an order unless there is one."""
    await connection.execute(SQL["keep_order"], reservation_id, tenant_id, agent_id, fee_id, order, signature)


async def close_payment(
    connection: Connection, reservation_id: UUID, status: str, tx_hash: str | None, receipt: str
) -> "Record | None":
    """Keep how an ordered payment has ended; None when it had ended before."""
    return await connection.fetchrow(SQL["close_payment"], reservation_id, status, tx_hash, receipt)


async def stray_fees(connection: Connection) -> "Rows":
    """Fees that are held for transfers which have ended unpaid."""
    return await connection.fetch(SQL["stray_fees"])


async def give_up(connection: Connection, reservation_ids: Sequence[UUID]) -> None:
    """Let ordered payments fall."""
    await connection.execute(SQL["give_up"], reservation_ids)


async def open_wallet(connection: Connection, tenant_id: UUID, agent_id: UUID, address: str) -> None:
    """Remember an influencer's address."""
    await connection.execute(SQL["open_wallet"], agent_id, tenant_id, address)


async def lock_wallet(connection: Connection, tenant_id: UUID, agent_id: UUID) -> "Record | None":
    """A wallet's address and how far the chain was read for it, locked."""
    return await connection.fetchrow(SQL["wallet"], agent_id, tenant_id)


async def advance(connection: Connection, agent_id: UUID, next_block: int) -> None:
    """The chain was read up to this block."""
    await connection.execute(SQL["advance"], agent_id, next_block)


async def record_movement(connection: Connection, tenant_id: UUID, agent_id: UUID, movement: Movement) -> bool:
    """Keep a movement; False when it was known."""
    money = Money.parse(movement.amount)
    made = await connection.fetchval(
        SQL["record_movement"],
        tenant_id,
        agent_id,
        movement.tx_hash,
        movement.log_index,
        movement.block,
        movement.sender,
        movement.recipient,
        money.currency,
        money.amount,
    )
    return made is not None


async def known_payment(connection: Connection, tenant_id: UUID, agent_id: UUID, movement: Movement) -> bool:
    """Whether a movement is that of a payment which was ordered here."""
    money = Money.parse(movement.amount)
    place = (movement.recipient, money.currency, money.amount)
    return bool(await connection.fetchval(SQL["known_payment"], tenant_id, movement.tx_hash, agent_id, *place))
