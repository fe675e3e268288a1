"""What looks wrong is named, and what is usual is not: over one's own history, robustly (FIN-5)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.money.rules.anomalies import PastSpend, SpendHistory
from chimera.money.types.limits import AnomalyRules
from chimera_protocol.money import Money

NOW = datetime(2026, 2, 5, 12, 30, tzinfo=UTC)
SHOP, OTHER = "0xShop", "0xOther"
amounts = st.decimals("0.01", 1_000, places=2)


def past(amount: str | Decimal, at: timedelta, payee: str = SHOP) -> PastSpend:
    return PastSpend(amount=Decimal(amount), payee=payee, at=NOW - at)


def weekly(*amounts: str | Decimal) -> list[PastSpend]:
    """One spend a day to the same shop, the latest yesterday."""
    return [past(amount, timedelta(days=day)) for day, amount in enumerate(amounts, 1)]


USUAL = weekly(*["10"] * 10)
RULES = AnomalyRules()


def said(wanted: str, history: Sequence[PastSpend] = USUAL, payee: str = SHOP, **more: Sequence[str]) -> list[str]:
    """The words before the colon of every objection."""
    found = SpendHistory(history, RULES, NOW).objections(Money.parse(wanted), payee, **more)
    return [objection.partition(":")[0] for objection in found]


def test_the_usual_amount_to_the_usual_payee_is_no_news() -> None:
    assert said("10 USDC") == []


@pytest.mark.parametrize(("known", "found"), [(0, []), (7, []), (8, ["new payee", "size"])])
def test_nothing_is_suspicious_before_there_is_a_history(known: int, found: list[str]) -> None:
    assert said("9999 USDC", USUAL[:known], OTHER) == found


def test_an_objection_says_what_is_usual() -> None:
    (size,) = SpendHistory(USUAL, RULES, NOW).objections(Money.parse("31 USDC"), SHOP)
    assert size == "size: 31 USDC is far above the usual 10; up to 30 is no news"


@pytest.mark.parametrize(("wanted", "found"), [("30 USDC", []), ("30.000001 USDC", ["size"])])
def test_up_to_so_many_times_the_usual_amount_is_no_news(wanted: str, found: list[str]) -> None:
    assert said(wanted) == found


def test_whoever_spends_unevenly_may_go_on_doing_so() -> None:
    uneven = weekly("1", "1", "5", "5", "10", "10", "15", "15", "20", "20")
    assert said("50 USDC", uneven) == []
    assert said("200 USDC", uneven) == ["size"]


def test_one_outlier_does_not_move_the_bound() -> None:
    assert said("31 USDC", [*USUAL, *weekly("100000")]) == ["size"]


@pytest.mark.parametrize(("wanted", "found"), [("10 USDC", []), ("10.01 USDC", ["new payee"])])
def test_a_new_payee_is_suspicious_above_the_usual_amount(wanted: str, found: list[str]) -> None:
    assert said(wanted, payee=OTHER) == found


def test_a_payee_that_an_operator_named_is_not_new_but_its_price_may_still_be() -> None:
    assert said("20 USDC", payee=OTHER, vouched=[OTHER]) == []
    assert said("31 USDC", payee=OTHER, vouched=[OTHER]) == ["size"]


def test_money_that_goes_in_circles_is_named_without_any_history() -> None:
    assert said("1 USDC", [], "0xABC", payers=["0xabc"]) == ["round trip"]
    assert said("1 USDC", [], "0xABD", payers=["0xabc"]) == []


def hour(count: int, amount: str = "10", payee: str = SHOP) -> list[PastSpend]:
    """So many spends within the last hour."""
    return [past(amount, timedelta(minutes=minute), payee) for minute in range(1, count + 1)]


@pytest.mark.parametrize(("count", "found"), [(2, []), (3, ["velocity"])])
def test_more_spends_an_hour_than_three_times_the_busiest_is_suspicious(count: int, found: list[str]) -> None:
    """The busiest hour of the usual history has one: the fourth of an hour is too many."""
    assert said("10 USDC", USUAL + hour(count)) == found


def test_a_busy_hour_makes_a_busy_hour_usual() -> None:
    busy = [past("10", timedelta(days=9, minutes=minute)) for minute in range(31, 41)]
    assert said("10 USDC", USUAL + busy + hour(20)) == []


def test_the_rhythm_is_not_judged_before_some_days_have_passed() -> None:
    young = [past("10", timedelta(days=6, hours=each)) for each in range(10)]
    assert said("10 USDC", young + hour(9)) == []
    old = [past("10", timedelta(days=7, hours=each)) for each in range(10)]
    assert said("10 USDC", old + hour(9)) == ["velocity"]


def test_many_small_spends_to_one_payee_are_one_large_spend_in_slices() -> None:
    busy = [past("10", timedelta(days=9, minutes=minute)) for minute in range(31, 61)]
    assert said("1 USDC", USUAL + busy + hour(9, "1")) == ["many small"]
    assert said("1 USDC", USUAL + busy + hour(8, "1")) == []
    assert said("1 USDC", USUAL + busy + hour(9, "1", OTHER)) == []
    assert said("10 USDC", USUAL + busy + hour(9, "1")) == []


def test_what_was_let_through_counts_for_the_rhythm_at_once() -> None:
    habits = SpendHistory(USUAL, RULES, NOW)
    wanted = Money.parse("10 USDC")
    found = []
    for _ in range(5):
        found.append(bool(habits.objections(wanted, SHOP)))
        habits.learn(wanted.amount, SHOP, NOW)
    assert found == [False, False, False, True, True]


@given(st.lists(amounts, min_size=8, max_size=30), amounts, st.integers(1, 1_000))
def test_the_larger_amount_is_never_the_less_suspicious_one(history: list[Decimal], wanted: Decimal, more: int) -> None:
    known = weekly(*history)
    if "size" in said(f"{wanted} USDC", known):
        assert "size" in said(f"{wanted + more} USDC", known)


@given(st.lists(amounts, min_size=8, max_size=30))
def test_no_history_makes_its_own_median_suspicious(history: list[Decimal]) -> None:
    median = sorted(history)[len(history) // 2]
    assert "size" not in said(f"{median} USDC", weekly(*history))
