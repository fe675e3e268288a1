"""What must hold of a tenant's money at any moment, read past the code that keeps it."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from chimera.money.rules.evidence import Event, check

Slot = tuple[str, str, str, str, date]
"""A counter: scope, what in it, span, currency, first day."""

COUNTERS = """
SELECT b.budget_id, b.scope, b.scope_key, b.span, b.currency, b.retired, c.span_start, c.limit_amount, c.reserved,
    c.spent, t.time_zone,
    coalesce(sum(r.amount) FILTER (WHERE r.named AND r.status = 'pending'), 0) AS pending,
    coalesce(sum(r.paid) FILTER (WHERE r.named AND r.status = 'posted'), 0) AS posted,
    coalesce(sum(r.amount) FILTER (WHERE r.status = 'pending'), 0) AS all_pending,
    coalesce(sum(r.paid) FILTER (WHERE r.status = 'posted'), 0) AS all_posted
FROM budget_counter c JOIN budget b USING (budget_id) JOIN tenant t ON t.tenant_id = b.tenant_id
LEFT JOIN LATERAL (
    SELECT v.status, v.amount, v.paid, v.counters @>
        jsonb_build_array(jsonb_build_object('budget_id', c.budget_id, 'span_start', c.span_start)) AS named
    FROM reservation v WHERE v.tenant_id = c.tenant_id AND v.currency = b.currency
      AND (b.scope, b.scope_key) IN (('tenant', v.tenant_id::text), ('influencer', v.agent_id::text),
          ('campaign', v.campaign_id::text), ('category', v.category), ('payee', v.payee))
      AND (b.span = 'total' OR v.counters @> jsonb_build_array(jsonb_build_object('budget_id', c.budget_id,
              'span_start', c.span_start))
          OR date_trunc(b.span, v.created_at AT TIME ZONE t.time_zone)::date = c.span_start)
) r ON true
WHERE c.tenant_id = $1
GROUP BY b.budget_id, c.span_start, c.limit_amount, c.reserved, c.spent, t.time_zone
"""
BY_ACCOUNT = """
SELECT split_part(p.account, ':', 1) AS name, t.currency, sum(p.amount) AS sum
FROM ledger_posting p JOIN transaction_ledger t USING (transaction_id) WHERE p.tenant_id = $1 GROUP BY 1, 2
"""
UNBALANCED = """
SELECT count(*) FROM (SELECT sum(p.amount) AS sum FROM transaction_ledger t LEFT JOIN ledger_posting p
    USING (transaction_id) WHERE t.tenant_id = $1 GROUP BY t.transaction_id) s WHERE s.sum IS DISTINCT FROM 0
"""
STATES = """
SELECT reservation_id, idempotency_key AS key, status, currency, amount, coalesce(paid, 0) AS paid, verification,
    doubt IS NOT NULL AS doubted
FROM reservation WHERE tenant_id = $1
"""
CHAIN = "SELECT tenant_id, sequence, hash, body FROM money_event WHERE tenant_id = $1 ORDER BY sequence"
FLAGS = "SELECT count(*) FROM spend_flag WHERE tenant_id = $1"


@dataclass
class Books:
    """All of a tenant's money, as the tables have it."""

    counters: list[Any]
    sums: dict[tuple[str, str], Fraction]
    unbalanced: int
    states: list[Any]
    events: list[Event]
    flags: int

    def used(self) -> dict[Slot, tuple[Fraction, Fraction]]:
        """What is reserved and spent under each counter."""
        return {
            (row["scope"], row["scope_key"], row["span"], row["currency"], row["span_start"]): (
                Fraction(row["reserved"]),
                Fraction(row["spent"]),
            )
            for row in self.counters
        }

    def under(self, scope: str, currency: str = "USDC") -> tuple[int, int]:
        """What is reserved and spent in the one scope of this kind."""
        (found,) = {held for slot, held in self.used().items() if (slot[0], slot[3]) == (scope, currency)}
        return int(found[0]), int(found[1])

    def of(self, *statuses: str, currency: str = "USDC", what: str = "amount") -> Fraction:
        """The sum over reservations in these states."""
        rows = [row for row in self.states if row["status"] in statuses and row["currency"] == currency]
        return sum((Fraction(row[what]) for row in rows), Fraction(0))


async def read(connection: Any, tenant_id: UUID) -> Books:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(CHAIN, tenant_id)
        sums = await connection.fetch(BY_ACCOUNT, tenant_id)
        return Books(
            counters=await connection.fetch(COUNTERS, tenant_id),
            sums={(row["name"], row["currency"]): Fraction(row["sum"]) for row in sums},
            unbalanced=await connection.fetchval(UNBALANCED, tenant_id),
            states=await connection.fetch(STATES, tenant_id),
            events=[Event(**{**row, "body": json.loads(row["body"])}) for row in rows],
            flags=await connection.fetchval(FLAGS, tenant_id),
        )


def present(books: Books, span: str, time_zone: str) -> date:
    """The first day of the span in which something was decided last: what is in force has counted all of it."""
    last = datetime.fromisoformat(str(books.events[-1].body["timestamp"]))
    today = last.astimezone(ZoneInfo(time_zone)).date()
    return {"day": today, "month": today.replace(day=1), "total": date(1970, 1, 1)}[span]


def prove(books: Books) -> None:
    """Nothing is over its limit, everything sums to zero, and who has only the chain knows every counter."""
    for row in books.counters:
        assert row["reserved"] + row["spent"] <= row["limit_amount"], row
        assert row["reserved"] == row["pending"], row
        assert row["posted"] <= row["spent"] <= row["all_posted"], row
        if not row["retired"] and row["span_start"] == present(books, row["span"], row["time_zone"]):
            assert (row["reserved"], row["spent"]) == (row["all_pending"], row["all_posted"]), row
    assert books.unbalanced == 0
    for currency in {row["currency"] for row in books.states}:
        pending = books.of("pending", currency=currency)
        assert (
            books.sums.get(("reserved", currency), 0) == pending == -books.sums.get(("budget", currency), Fraction(0))
        )
        assert books.sums.get(("expense", currency), 0) == books.of("posted", currency=currency, what="paid")
    problems = check(books.events)
    assert problems == [], problems
    last: dict[tuple[Any, Any], tuple[Fraction, ...]] = {}
    for event in books.events:
        after: Any = event.body.get("after", [])
        for each in after:
            if each["span"] != "transaction":
                figures = tuple(Fraction(each[name]) for name in ("limit", "reserved", "spent"))
                last[each["budget_id"], each["span_start"]] = figures
    assert last == {
        (str(row["budget_id"]), row["span_start"].isoformat()): (
            Fraction(row["limit_amount"]),
            Fraction(row["reserved"]),
            Fraction(row["spent"]),
        )
        for row in books.counters
    }


async def proven(connection: Any, tenant_id: UUID) -> Books:
    """The tenant's books, which hold."""
    books = await read(connection, tenant_id)
    prove(books)
    return books
