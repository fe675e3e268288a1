"""Sums are whole numbers of the smallest unit, exact in both directions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_protocol.money import Money
from chimera_wallet.tokens.amounts import decimal_text, money_text, money_units, parse_tokens, units


@given(st.integers(0, 2**256 - 1), st.integers(0, 18))
def test_there_and_back_nothing_is_lost(count: int, places: int) -> None:
    assert units(Decimal(decimal_text(count, places)), places) == count


def test_money_is_told_plainly() -> None:
    assert money_units(Money.parse("12.5 USDC")) == 12_500_000
    assert money_units(Money.parse("1 ETH")) == 10**18
    assert money_text(12_500_000, "USDC") == "12.5 USDC"
    assert decimal_text(0, 18) == "0"
    assert decimal_text(1, 18) == "0.000000000000000001"


def test_what_is_finer_than_the_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 6 decimal places"):
        units(Decimal("0.0000001"), 6)


def test_each_currency_has_one_contract() -> None:
    assert parse_tokens(["USDC=0x1", "EUR=0x2"]) == {"USDC": "0x1", "EUR": "0x2"}
    for wrong in (["DOGE=0x1"], ["ETH=0x1"], ["USDC=0x1", "USDC=0x2"], ["0x1"]):
        with pytest.raises(ValueError, match="--token takes each known currency once"):
            parse_tokens(wrong)
