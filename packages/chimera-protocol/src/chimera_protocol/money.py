"""Exact amounts in known currencies (FIN-2, FIN-3)."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Self

from pydantic import AfterValidator, StringConstraints, field_serializer, field_validator

from chimera_protocol.wire import Wire

EXPONENTS = {"USDC": 6, "ETH": 18, "USD": 2, "EUR": 2, "COMPUTE": 0}
"""Known currencies and their decimal places; COMPUTE counts model tokens (FIN-4)."""


_MONEY = re.compile(r"^([0-9]{1,20}(?:\.[0-9]{1,18})?) ([A-Z]{2,8})$")


def plain(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros: 50, 0.5."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Money(Wire):
    """An exact amount in one currency; never converted by itself (FIN-2, FIN-3)."""

    amount: Decimal
    currency: str

    @field_validator("amount", mode="before")
    @classmethod
    def _exact(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError("money is an exact decimal in a string, never a float")
        return value

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise ValueError(f"unknown currency {value!r}; known: {', '.join(EXPONENTS)}")
        return value

    @field_serializer("amount")
    def _plain(self, value: Decimal) -> str:
        return plain(value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "50 USDC"; ValueError for anything else, too many decimals, or an amount of zero."""
        match = _MONEY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:64]!r} is not an amount; write it like '50 USDC'")
        try:
            money = cls(amount=Decimal(match[1]), currency=match[2])
        except InvalidOperation as error:
            raise ValueError(f"{text[:64]!r} is not a decimal number") from error
        places = EXPONENTS[money.currency]
        _, _, fraction = match[1].partition(".")
        if len(fraction.rstrip("0")) > places:
            raise ValueError(f"{money.currency} has at most {places} decimal places")
        if money.amount <= 0:
            raise ValueError("an amount must be greater than zero")
        return money

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}"


def _is_amount(text: str) -> str:
    Money.parse(text)
    return text


AmountText = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_amount)]
"""Money in words, like "50 USDC"; what cannot be parsed is refused where it enters."""
