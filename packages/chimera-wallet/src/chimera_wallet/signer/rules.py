"""What the signer checks for itself before it signs, whoever asks: pure functions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from chimera_protocol.payments import ANCHOR_ACCOUNT, PaymentAction, PaymentOrder
from chimera_protocol.statements import signed_bytes, verify
from chimera_wallet.tokens import orders
from chimera_wallet.tokens.amounts import ETH, money_text, money_units
from chimera_wallet.tokens.contract import checked_address
from chimera_wallet.tokens.orders import Payload, UnknownCurrency

MAX_GAS = 30_000_000


class Code(StrEnum):
    """Why the signer did not sign."""

    INVALID = "invalid"
    UNAUTHORISED = "unauthorised"
    EXPIRED = "expired"
    WRONG_CHAIN = "wrong_chain"
    UNKNOWN_CURRENCY = "unknown_currency"
    FEE_TOO_HIGH = "fee_too_high"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"


_REMEDIES = {
    Code.INVALID: "Correct it and have the CFO order it anew.",
    Code.UNAUTHORISED: "Only an order as the CFO signed it is taken; check that the signer was given the CFO's key.",
    Code.EXPIRED: "Have the CFO order it anew.",
    Code.WRONG_CHAIN: "Check which chain the signer and the CFO are set to.",
    Code.UNKNOWN_CURRENCY: "Name the token's contract with --token when the signer is started.",
    Code.FEE_TOO_HIGH: "Wait for the chain's fees to fall, or have it ordered with a higher max_fee.",
    Code.CONFLICT: "An order is signed once; give the other payment an id of its own.",
    Code.UNAVAILABLE: "Look at the signer's state folder; nothing was signed.",
}


class SignerError(Exception):
    """The signer did not do it."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.remedy = _REMEDIES[code]


class SigningChain(BaseModel):
    """What the wallet read from the chain for a transaction. Fees are wei per gas."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    nonce: int = Field(ge=0, lt=2**63)
    gas: int = Field(ge=21_000, le=MAX_GAS)
    max_fee_per_gas: int = Field(ge=0, lt=2**96)
    max_priority_fee_per_gas: int = Field(ge=0, lt=2**96)


class SigningDomain(BaseModel):
    """The part of an EIP-712 domain that the payee names; chain and contract are the signer's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=128)
    version: str = Field(min_length=1, max_length=16)


@dataclass(frozen=True)
class SigningPolicy:
    """What the signer was started with. `max_fee` is wei for one transaction."""

    cfo_key: str
    chain_id: int
    tokens: Mapping[str, str]
    max_fee: int


def authorised(said: Mapping[str, JsonValue], signature: str, policy: SigningPolicy) -> tuple[PaymentOrder, str]:
    """The CFO's order and the SHA-256 (hex) of what was signed.

    Raises:
        SignerError: The CFO did not sign exactly this, or it is no order.
    """
    try:
        payload = signed_bytes(said)
    except (ValueError, TypeError) as error:
        raise SignerError(Code.INVALID, "the order has no canonical form") from error
    if not verify(signature, payload, policy.cfo_key):
        raise SignerError(Code.UNAUTHORISED, "the CFO's signature is missing or does not fit this order")
    try:
        order = PaymentOrder.model_validate_json(payload)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, wrong["loc"]))
        raise SignerError(Code.INVALID, f"the order is not one: {place}: {wrong['msg']}") from error
    if order.expires_at.tzinfo is None:
        raise SignerError(Code.INVALID, "expires_at names no time zone")
    if order.chain_id != policy.chain_id:
        raise SignerError(Code.WRONG_CHAIN, f"the order is for chain {order.chain_id}, this is {policy.chain_id}")
    if (order.account == ANCHOR_ACCOUNT) != (order.action is PaymentAction.ANCHOR):
        raise SignerError(Code.INVALID, "anchors, and nothing else, are paid by the installation's own account")
    return order, hashlib.sha256(payload).hexdigest()


def check_expiry(order: PaymentOrder, now: datetime) -> None:
    """Refuse an order whose time is over."""
    if now >= order.expires_at:
        raise SignerError(Code.EXPIRED, f"the order was good until {order.expires_at.isoformat()}")


def check_fee(order: PaymentOrder, chain: SigningChain, policy: SigningPolicy) -> None:
    """Refuse a transaction whose fee could be more than the order, or the signer itself, allows."""
    if chain.max_priority_fee_per_gas > chain.max_fee_per_gas:
        raise SignerError(Code.INVALID, "the tip per gas is more than the whole fee per gas")
    fee = chain.gas * chain.max_fee_per_gas
    try:
        ordered = orders.fee_bound(order)
    except ValueError as error:
        raise SignerError(Code.INVALID, str(error)) from error
    for bound, whose in ((ordered, "the order"), (policy.max_fee, "the signer")):
        if fee > bound:
            raise SignerError(
                Code.FEE_TOO_HIGH, f"the fee could be {money_text(fee, ETH)}; {whose} allows {money_text(bound, ETH)}"
            )


def payload(order: PaymentOrder, address: str, policy: SigningPolicy) -> Payload:
    """What the transaction of an order does; `address` is the payer's.

    Raises:
        SignerError: Not an order for a transaction, or the currency or the destination is not known or not safe.
    """
    try:
        return orders.payload(order, address, policy.tokens)
    except UnknownCurrency as error:
        raise SignerError(Code.UNKNOWN_CURRENCY, str(error)) from error
    except ValueError as error:
        raise SignerError(Code.INVALID, str(error)) from error


def token(order: PaymentOrder, policy: SigningPolicy) -> str:
    """The contract of the order's currency."""
    try:
        return orders.token(order.money.currency, policy.tokens)
    except UnknownCurrency as error:
        raise SignerError(Code.UNKNOWN_CURRENCY, str(error)) from error


def authorisation(order: PaymentOrder, address: str) -> dict[str, str]:
    """The EIP-3009 authorisation of an order to pay a resource, its numbers as decimal strings (x402's form)."""
    if order.action is not PaymentAction.PAY_RESOURCE:
        raise SignerError(Code.INVALID, f"{order.action} is not paid by an authorisation")
    try:
        destination = checked_address(order.destination)
    except ValueError as error:
        raise SignerError(Code.INVALID, f"destination: {error}") from error
    return {
        "from": address,
        "to": destination,
        "value": str(money_units(order.money)),
        "validAfter": "0",
        "validBefore": str(int(order.expires_at.timestamp())),
        "nonce": "0x" + hashlib.sha256(str(order.order_id).encode()).hexdigest(),
    }
