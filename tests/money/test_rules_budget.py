"""Whether a spend fits its budgets: the strictest limit wins (FIN-1, FIN-2, FIN-5)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.ids import new_id
from chimera.money.rules import budget
from chimera.money.rules.budget import Counter
from chimera_protocol.money import Money


def counter(limit: str, span: str = "day", *, reserved: str = "0", spent: str = "0", scope: str = "tenant") -> Counter:
    return Counter(
        budget_id=new_id(),
        scope=scope,
        scope_key="acme",
        span=span,
        span_start=date(2026, 2, 5),
        limit=Decimal(limit),
        reserved=Decimal(reserved),
        spent=Decimal(spent),
    )


def test_the_refusal_reads_as_the_seed_has_it() -> None:
    refusal = budget.weigh(Money.parse("500 USDC"), [counter("200")])
    assert refusal is not None
    assert refusal.model_dump(include={"status", "error", "details"}) == {
        "status": 403,
        "error": "Daily spend limit exceeded",
        "details": "Requested 500 USDC, limit is 200 USDC",
    }


def test_the_figures_come_as_fields_besides() -> None:
    used = counter("200", reserved="30.50", spent="100.000000000000000000")
    refusal = budget.weigh(Money.parse("100 USDC"), [used])
    assert refusal is not None
    assert (refusal.requested, refusal.limit) == ("100 USDC", "200 USDC")
    assert (refusal.reserved, refusal.spent) == ("30.5 USDC", "100 USDC")
    assert refusal.window == "tenant:day:2026-02-05"


def test_the_last_cent_may_be_spent_and_not_one_more() -> None:
    used = [counter("200", reserved="50", spent="100")]
    assert budget.weigh(Money.parse("50 USDC"), used) is None
    assert budget.weigh(Money.parse("50.000001 USDC"), used) is not None


@pytest.mark.parametrize(
    ("span", "error"),
    [
        ("transaction", "Transaction spend limit exceeded"),
        ("day", "Daily spend limit exceeded"),
        ("month", "Monthly spend limit exceeded"),
        ("total", "Total spend limit exceeded"),
    ],
)
def test_the_strictest_limit_is_the_one_that_is_named(span: str, error: str) -> None:
    refusal = budget.weigh(
        Money.parse("500 USDC"), [counter("1000", "day"), counter("20", span), counter("400", "month")]
    )
    assert refusal is not None
    assert (refusal.error, refusal.limit) == (error, "20 USDC")


def test_room_counts_and_not_the_size_of_the_limit() -> None:
    refusal = budget.weigh(Money.parse("20 USDC"), [counter("15", "month"), counter("200", spent="195")])
    assert refusal is not None
    assert refusal.error == "Daily spend limit exceeded"


def test_a_limit_per_transaction_starts_afresh_each_time() -> None:
    used = [counter("20", "transaction", spent="20"), counter("100")]
    assert budget.weigh(Money.parse("20 USDC"), used) is None
    assert budget.weigh(Money.parse("20.000001 USDC"), used) is not None


def test_a_limit_per_transaction_alone_bounds_nothing_and_lets_nothing_through() -> None:
    refusal = budget.weigh(Money.parse("1 USDC"), [counter("20", "transaction")])
    assert refusal is not None
    assert refusal.error == "No budget in this currency"


def test_no_budget_is_a_refusal_and_not_a_blank_cheque() -> None:
    refusal = budget.weigh(Money.parse("1 ETH"), [])
    assert refusal is not None
    assert (refusal.error, refusal.limit, refusal.window) == ("No budget in this currency", "0 ETH", "none")


exact = st.decimals(0, 1_000, places=6)


@given(exact.filter(bool), st.lists(st.tuples(exact, exact, exact), min_size=1, max_size=4))
def test_what_passes_fits_every_limit_and_what_fits_passes(wanted: Decimal, used: list[tuple[Decimal, ...]]) -> None:
    counters = [counter(str(a + b + c), reserved=str(a), spent=str(b)) for a, b, c in used]
    fits = all(wanted <= room for _, _, room in used)
    assert (budget.weigh(Money(amount=wanted, currency="USDC"), counters) is None) is fits


def test_what_is_held_is_freed_and_only_what_was_paid_is_spent() -> None:
    before = counter("200", reserved="10", spent="5")
    held = before.held(Decimal(50))
    assert (held.reserved, held.spent, held.room) == (60, 5, 135)
    paid = held.closed(Decimal(50), Decimal("0.5"))
    assert (paid.reserved, paid.spent, paid.room) == (10, Decimal("5.5"), Decimal("184.5"))
    assert held.closed(Decimal(50), Decimal(0)) == before
    single = counter("20", "transaction")
    assert single.held(Decimal(20)) == single


DAY, MONTH, ETHER = ("day", "USDC"), ("month", "USDC"), ("day", "ETH")


@pytest.mark.parametrize(
    ("after", "looser", "at_once"),
    [
        ({DAY: 200}, False, {DAY: 200}),
        ({DAY: 199}, False, {DAY: 199}),
        ({DAY: 201}, True, {DAY: 200}),
        ({}, True, {DAY: 200}),
        ({DAY: 200, MONTH: 900}, False, {DAY: 200, MONTH: 900}),
        ({MONTH: 900}, True, {DAY: 200, MONTH: 900}),
        ({DAY: 200, ETHER: 1}, True, {DAY: 200}),
        ({DAY: 100, ETHER: 1}, True, {DAY: 100}),
    ],
)
def test_what_allows_more_is_looser_and_only_what_does_not_holds_at_once(
    after: dict[tuple[str, str], int], looser: bool, at_once: dict[tuple[str, str], int]
) -> None:
    before = {DAY: Decimal(200)}
    wanted = {key: Decimal(amount) for key, amount in after.items()}
    assert budget.loosens(before, wanted) is looser
    assert budget.tightest(before, wanted) == at_once
    assert not budget.loosens(before, budget.tightest(before, wanted))


def test_a_suspicious_spend_is_refused_with_every_reason() -> None:
    refusal = budget.suspect(Money.parse("50 USDC"), ["new payee: 0xB", "size: large"])
    assert (refusal.status, refusal.error) == (403, "Suspicious spend")
    assert refusal.details == "Requested 50 USDC; new payee: 0xB; size: large. A human has been asked."
    assert (refusal.requested, refusal.anomalies) == ("50 USDC", ["new payee: 0xB", "size: large"])


@pytest.mark.parametrize(
    ("span", "zone", "start"),
    [
        ("day", "UTC", date(2026, 2, 28)),
        ("day", "Pacific/Kiritimati", date(2026, 3, 1)),
        ("day", "Pacific/Honolulu", date(2026, 2, 28)),
        ("month", "UTC", date(2026, 2, 1)),
        ("month", "Pacific/Kiritimati", date(2026, 3, 1)),
        ("total", "Pacific/Kiritimati", date(1970, 1, 1)),
        ("transaction", "UTC", date(1970, 1, 1)),
    ],
)
def test_a_span_starts_in_the_tenants_time_zone(span: str, zone: str, start: date) -> None:
    assert budget.span_start(span, datetime(2026, 2, 28, 14, tzinfo=UTC), zone) == start


def test_the_day_is_right_on_both_sides_of_a_clock_change() -> None:
    before, after = datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)
    assert budget.span_start("day", before, "Europe/Berlin") == date(2026, 3, 29)
    assert budget.span_start("day", after, "Europe/Berlin") == date(2026, 3, 30)
