"""What a seller's server answered, bounded and as data, and what the wallet makes of it."""

import base64
from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from x402.http.utils import decode_payment_response_header

from chimera_protocol.payments import PaymentReceipt
from chimera_protocol.wire import Wire
from chimera_wallet.x402.terms import said

MAX_TYPE = 128


class PurchaseOutcome(StrEnum):
    """How the purchase of a resource came out. What became of the money is in the receipt, not here."""

    FREE = "free"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    UNKNOWN = "unknown"


class Resource(Wire):
    """What the seller's server answered: data, never an instruction."""

    status: int
    media_type: str
    body: str
    encoding: str = "utf-8"
    truncated: bool = False


class ResourceSettlement(Wire):
    """What the seller says about the payment; the chain's word is the receipt."""

    success: bool
    transaction: str
    error: str


class ResourceQuote(Wire):
    """What a resource costs. A free one has its content here and nothing to pay."""

    url: str
    free: bool
    amount: str | None = None
    destination: str | None = None
    description: str = ""
    chain_id: int | None = None
    token: str | None = None
    token_name: str | None = None
    token_version: str | None = None
    requirements: dict[str, JsonValue] = {}
    content: Resource | None = None


class ResourceResult(Wire):
    """What came of an order to pay for a resource.

    `uncertain` holds while the authorisation may still be used: keep the money reserved, ask for the receipt again,
    or call with the same order again, which can only pay once.
    """

    order_id: UUID
    url: str
    outcome: PurchaseOutcome
    uncertain: bool
    receipt: PaymentReceipt
    content: Resource | None = None
    settlement: ResourceSettlement | None = None
    explanation: str = ""


def read_content(status: int, headers: Mapping[str, str], received: bytes, limit: int) -> Resource:
    """The body of an answer, at most `limit` bytes of it: text when it is text, base64 for anything else."""
    kept = received[:limit]
    cut = len(received) > limit
    text = None if "content-encoding" in headers else _text(kept, cut=cut)
    return Resource(
        status=status,
        media_type=said(headers.get("content-type"), MAX_TYPE),
        body=base64.b64encode(kept).decode() if text is None else text,
        encoding="base64" if text is None else "utf-8",
        truncated=cut,
    )


def _text(body: bytes, *, cut: bool) -> str | None:
    if b"\0" in body:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        # A cut may have hit the middle of a character.
        halved = cut and error.reason == "unexpected end of data"
        return body[: error.start].decode() if halved else None


def read_settlement(header: str | None) -> ResourceSettlement | None:
    """The PAYMENT-RESPONSE header of a seller; None when it says nothing that can be read."""
    if not header:
        return None
    try:
        told = decode_payment_response_header(header)
    except (ValueError, RecursionError):
        return None
    return ResourceSettlement(
        success=told.success, transaction=said(told.transaction, 80), error=said(told.error_reason, 200)
    )
