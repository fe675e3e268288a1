"""What a seller asks for a resource, and whether that is what was ordered: pure rules over x402 messages."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import httpx2
from eth_utils.address import to_checksum_address
from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints
from x402.http.utils import (
    decode_payment_required_header,
    encode_payment_required_header,
    encode_payment_signature_header,
)
from x402.schemas import PaymentPayload, PaymentRequired, PaymentRequirements

from chimera_protocol.payments import Address, Hash, PaymentAction, PaymentOrder
from chimera_protocol.wire import Wire
from chimera_wallet.messages import PaymentRefused, WalletError
from chimera_wallet.tokens.amounts import money_text, money_units

Method = Literal["GET", "POST"]

MAX_URL = 2_048
MAX_SAID = 500
SCHEME = "exact"
TRANSFER_METHOD = "eip3009"
IDENTIFIER = "payment-identifier"

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_UNITS = re.compile(r"[0-9]{1,24}")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ResourceError(WalletError):
    """The wallet did not pay for the resource, and nobody holds a signature that this call gave away."""

    def __init__(self, refusal: PaymentRefused, detail: str) -> None:
        super().__init__(refusal, detail)
        self.detail = detail


def _whole(value: object) -> object:
    if isinstance(value, float | bool):
        raise ValueError("a whole number, never a float")
    return value


Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0)]


class TransferAuthorization(Wire):
    """The message of an EIP-3009 `transferWithAuthorization`, under the names that x402 gives its fields."""

    model_config = ConfigDict(populate_by_name=True)

    sender: Address = Field(alias="from")
    to: Address
    value: Whole
    valid_after: Whole = Field(alias="validAfter")
    valid_before: Whole = Field(alias="validBefore")
    nonce: Hash


class SignedAuthorization(Wire):
    """What the signer answers: anyone who holds it can move the money, once, to `authorization.to` only."""

    authorization: TransferAuthorization
    signature: Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{130}$")]


@dataclass(frozen=True)
class TokenDomain:
    """The part of the EIP-712 domain that the token's contract chose itself."""

    name: str
    version: str


@dataclass(frozen=True)
class Token:
    """The token that the wallet pays resources with."""

    chain_id: int
    address: str
    domain: TokenDomain
    currency: str = "USDC"

    @property
    def network(self) -> str:
        """The chain's name in CAIP-2."""
        return f"eip155:{self.chain_id}"


@dataclass(frozen=True)
class Offer:
    """One way to pay that the seller offers and the wallet knows."""

    requirements: PaymentRequirements
    units: int

    @property
    def payee(self) -> str:
        """The address that is paid, with the checksum that an order's destination has."""
        return to_checksum_address(self.requirements.pay_to)


def origin(text: str) -> str:
    """The origin of a seller that configuration allows: `api.example.com`, or in full `http://127.0.0.1:8402`.

    Raises:
        ResourceError: It is no http(s) origin.
    """
    return _origin(_parsed(text if "://" in text else f"https://{text}"))


def checked_url(text: str, allowed: Iterable[str]) -> str:
    """The address as it will be asked for.

    Raises:
        ResourceError: It is no http(s) address, or not one of an allowed seller.
    """
    url = _parsed(text)
    known = sorted(allowed)
    if _origin(url) not in known:
        shown = ", ".join(known[:20]) or "none"
        raise ResourceError(
            PaymentRefused.INVALID, f"{_origin(url)} is no seller that --seller-host allows; allowed: {shown}"
        )
    return str(url.copy_with(fragment=None))


def _parsed(text: str) -> httpx2.URL:
    if len(text) > MAX_URL or _UNPRINTABLE.search(text):
        raise ResourceError(PaymentRefused.INVALID, f"an address is at most {MAX_URL} printable ASCII characters")
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ResourceError(PaymentRefused.INVALID, f"{said(text, 100)!r} is no address: {error}") from error
    if url.scheme not in _DEFAULT_PORTS or not url.host or url.userinfo:
        raise ResourceError(PaymentRefused.INVALID, "a resource has an http or https address without a user name")
    return url


def _origin(url: httpx2.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}:{url.port or _DEFAULT_PORTS[url.scheme]}"


def said(text: str | None, limit: int = MAX_SAID) -> str:
    """What a stranger said, on one line, printable and bounded: data, never an instruction."""
    return "".join(sign for sign in " ".join((text or "")[: limit * 4].split()) if sign.isprintable())[:limit]


def read_terms(header: str | None) -> PaymentRequired:
    """The seller's terms out of a 402's PAYMENT-REQUIRED header (x402 version 2).

    Raises:
        ResourceError: There is no such header, or it says something else.
    """
    if not header:
        raise ResourceError(
            PaymentRefused.INVALID, "the seller's 402 has no PAYMENT-REQUIRED header, so it is not x402 v2"
        )
    try:
        terms = decode_payment_required_header(header)
        # The terms are sent back with the payment; what cannot be written again has to be found out before that.
        encode_payment_required_header(terms)
    except (ValueError, AttributeError, RecursionError) as error:
        raise ResourceError(PaymentRefused.INVALID, "the seller's PAYMENT-REQUIRED header cannot be read") from error
    if not isinstance(terms, PaymentRequired) or terms.x402_version != 2:
        raise ResourceError(PaymentRefused.INVALID, "the seller speaks another version of x402 than 2")
    return terms


def offers(terms: PaymentRequired, token: Token) -> list[Offer]:
    """What the wallet can pay of the seller's offers, cheapest first.

    Raises:
        ResourceError: It can pay none of them.
    """
    found = [
        Offer(asked, int(asked.amount))
        for asked in terms.accepts
        if _UNITS.fullmatch(asked.amount) and int(asked.amount) and _payable(asked, token)
    ]
    if not found:
        asked = "; ".join(f"{said(a.scheme, 20)} {said(a.network, 40)} {said(a.asset, 64)}" for a in terms.accepts[:3])
        wanted = f"{SCHEME} {token.network} {token.address} by {TRANSFER_METHOD}"
        raise ResourceError(PaymentRefused.INVALID, f"the wallet pays {wanted}; the seller takes {asked or 'nothing'}")
    return sorted(found, key=lambda offer: offer.units)


def _payable(asked: PaymentRequirements, token: Token) -> bool:
    return (
        asked.scheme == SCHEME
        and asked.network == token.network
        and asked.asset.lower() == token.address.lower()
        and _ADDRESS.fullmatch(asked.pay_to) is not None
        and int(asked.pay_to, 16) > 0
        and asked.pay_to in (asked.pay_to.lower(), to_checksum_address(asked.pay_to))
        and asked.extra.get("assetTransferMethod") in (None, TRANSFER_METHOD)
        and asked.extra.get("name", token.domain.name) == token.domain.name
        and asked.extra.get("version", token.domain.version) == token.domain.version
    )


def ordered_offer(terms: PaymentRequired, order: PaymentOrder, token: Token) -> Offer:
    """The offer that is exactly what was ordered. This is asked before anything is signed.

    Raises:
        ResourceError: The seller asks for another sum, for another payee, or for something the wallet cannot pay.
    """
    found = offers(terms, token)
    units = money_units(order.money)
    theirs = [offer for offer in found if offer.requirements.pay_to.lower() == order.destination.lower()]
    if not theirs:
        wants = f"the seller wants {found[0].payee} paid, the order is for {order.destination}"
        raise ResourceError(PaymentRefused.INVALID, wants)
    for offer in theirs:
        if offer.units == units:
            return offer
    asked = money_text(theirs[0].units, token.currency)
    if theirs[0].units > units:
        raise ResourceError(PaymentRefused.INVALID, f"the seller asks {asked}, the order allows {order.money}")
    # The scheme knows exact sums only, and the signer signs the sum of the order.
    raise ResourceError(
        PaymentRefused.INVALID, f"the seller asks {asked}, less than the {order.money} ordered: quote again"
    )


def check_order(order: PaymentOrder, url: str, token: Token) -> None:
    """Hold an order against what the wallet pays resources with.

    Raises:
        ResourceError: It is for something else.
    """
    wrong = None
    if order.action is not PaymentAction.PAY_RESOURCE:
        wrong = f"the order is to {order.action}"
    elif order.chain_id != token.chain_id:
        wrong = f"the order is for chain {order.chain_id}, the wallet is on {token.chain_id}"
    elif order.money.currency != token.currency:
        wrong = f"the order is in {order.money.currency}, resources are paid in {token.currency}"
    elif order.expires_at.tzinfo is None:
        wrong = "the order's expires_at names no time zone"
    elif _ADDRESS.fullmatch(order.destination) is None:
        wrong = "the order's destination is no address of the chain"
    elif order.details.get("url", url) != url:
        wrong = "the order is for another resource"
    if wrong is not None:
        raise ResourceError(PaymentRefused.INVALID, wrong)


def check_authorization(signed: SignedAuthorization, order: PaymentOrder, token: Token, payer: str, nonce: str) -> None:
    """Hold what the signer signed against the order, before it leaves the wallet.

    Raises:
        ResourceError: It would pay something else.
    """
    message = signed.authorization
    same = (
        message.sender.lower() == payer.lower()
        and message.to.lower() == order.destination.lower()
        and message.value == money_units(order.money)
        and message.nonce == nonce
        and message.valid_before <= order_deadline(order.expires_at)
    )
    if not same:
        raise ResourceError(PaymentRefused.INVALID, "the signer's authorisation is not the order's; it was not sent")


def order_deadline(expires_at: datetime) -> int:
    """The first second of the chain's clock in which an order's authorisation is void."""
    return int(expires_at.timestamp())


def payment_header(offer: Offer, terms: PaymentRequired, signed: SignedAuthorization, order: PaymentOrder) -> str:
    """The PAYMENT-SIGNATURE header. With the same order it always says the same payment."""
    message = signed.authorization
    authorization: dict[str, JsonValue] = {
        "from": message.sender,
        "to": message.to,
        "value": str(message.value),
        "validAfter": str(message.valid_after),
        "validBefore": str(message.valid_before),
        "nonce": message.nonce,
    }
    payload = PaymentPayload(
        payload={"authorization": authorization, "signature": signed.signature},
        accepted=offer.requirements,
        resource=terms.resource,
        extensions=_identified(terms.extensions or {}, order) or None,
    )
    return encode_payment_signature_header(payload)


def _identified(declared: Mapping[str, JsonValue], order: PaymentOrder) -> dict[str, JsonValue]:
    """The seller's extensions, echoed; a seller that knows payments by an id is told the order's."""
    extensions = dict(declared)
    extension = extensions.get(IDENTIFIER)
    if isinstance(extension, dict) and isinstance(info := extension.get("info"), dict):
        extensions[IDENTIFIER] = {**extension, "info": {**info, "id": f"pay_{order.order_id.hex}"}}
    return extensions
