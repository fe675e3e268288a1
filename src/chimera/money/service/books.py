"""The books to read: statements, how limits burn down, and exports. Always under one tenant; nothing here writes."""

from collections.abc import AsyncGenerator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.database.exports import Exports
from chimera.database.postgres import Connection, Database
from chimera.money.rules import journal, statements
from chimera.money.rules.evidence import GENESIS
from chimera.money.rules.statements import Sum
from chimera.money.store import books as store
from chimera.money.types.books import BookAccount, BookEntry, Books, BurnDown, BurnPoint, EvidenceHead
from chimera.money.types.views import LimitView
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


SUMS: TypeAdapter[list[Sum]] = TypeAdapter(list[Sum])
ACCOUNTS: TypeAdapter[list[BookAccount]] = TypeAdapter(list[BookAccount])

STEPS = 120
"""Points that a burn-down has, about."""


class BookService:
    """Statements are exact and in one currency each; exports show one moment, however long they are read."""

    def __init__(self, tenants: Database) -> None:
        self._tenants = tenants
        self._exports = Exports(tenants)

    async def books(
        self,
        tenant_id: UUID,
        first: date | None = None,
        last: date | None = None,
        *,
        agent_id: UUID | None = None,
        campaign_id: UUID | None = None,
    ) -> Books:
        """The statements of the tenant, of an influencer, or of a campaign; the present month unless one is named.

        NotFound for an influencer or a campaign that is not there, Invalid for days in the wrong order.
        """
        async with self._tenants.transaction(tenant_id) as connection:
            day = await store.today(connection)
            begin, end = statements.period(first, last, day["today"])
            scope, name = "tenant", "Whole fleet"
            if agent_id is not None:
                scope, name = "influencer", await _called(connection, "influencer", agent_id)
            if campaign_id is not None:
                scope, name = "campaign", await _called(connection, "campaign", campaign_id)
            rows = await store.lines(connection, begin, end + timedelta(days=1), agent_id, campaign_id)
        return Books(
            scope=scope,
            scope_id=campaign_id or agent_id,
            name=name,
            first=begin,
            last=end,
            time_zone=day["time_zone"],
            statements=statements.statements(_sums(rows)),
        )

    async def apart(
        self, tenant_id: UUID, by: str, first: date | None = None, last: date | None = None, limit: int = 500
    ) -> list[Books]:
        """The books of every influencer, or of every campaign, that money has moved for."""
        async with self._tenants.transaction(tenant_id) as connection:
            day = await store.today(connection)
            begin, end = statements.period(first, last, day["today"])
            rows = await store.lines(connection, begin, end + timedelta(days=1), None, None, by)
            found: dict[UUID, list[Record]] = {}
            for row in rows:
                found.setdefault(row["whose"], []).append(row)
            named = await store.names_of(connection, by, list(found))
        return [
            Books(
                scope=by,
                scope_id=row["id"],
                name=row["name"],
                first=begin,
                last=end,
                time_zone=day["time_zone"],
                statements=statements.statements(_sums(found[row["id"]])),
            )
            for row in named[:limit]
        ]

    async def burn_downs(self, tenant_id: UUID, limit: int = 500) -> list[BurnDown]:
        """How the limits in force are used up in their present span, the tenant's and the fullest ones first."""
        async with self._tenants.transaction(tenant_id) as connection:
            rows = await store.burning(connection, limit)
            used = [row["budget_id"] for row in rows if row["reserved"] or row["spent"]]
            steps = await store.burned(connection, used, STEPS) if used else []
        points: dict[UUID, list[BurnPoint]] = {}
        for step in steps:
            points.setdefault(step["budget_id"], []).append(BurnPoint(at=step["at"], used=step["used"]))
        return [_burn_down(row, points.get(row["budget_id"], [])) for row in rows]

    async def head(self, tenant_id: UUID) -> EvidenceHead:
        """Where the chain of evidence ends now."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await store.head(connection)
        if row is None:
            return EvidenceHead(tenant_id=tenant_id, sequence=0, hash=GENESIS)
        return EvidenceHead.model_validate(dict(row))

    async def csv(self, tenant_id: UUID) -> AsyncGenerator[str, None]:
        """The journal, a line for each posting."""
        async with self._exports.snapshot(tenant_id) as connection:
            accounts = ACCOUNTS.validate_python([dict(row) for row in await store.accounts(connection)])
            categories = {account.code: account.category or "" for account in accounts}
            yield journal.csv_head()
            async for row in store.journal(connection):
                yield journal.csv_entry(_entry(row), categories)

    async def beancount(self, tenant_id: UUID) -> AsyncGenerator[str, None]:
        """The journal for beancount, with the balances that `bean-check` must come to."""
        async with self._exports.snapshot(tenant_id) as connection:
            accounts = ACCOUNTS.validate_python([dict(row) for row in await store.accounts(connection)])
            days = await store.days(connection)
            known = journal.names(accounts)
            yield journal.beancount_head("Chimera", days["first"], accounts, known)
            async for row in store.journal(connection):
                yield journal.beancount_entry(_entry(row), known)
            yield journal.beancount_tail(days["last"], accounts, known)

    async def evidence(self, tenant_id: UUID) -> AsyncGenerator[str, None]:
        """The chain of money events, one JSON object a line; `hash` is over the RFC 8785 form of `body`."""
        async with self._exports.snapshot(tenant_id) as connection:
            async for row in store.evidence(connection):
                yield (
                    f'{{"tenant_id":"{row["tenant_id"]}","sequence":{row["sequence"]},'
                    f'"hash":"{row["hash"]}","body":{row["body"]}}}\n'
                )


async def _called(connection: Connection, scope: str, id: UUID) -> str:
    name = await store.name_of(connection, scope, id)
    if name is None:
        raise NotFound(f"{scope} {id} does not exist")
    return name


def _sums(rows: "Sequence[Record]") -> list[Sum]:
    return SUMS.validate_python([{name: value for name, value in row.items() if name != "whose"} for row in rows])


def _entry(row: "Record") -> BookEntry:
    return BookEntry.model_validate(dict(row))


def _burn_down(row: "Record", points: Sequence[BurnPoint]) -> BurnDown:
    fields = ("budget_id", "scope", "scope_key", "span", "currency", "limit_amount", "reserved", "spent")
    limit = LimitView.model_validate({name: row[name] for name in fields})
    since = row["since"] or (points[0].at if points else row["at"])
    outlook, exhausted_at = statements.outlook(limit.limit_amount, points, since, row["at"], row["until"])
    return BurnDown(
        limit=limit,
        name=row["name"] or limit.scope_key,
        since=since,
        at=row["at"],
        until=row["until"],
        points=list(points),
        outlook=outlook,
        exhausted_at=exhausted_at,
    )
