"""Money as a chain counts it: whole numbers of the smallest unit, and back. No floats anywhere."""

from decimal import Context, Decimal, Inexact

from chimera_protocol.money import EXPONENTS, Money, plain

ETH = "ETH"
"""The chain's own coin, in which fees are paid; its smallest unit is the wei."""

# 2**256 has 78 digits; a sum that would have to be rounded raises instead.
_EXACT = Context(prec=96, traps=[Inexact])


def units(amount: Decimal, places: int) -> int:
    """How many of the smallest unit an amount is. ValueError when it is finer than the unit."""
    scaled = amount.scaleb(places, _EXACT)
    if scaled != scaled.to_integral_value(context=_EXACT):
        raise ValueError(f"{plain(amount)[:64]} has more than {places} decimal places")
    return int(scaled)


def money_units(money: Money) -> int:
    """An amount of money in its currency's smallest unit."""
    return units(money.amount, EXPONENTS[money.currency])


def decimal_text(count: int, places: int) -> str:
    """A count of the smallest unit as a plain decimal: "12.5"."""
    return plain(Decimal(count).scaleb(-places, _EXACT))


def money_text(count: int, currency: str) -> str:
    """A count of the smallest unit as money: "12.5 USDC"."""
    return f"{decimal_text(count, EXPONENTS[currency])} {currency}"


def parse_tokens(settings: list[str]) -> dict[str, str]:
    """Read SYMBOL=ADDRESS settings. ValueError for an unknown currency or one that stands twice."""
    tokens: dict[str, str] = {}
    for setting in settings:
        symbol, _, address = setting.partition("=")
        if symbol not in EXPONENTS or symbol == ETH or symbol in tokens:
            raise ValueError(f"--token takes each known currency once, as in USDC=0x…, not {setting[:80]!r}")
        tokens[symbol] = address
    return tokens
