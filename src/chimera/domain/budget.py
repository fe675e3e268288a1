"""Whether a spend fits its budgets: exact decimals, the strictest limit wins (FIN-1, FIN-2, FIN-5)."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from chimera.contracts.finance import PolicyViolation
from chimera.contracts.values import Money, Wire, plain

EPOCH = date(1970, 1, 1)

_TITLES = {
    "transaction": "Transaction spend limit exceeded",
    "day": "Daily spend limit exceeded",
    "month": "Monthly spend limit exceeded",
    "total": "Total spend limit exceeded",
}


class Counter(Wire):
    """One limit with what is used of it, read under a lock."""

    budget_id: UUID
    scope: str
    span: str
    span_start: date
    limit: Decimal
    reserved: Decimal
    spent: Decimal

    @property
    def room(self) -> Decimal:
        """What may still be reserved. A limit per transaction starts afresh each time."""
        return self.limit if self.span == "transaction" else self.limit - self.reserved - self.spent


def span_start(span: str, now: datetime, time_zone: str) -> date:
    """The first day of the span that `now` falls in, in the tenant's time zone."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    if span == "day":
        return today
    return today.replace(day=1) if span == "month" else EPOCH


def weigh(wanted: Money, counters: list[Counter]) -> PolicyViolation | None:
    """None when every limit has room; else the refusal by the strictest one.

    No limit at all in this currency is a refusal too: an unlimited budget is never meant.
    """
    if not counters:
        return PolicyViolation(
            error="No budget in this currency",
            details=f"Requested {wanted}, no limit is set in {wanted.currency}",
            requested=str(wanted),
            limit=f"0 {wanted.currency}",
            spent=f"0 {wanted.currency}",
            reserved=f"0 {wanted.currency}",
            window="none",
        )
    tightest = min(counters, key=lambda counter: (counter.room, counter.limit))
    if wanted.amount <= tightest.room:
        return None

    def money(amount: Decimal) -> str:
        return f"{plain(amount)} {wanted.currency}"

    return PolicyViolation(
        error=_TITLES[tightest.span],
        details=f"Requested {wanted}, limit is {money(tightest.limit)}",
        requested=str(wanted),
        limit=money(tightest.limit),
        spent=money(tightest.spent),
        reserved=money(tightest.reserved),
        window=f"{tightest.scope}:{tightest.span}:{tightest.span_start.isoformat()}",
    )
