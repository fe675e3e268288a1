"""Whether a spend fits its budgets, and what becomes of them: exact decimals, the strictest limit wins (FIN-1..5)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_UP, Context, Decimal, Inexact, InvalidOperation
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from chimera.money.types.authorization import PolicyViolation
from chimera_protocol.money import Money, plain
from chimera_protocol.wire import Wire

EPOCH = date(1970, 1, 1)

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
"""Sums of money never round: an amount has up to 38 digits, and Decimal by itself keeps 28."""

_FINEST = Decimal("1E-18")

_BUDGETS = frozenset({"tenant", "influencer", "campaign"})

_TITLES = {
    "transaction": "Transaction spend limit exceeded",
    "day": "Daily spend limit exceeded",
    "month": "Monthly spend limit exceeded",
    "total": "Total spend limit exceeded",
}


class Counter(Wire):
    """One limit with what is used of it in one span, read under a lock."""

    budget_id: UUID
    scope: str
    scope_key: str
    span: str
    span_start: date
    limit: Decimal
    reserved: Decimal
    spent: Decimal

    @property
    def key(self) -> tuple[UUID, date]:
        """What tells it from other counters."""
        return self.budget_id, self.span_start

    @property
    def room(self) -> Decimal:
        """What may still be reserved. A limit per transaction starts afresh each time."""
        if self.span == "transaction":
            return self.limit
        return EXACT.subtract(self.limit, EXACT.add(self.reserved, self.spent))

    def held(self, amount: Decimal) -> Self:
        """After reserving; a limit per transaction holds nothing."""
        if self.span == "transaction":
            return self
        return self.model_copy(update={"reserved": EXACT.add(self.reserved, amount)})

    def closed(self, held: Decimal, paid: Decimal) -> Self:
        """After a reservation of `held` has ended with `paid` spent, zero when it was given up."""
        reserved, spent = EXACT.subtract(self.reserved, held), EXACT.add(self.spent, paid)
        return self.model_copy(update={"reserved": reserved, "spent": spent})

    def snapshot(self) -> dict[str, JsonValue]:
        """The counter as the evidence keeps it."""
        return {
            "budget_id": str(self.budget_id),
            "scope": self.scope,
            "scope_key": self.scope_key,
            "span": self.span,
            "span_start": self.span_start.isoformat(),
            "limit": plain(self.limit),
            "reserved": plain(self.reserved),
            "spent": plain(self.spent),
        }


def billed(amount: Decimal) -> Decimal:
    """What the books keep of a metered amount: 18 decimals, and never less than was taken."""
    return amount.quantize(_FINEST, rounding=ROUND_UP, context=Context(prec=EXACT.prec))


def span_start(span: str, now: datetime, time_zone: str) -> date:
    """The first day of the span that `now` falls in, in the tenant's time zone."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    if span == "day":
        return today
    return today.replace(day=1) if span == "month" else EPOCH


def weigh(wanted: Money, counters: Sequence[Counter]) -> PolicyViolation | None:
    """None when every limit has room; else the refusal by the strictest one.

    No limit at all in this currency is a refusal too: an unlimited budget is never meant. A limit on single
    transactions alone bounds nothing either, and one on a category or a payee narrows a budget but makes none.
    """
    if not any(counter.span != "transaction" and counter.scope in _BUDGETS for counter in counters):
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


Allowance = Mapping[tuple[str, str], Decimal]
"""The limits of one scope: an amount by span and currency."""


def loosens(before: Allowance, after: Allowance) -> bool:
    """Whether limits allow more than the ones before: one is higher, gone, or in a currency that had none."""
    known = {currency for _, currency in before}
    higher = any(key not in after or after[key] > amount for key, amount in before.items())
    return higher or any(currency not in known for _, currency in after)


def tightest(before: Allowance, after: Allowance) -> Allowance:
    """What of a change holds at once because it allows no more than before."""
    known = {currency for _, currency in before}
    added = {key: amount for key, amount in after.items() if key[1] in known}
    return added | {key: min(amount, after.get(key, amount)) for key, amount in before.items()}


def suspect(wanted: Money, objections: Sequence[str]) -> PolicyViolation:
    """The refusal of a spend that fits its limits and still looks wrong; a human is shown it (FIN-5)."""
    return PolicyViolation(
        error="Suspicious spend",
        details=f"Requested {wanted}; {'; '.join(objections)}. A human has been asked.",
        requested=str(wanted),
        anomalies=list(objections),
    )


def above(wanted: Money, at_most: Money) -> PolicyViolation | None:
    """The refusal of a price that is above what the buyer was told it may cost, or in another currency."""
    if wanted.currency == at_most.currency and wanted.amount <= at_most.amount:
        return None
    return PolicyViolation(
        error="Price above the offer",
        details=f"Requested {wanted}, limit is {at_most}",
        requested=str(wanted),
        limit=str(at_most),
        window="transaction",
    )
