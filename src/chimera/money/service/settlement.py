"""Ending a spend from outside the swarm: by whoever was authorised through the API, or by hand when in doubt."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, Database, queries
from chimera.errors import Conflict
from chimera.money.service.treasury import close, now
from chimera.money.types.authorization import COMPUTE, Closing, Settlement, SpendOutcome, metered
from chimera.money.types.books import ClosedSpend
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.money import Money

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("money/settlement")
_FRESH = "Ask for a new authorisation with a fresh Idempotency-Key."


class SettlementService:
    """Each call does it once: the same call again has the same answer, another one is a Conflict."""

    def __init__(self, tenants: Database, clock: Callable[[], datetime] = now) -> None:
        self._tenants = tenants
        self._clock = clock

    async def settle(self, tenant_id: UUID, verification: str, wish: Settlement, actor: str) -> ClosedSpend:
        """Say what was spent of an authorisation: all of it, or the part that is named."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await self._authorised(connection, verification)
            return await self._end(connection, tenant_id, row, _posted(row, wish), actor, SQL["authorised"])

    async def void(self, tenant_id: UUID, verification: str, actor: str) -> ClosedSpend:
        """Say that nothing was spent: the money is free again."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await self._authorised(connection, verification)
            return await self._end(connection, tenant_id, row, _voided(row), actor, SQL["authorised"])

    async def settle_doubt(self, tenant_id: UUID, reservation_id: UUID, wish: Settlement, actor: str) -> ClosedSpend:
        """A human has found out what was spent."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await self._doubted(connection, reservation_id)
            return await self._end(connection, tenant_id, row, _posted(row, wish), actor, SQL["doubted"])

    async def void_doubt(self, tenant_id: UUID, reservation_id: UUID, actor: str) -> ClosedSpend:
        """A human has found out that nothing was spent."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await self._doubted(connection, reservation_id)
            return await self._end(connection, tenant_id, row, _voided(row), actor, SQL["doubted"])

    async def _authorised(self, connection: Connection, verification: str) -> "Record":
        row = await connection.fetchrow(SQL["authorised"], verification, self._clock())
        if row is None or row["status"] == "refused":
            raise NotFound(f"no spend was authorised as {verification}")
        if row["swarms"] or row["task_id"] is not None:
            raise Conflict(
                "this was authorised for the swarm, and is settled by what it brings about",
                remedy="Cancel the task that it is for, if any, to free the money.",
            )
        if row["status"] == "pending" and row["late"]:
            raise Conflict("this authorisation has expired", remedy=_FRESH)
        return row

    async def _doubted(self, connection: Connection, reservation_id: UUID) -> "Record":
        row = await connection.fetchrow(SQL["doubted"], reservation_id)
        if row is None:
            raise NotFound(f"spend {reservation_id} does not exist")
        if row["doubt"] is None and row["status"] == "pending":
            raise Conflict("this spend is not in doubt: it ends by itself", remedy="Wait, or cancel its task.")
        return row

    async def _end(
        self, connection: Connection, tenant_id: UUID, row: "Record", closing: Closing, actor: str, again: str
    ) -> ClosedSpend:
        closing = closing.model_copy(update={"actor": actor})
        done = await close(connection, [closing], self._clock())
        key = (row["verification"], self._clock()) if again == SQL["authorised"] else (row["reservation_id"],)
        (after,) = await connection.fetch(again, *key)
        if not done:
            _same(after, closing)
        return ClosedSpend(
            reservation_id=after["reservation_id"],
            budget_verification_hash=after["verification"],
            status=after["status"],
            authorized=metered(after["amount"], after["currency"]),
            paid=metered(after["paid"], after["currency"]),
            reference=after["reference"],
        )


def _posted(row: "Record", wish: Settlement) -> Closing:
    paid: Decimal = row["amount"]
    if wish.amount is not None:
        money = Money.parse(wish.amount)
        if money.currency != row["currency"]:
            raise Invalid(f"this was authorised in {row['currency']}, not in {money.currency}")
        if money.amount > paid:
            raise Invalid(
                f"{money} is more than the {metered(paid, row['currency'])} that were authorised",
                remedy="Settle what was authorised, and ask for the rest before it is spent.",
            )
        paid = money.amount
    return Closing(
        reservation_id=row["reservation_id"],
        outcome=SpendOutcome.POSTED,
        paid=paid,
        source=row["payee"] if row["category"] == COMPUTE and row["task_id"] else row["server"],
        reference=wish.reference,
    )


def _voided(row: "Record") -> Closing:
    return Closing(reservation_id=row["reservation_id"], outcome=SpendOutcome.VOIDED)


def _same(row: "Record", closing: Closing) -> None:
    """What has ended otherwise is a Conflict; what has ended just so is done."""
    status = closing.outcome.value
    if row["status"] != status:
        raise Conflict(f"this authorisation is {row['status']} already", remedy=_FRESH)
    if closing.paid is not None and row["paid"] != closing.paid:
        paid = metered(row["paid"], row["currency"])
        raise Conflict(f"this authorisation was settled with {paid} already", remedy="Read it under GET /v1/spends.")
