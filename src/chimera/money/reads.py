"""The ledger, spends and limits, to read."""

from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.database.reads import TenantReads, one, view
from chimera.money.types.views import LimitView, Payer, SpendView, TransactionView
from chimera.values import Page

SQL = queries("money/reads")
_MOST = 500


class MoneyReads(TenantReads):
    """What was asked for, what was spent, and what still may be."""

    async def transactions(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[TransactionView]:
        """The ledger."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["transactions"], before, limit, None)
        views = [view(TransactionView, row) for row in found]
        return Page(items=views, next=views[-1].transaction_id if len(views) == limit else None)

    async def spends(
        self, tenant_id: UUID, limit: int, before: UUID | None = None, *, doubt: bool = False
    ) -> Page[SpendView]:
        """What was asked of the CFO Judge, and its answers; or what nobody knows the end of."""
        async with self._see(tenant_id) as connection:
            views = [view(SpendView, row) for row in await connection.fetch(SQL["spends"], before, limit, doubt)]
        return Page(items=views, next=views[-1].reservation_id if len(views) == limit else None)

    async def limits(self, tenant_id: UUID, limit: int = _MOST) -> list[LimitView]:
        """The limits in force and what is used of them."""
        async with self._see(tenant_id) as connection:
            return [view(LimitView, row) for row in await connection.fetch(SQL["limits"], limit)]

    async def payer(self, tenant_id: UUID, persona: str | None, campaign_id: UUID | None) -> Payer:
        """Who a spend is charged to: the tenant alone when neither persona nor campaign is named.

        NotFound for a persona or campaign that is not there.
        """
        if persona is None and campaign_id is None:
            return Payer()
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["payer"], persona, campaign_id)
        row = one(found, f"nobody to charge: no such persona or campaign ({persona or campaign_id})")
        return Payer(agent_id=row["agent_id"], campaign_id=campaign_id)

    async def unbalanced(self, tenant_id: UUID) -> int:
        """Transactions of the ledger that do not sum to zero."""
        async with self._see(tenant_id) as connection:
            found: int = await connection.fetchval(SQL["unbalanced"])
        return found


async def costs_of(connection: Connection, asset_id: UUID) -> list[TransactionView]:
    """What went into a piece, in the caller's transaction."""
    return [view(TransactionView, row) for row in await connection.fetch(SQL["transactions"], None, _MOST, asset_id)]
