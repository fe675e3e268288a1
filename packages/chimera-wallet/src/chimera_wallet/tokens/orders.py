"""What the transaction of a payment order is made of; the signer signs it, the wallet asks what it would cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import JsonValue, ValidationError

from chimera_protocol.money import Money
from chimera_protocol.payments import AnchorDetails, PaymentAction, PaymentOrder
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import ETH, money_units, units
from chimera_wallet.tokens.contract import Issue


class UnknownCurrency(ValueError):
    """No contract is known for a currency."""


@dataclass(frozen=True)
class Payload:
    """What a transaction does: to whom ("" makes a contract), with how many wei and which data."""

    to: str
    value: int
    data: bytes


def payload(order: PaymentOrder, address: str, tokens: Mapping[str, str]) -> Payload:
    """What the transaction of an order does.

    Args:
        address: The payer's; a new token's supply is its own unless the order names a destination.
        tokens: Contract by currency.

    Raises:
        ValueError: Not an order for a transaction, or its currency, destination or details are no good.
    """
    if order.action is PaymentAction.TRANSFER:
        destination = _destination(order)
        if order.money.currency == ETH:
            return Payload(destination, money_units(order.money), b"")
        data = contract.transfer(destination, money_units(order.money))
        return Payload(token(order.money.currency, tokens), 0, data)
    if order.action is PaymentAction.DEPLOY_TOKEN:
        holder = _destination(order) if order.destination else address
        return Payload("", 0, contract.deployment(issue(order.details, holder)))
    if order.action is PaymentAction.ANCHOR:
        return _anchor(order, address)
    raise ValueError(f"{order.action} is not carried out by a transaction")


def token(currency: str, tokens: Mapping[str, str]) -> str:
    """The contract of a currency. UnknownCurrency when there is none."""
    found = tokens.get(currency)
    if found is None:
        raise UnknownCurrency(f"no token contract is known for {currency}")
    return found


def issue(details: Mapping[str, JsonValue], holder: str) -> Issue:
    """The token that a deployment's details name: name, symbol, decimals, supply. ValueError when they do not."""
    name, symbol, supply = (details.get(key) for key in ("name", "symbol", "supply"))
    places = details.get("decimals", contract.MAX_DECIMALS)
    if not (isinstance(name, str) and isinstance(symbol, str) and isinstance(supply, str)):
        raise ValueError("details: name, symbol and supply are strings")
    if not isinstance(places, int) or isinstance(places, bool) or not 0 <= places <= contract.MAX_DECIMALS:
        raise ValueError(f"details: decimals is a whole number from 0 to {contract.MAX_DECIMALS}")
    digits = supply.replace(".", "", 1)
    if len(supply) > 64 or not digits.isascii() or not digits.isdecimal():
        raise ValueError("details: supply is a decimal number in a string")
    return Issue(name, symbol, places, units(Decimal(supply), places), holder)


def fee_bound(order: PaymentOrder) -> int:
    """The most wei that an order's fee may be: its max_fee, and its amount too where it has no other cost.

    Raises:
        ValueError: The order names no max_fee, or one in another currency.
    """
    if order.max_fee is None:
        raise ValueError("an order for a transaction names its max_fee")
    bounds = [Money.parse(order.max_fee)]
    if not moves_money(order):
        bounds.append(order.money)
    if any(money.currency != ETH for money in bounds):
        raise ValueError(f"fees are paid in {ETH}, and so is what costs nothing else")
    return min(money_units(money) for money in bounds)


def moves_money(order: PaymentOrder) -> bool:
    """Whether somebody is paid the order's amount; otherwise it is for the chain's fee."""
    return order.action not in (PaymentAction.DEPLOY_TOKEN, PaymentAction.ANCHOR)


def _anchor(order: PaymentOrder, address: str) -> Payload:
    """A root in the data of a transaction that moves nothing, from the account of anchors to itself."""
    if order.destination != address:
        raise ValueError("destination: an anchor goes to the account that it comes from")
    if order.amount != order.max_fee:
        raise ValueError("amount: an anchor moves nothing; its amount is its max_fee")
    try:
        details = AnchorDetails.model_validate(order.details)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"details: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
    return Payload(address, 0, details.data)


def _destination(order: PaymentOrder) -> str:
    try:
        return contract.checked_address(order.destination)
    except ValueError as error:
        raise ValueError(f"destination: {error}") from error
