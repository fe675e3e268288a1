"""Ending a spend from outside the swarm: by whoever was authorised through the API, or by hand when in doubt."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, Database
from chimera.money.rules import settlement as rules
from chimera.money.rules.settlement import Spend
from chimera.money.service.treasury import close, now
from chimera.money.store import settlement as store
from chimera.money.types.authorization import Closing, Settlement
from chimera.money.types.books import ClosedSpend
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


class SettlementService:
    """Each call does it once: the same call again has the same answer, another one is a Conflict."""

    def __init__(self, tenants: Database, clock: Callable[[], datetime] = now) -> None:
        self._tenants = tenants
        self._clock = clock

    async def settle(self, tenant_id: UUID, verification: str, wish: Settlement, actor: str) -> ClosedSpend:
        """Say what was spent of an authorisation: all of it, or the part that is named.

        NotFound for a hash that authorised nothing, Conflict when it is not the caller's to end or has ended
        otherwise, Invalid for more than was authorised.
        """
        return await self._authorised(tenant_id, verification, actor, lambda spend: rules.posted(spend, wish))

    async def void(self, tenant_id: UUID, verification: str, actor: str) -> ClosedSpend:
        """Say that nothing was spent: the money is free again. NotFound and Conflict as in `settle`."""
        return await self._authorised(tenant_id, verification, actor, rules.voided)

    async def settle_doubt(self, tenant_id: UUID, reservation_id: UUID, wish: Settlement, actor: str) -> ClosedSpend:
        """A human has found out what was spent. NotFound when there is no such spend, Conflict when none is in doubt,
        Invalid for more than was authorised."""
        return await self._doubted(tenant_id, reservation_id, actor, lambda spend: rules.posted(spend, wish))

    async def void_doubt(self, tenant_id: UUID, reservation_id: UUID, actor: str) -> ClosedSpend:
        """A human has found out that nothing was spent. NotFound and Conflict as in `settle_doubt`."""
        return await self._doubted(tenant_id, reservation_id, actor, rules.voided)

    async def _authorised(
        self, tenant_id: UUID, verification: str, actor: str, ending: Callable[[Spend], Closing]
    ) -> ClosedSpend:
        async with self._tenants.transaction(tenant_id) as connection:

            async def read() -> Spend | None:
                row = await store.authorised(connection, verification, self._clock())
                return _spend(row) if row is not None else None

            spend = await read()
            if spend is None or spend.status == "refused":
                raise NotFound(f"no spend was authorised as {verification}")
            rules.check_authorised(spend)
            return await self._end(connection, ending(spend), actor, read)

    async def _doubted(
        self, tenant_id: UUID, reservation_id: UUID, actor: str, ending: Callable[[Spend], Closing]
    ) -> ClosedSpend:
        async with self._tenants.transaction(tenant_id) as connection:

            async def read() -> Spend | None:
                row = await store.doubted(connection, reservation_id)
                return _spend(row) if row is not None else None

            spend = await read()
            if spend is None:
                raise NotFound(f"spend {reservation_id} does not exist")
            rules.check_doubted(spend)
            return await self._end(connection, ending(spend), actor, read)

    async def _end(
        self, connection: Connection, closing: Closing, actor: str, read: Callable[[], Awaitable[Spend | None]]
    ) -> ClosedSpend:
        done = await close(connection, [closing.model_copy(update={"actor": actor})], self._clock())
        after = await read()
        assert after is not None, "spends are never deleted"
        if not done:
            rules.check_same(after, closing)
        return after.closed


def _spend(row: "Record") -> Spend:
    return Spend(**dict(row))
