"""Statements add up to the last digit, or are refused; a limit's end is foreseen by a straight line (FIN-7)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.money.rules import statements
from chimera.money.rules.accounts import Kind
from chimera.money.rules.statements import EXACT, Sum, Unsound, outlook, period
from chimera.money.types.books import BurnPoint, Outlook, Section
from chimera_protocol.errors import Invalid

TODAY = date(2026, 2, 15)
NOON = datetime(2026, 2, 15, 12, tzinfo=UTC)
AMOUNTS = st.decimals("0.000000000000000001", 10**20 - 1, places=18)


def total(kind: Kind, head: str, closing: str, opening: str = "0", **about: str) -> Sum:
    movement = EXACT.subtract(Decimal(closing), Decimal(opening))
    figures = {"opening": Decimal(opening), "movement": movement, "closing": Decimal(closing)}
    return Sum(kind=kind, head=head, currency=about.pop("currency", "USDC"), **figures, **about)


def paid(amount: str, opening: str = "0", currency: str = "USDC") -> list[Sum]:
    """Something was paid out of a wallet."""
    return [
        total(Kind.EXPENSE, "expense", amount, opening, category="ads", currency=currency),
        total(Kind.ASSET, "wallet", f"-{amount}", f"-{opening}", holder="Nora", currency=currency),
    ]


def test_credits_are_shown_as_what_they_are_to_a_reader() -> None:
    (made,) = statements.statements(
        [
            total(Kind.ASSET, "wallet", "60", holder="Nora"),
            total(Kind.LIABILITY, "vendor", "-20", party="twitter-mcp"),
            total(Kind.EQUITY, "equity", "-90"),
            total(Kind.INCOME, "income", "-10", holder="Nora", party="0xB"),
            total(Kind.EXPENSE, "expense", "60", category="ads"),
            total(Kind.EQUITY, "reserved", "5"),
            total(Kind.EQUITY, "budget", "-5"),
        ]
    )
    assert {(line.section.value, line.name): str(line.closing) for line in made.lines} == {
        ("wallet", "Nora"): "60",
        ("vendor", "twitter-mcp"): "20",
        ("funding", "Funding"): "90",
        ("income", "Nora"): "10",
        ("expense", "ads"): "60",
    }
    assert (made.pending.closing, made.result.closing) == (5, -50)


def test_currencies_are_never_added_up() -> None:
    made = statements.statements([*paid("5"), *paid("7", currency="EUR")])
    assert [(one.currency, one.result.closing) for one in made] == [("EUR", -7), ("USDC", -5)]


def test_an_opening_that_does_not_lead_to_the_closing_is_refused() -> None:
    broken = [each.model_copy(update={"opening": Decimal("0.000001")}) for each in paid("5")]
    with pytest.raises(Unsound, match="are not"):
        statements.statements(broken)


def test_books_that_do_not_balance_are_refused() -> None:
    with pytest.raises(Unsound, match="do not balance"):
        statements.statements(paid("5")[:1])


def test_what_was_booked_before_there_were_accounts_has_a_line() -> None:
    (made,) = statements.statements([total(Kind.EQUITY, "compute", "9"), total(Kind.EQUITY, "model", "-9"), *paid("1")])
    assert {line.name: line.closing for line in made.of(Section.EARLIER)} == {"compute": -9, "model": 9}


@given(st.lists(AMOUNTS, min_size=1, max_size=8), st.lists(AMOUNTS, min_size=1, max_size=8))
def test_no_digit_is_lost(before: list[Decimal], since: list[Decimal]) -> None:
    opening, closing = Decimal(0), Decimal(0)
    for amount in before:
        opening = EXACT.add(opening, amount)
    for amount in [*before, *since]:
        closing = EXACT.add(closing, amount)
    (made,) = statements.statements(paid(f"{closing:f}", f"{opening:f}"))
    assert made.result.closing == EXACT.minus(closing)
    assert EXACT.add(made.result.opening, made.result.movement) == made.result.closing


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, (date(2026, 2, 1), TODAY)),
        (date(2026, 1, 5), None, (date(2026, 1, 5), TODAY)),
        (None, date(2026, 1, 20), (date(2026, 1, 1), date(2026, 1, 20))),
        (date(2026, 3, 1), None, (date(2026, 3, 1), date(2026, 3, 1))),
    ],
)
def test_a_period_is_this_month_unless_one_is_named(
    first: date | None, last: date | None, expected: tuple[date, date]
) -> None:
    assert period(first, last, TODAY) == expected


@pytest.mark.parametrize(("first", "last"), [(date(2026, 2, 2), date(2026, 2, 1)), (None, date.max)])
def test_a_period_that_is_none_is_refused(first: date | None, last: date) -> None:
    with pytest.raises(Invalid):
        period(first, last, TODAY)


def points(*used: str) -> list[BurnPoint]:
    return [BurnPoint(at=NOON - timedelta(hours=6 - n), used=Decimal(each)) for n, each in enumerate(used)]


@pytest.mark.parametrize(
    ("used", "expected", "at"),
    [
        ([], Outlook.UNKNOWN, None),
        (["50", "0"], Outlook.UNKNOWN, None),
        (["50"], Outlook.HOLDS, None),
        (["50", "100"], Outlook.HOLDS, None),
        (["50", "150"], Outlook.RUNS_OUT, NOON + timedelta(hours=4)),
        (["50", "200"], Outlook.EXHAUSTED, NOON - timedelta(hours=5)),
    ],
)
def test_a_day_is_foreseen_by_a_straight_line_from_midnight(
    used: list[str], expected: Outlook, at: datetime | None
) -> None:
    midnight = NOON - timedelta(hours=12)
    assert outlook(Decimal(200), points(*used), midnight, NOON, midnight + timedelta(days=1)) == (expected, at)


def test_a_total_is_foreseen_from_its_first_spend_but_not_in_the_first_hour() -> None:
    since = NOON - timedelta(hours=3)
    assert outlook(Decimal(3), points("1"), since, NOON, None) == (Outlook.RUNS_OUT, NOON + timedelta(hours=6))
    assert outlook(Decimal(3), points("1"), NOON - timedelta(minutes=50), NOON, None) == (Outlook.UNKNOWN, None)
    assert outlook(Decimal(10**20), points("0.000001"), since, NOON, None) == (Outlook.HOLDS, None)


def test_exact_arithmetic_does_not_round_the_moment() -> None:
    since = NOON - timedelta(hours=3)
    found, at = outlook(Decimal("0.3"), points("0.1"), since, NOON, None)
    assert (found, at) == (Outlook.RUNS_OUT, since + timedelta(hours=9))
