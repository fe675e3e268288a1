"""Small values: money is exact, bounded and refused when it is anything else."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chimera_protocol.money import EXPONENTS, Money, plain
from chimera_protocol.wire import Name, Score, Text, Wire

# The text form has at most 20 digits before the point and the currency's places after it.
amounts = st.sampled_from(sorted(EXPONENTS)).flatmap(
    lambda currency: st.tuples(
        st.integers(1, 10 ** (20 + EXPONENTS[currency]) - 1).map(
            lambda units: Decimal(f"{units}e-{EXPONENTS[currency]}")
        ),
        st.just(currency),
    )
)


@given(amounts)
@example((Decimal("12345678901234567890.123456789012345678"), "ETH"))
@example((Decimal("50000000000"), "ETH"))
def test_money_survives_the_round_trip_through_text_and_json(pair: tuple[Decimal, str]) -> None:
    text = f"{plain(pair[0])} {pair[1]}"
    money = Money.parse(text)
    assert (money.amount, money.currency) == pair
    assert str(money) == text
    assert Money.model_validate_json(money.model_dump_json()) == money
    assert f'"{plain(pair[0])}"' in money.model_dump_json()


@pytest.mark.parametrize(
    ("text", "written"),
    [("50 USDC", "50 USDC"), ("0.50 USD", "0.5 USD"), ("007 EUR", "7 EUR"), ("1.000000 USDC", "1 USDC")],
)
def test_amounts_are_written_without_needless_zeros(text: str, written: str) -> None:
    assert str(Money.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "", "50", "USDC", "USDC 50", "50USDC", "50  USDC", " 50 USDC", "50 USDC ", "50 USDC\n", "-50 USDC",
        "+50 USDC", "5e1 USDC", "50,0 USDC", ".5 USDC", "5. USDC", "NaN USDC", "Infinity USDC", "0x10 USDC",
        "50 usdc", "1_000 USDC", "9" * 21 + " USDC",
    ],
)  # fmt: skip
def test_anything_but_a_plain_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        Money.parse(text)


@pytest.mark.parametrize("text", ["٥٠ USDC", "５０ USDC", "5० USDC"])
def test_digits_of_other_scripts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Money.parse(text)


@pytest.mark.parametrize("text", ["0 USDC", "0.00 USD", "0.000000 USDC"])
def test_an_amount_of_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        Money.parse(text)


@pytest.mark.parametrize(
    ("text", "places"), [("0.0000001 USDC", 6), ("1.001 USD", 2), ("1.5 COMPUTE", 0), ("0.001 EUR", 2)]
)
def test_more_decimals_than_the_currency_has_are_refused(text: str, places: int) -> None:
    with pytest.raises(ValueError, match=f"at most {places} decimal places"):
        Money.parse(text)


def test_an_unknown_currency_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown currency 'DOGE'; known: USDC"):
        Money.parse("50 DOGE")


@given(st.floats())
def test_a_float_is_never_money(value: float) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": value, "currency": "USDC"})


@given(st.text(max_size=60))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        money = Money.parse(text)
    except ValueError:
        return
    assert Money.parse(str(money)) == money


def test_values_are_frozen_and_strict_about_unknown_fields() -> None:
    money = Money.parse("50 USDC")
    with pytest.raises(ValidationError, match="frozen"):
        money.amount = Decimal(1)  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Money.model_validate({"amount": "1", "currency": "USDC", "colour": "red"})


def test_every_wire_type_is_frozen_and_refuses_unknown_fields() -> None:
    found = _descendants(Wire)
    assert len(found) > 30
    assert all(kind.model_config.get("frozen") for kind in found)
    open_ones = {kind.__name__ for kind in found if kind.model_config.get("extra") != "forbid"}
    assert open_ones == {"Soul"}


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_score_lies_between_zero_and_one(value: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Score).validate_python(value)


@pytest.mark.parametrize("value", ["", "a\x00b", "a\nb", "x" * 129])
def test_a_name_is_short_and_without_control_characters(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(value)


@pytest.mark.parametrize("value", ["", "a\x00b", "x" * 20_001, "\ud800"])
def test_a_text_is_bounded_and_fits_the_database(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(value)


def _descendants(kind: type[Wire]) -> set[type[Wire]]:
    below = {child for child in kind.__subclasses__() if child.__module__.startswith(("chimera.", "chimera_protocol."))}
    return below.union(*(_descendants(child) for child in below))
