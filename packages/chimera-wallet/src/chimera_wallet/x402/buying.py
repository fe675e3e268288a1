"""Paying for an HTTP resource (x402): the seller's price is held against the order before anything is signed."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import anyio
import httpx2
from x402.http.constants import PAYMENT_REQUIRED_HEADER, PAYMENT_RESPONSE_HEADER, PAYMENT_SIGNATURE_HEADER
from x402.schemas import PaymentRequired

from chimera_protocol.payments import PaymentOrder, PaymentReceipt, PaymentStatus
from chimera_wallet.messages import PaymentRefused
from chimera_wallet.tokens.amounts import money_text, money_units
from chimera_wallet.x402.answers import (
    PurchaseOutcome,
    Resource,
    ResourceQuote,
    ResourceResult,
    ResourceSettlement,
    read_content,
    read_settlement,
)
from chimera_wallet.x402.settlement import NEWEST, Depth, Rpc, Watched, payment_receipt
from chimera_wallet.x402.terms import (
    Method,
    Offer,
    ResourceError,
    SignedAuthorization,
    Token,
    TokenDomain,
    check_authorization,
    check_order,
    checked_url,
    offers,
    order_deadline,
    ordered_offer,
    origin,
    payment_header,
    read_terms,
    said,
)

MAX_BODY = 256 * 1024
ASK_SECONDS = 15
PAY_SECONDS = 90
# A proxy of the environment is for the world, not for a seller on this machine.
DIRECT = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
PASSING = (408, 425, 429)
"""Statuses that ask for patience."""

Authorise = Callable[[PaymentOrder, TokenDomain], Awaitable[SignedAuthorization]]
"""Asks the signer for the authorisation of an order; the same order always has the same one."""


@dataclass(frozen=True)
class _Answer:
    content: Resource
    headers: httpx2.Headers


@dataclass(frozen=True)
class PurchaseBounds:
    """What one request may take."""

    ask_seconds: float = ASK_SECONDS
    pay_seconds: float = PAY_SECONDS
    body: int = MAX_BODY


NORMAL = PurchaseBounds()


@dataclass(frozen=True)
class Wanted:
    """The request that gets the resource; it is the same with and without payment."""

    url: str
    method: Method = "GET"
    body: str | None = None


def authorization_nonce(order_id: UUID) -> str:
    """The nonce of an order's authorisation: one order is one nonce, and the token takes a nonce once."""
    return "0x" + hashlib.sha256(str(order_id).encode()).hexdigest()


class Sellers:
    """The sellers that configuration allows; none unless it names them."""

    def __init__(
        self,
        hosts: Iterable[str],
        token: Token,
        rpc: Rpc,
        *,
        bounds: PurchaseBounds = NORMAL,
        depth: Depth = NEWEST,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Buy from these hosts: `api.example.com` means https, another scheme or port is written out.

        Raises:
            ResourceError: One of them is no http(s) origin.
        """
        self._origins = frozenset(origin(host) for host in hosts)
        self._token = token
        self._rpc = rpc
        self._bounds = bounds
        self._depth = depth
        self._clock = clock

    async def quote(self, url: str, method: Method = "GET", body: str | None = None) -> ResourceQuote:
        """Ask what a resource costs, without paying.

        Raises:
            ResourceError: The address is not allowed, or the seller gives no price that the wallet can pay.
        """
        wanted = Wanted(checked_url(url, self._origins), method, body)
        terms = await self._terms(wanted)
        if isinstance(terms, Resource):
            return ResourceQuote(url=wanted.url, free=True, content=terms)
        cheapest = offers(terms, self._token)[0]
        return ResourceQuote(
            url=wanted.url,
            free=False,
            amount=money_text(cheapest.units, self._token.currency),
            destination=cheapest.payee,
            description=said(terms.resource.description if terms.resource else ""),
            chain_id=self._token.chain_id,
            token=self._token.address,
            token_name=self._token.domain.name,
            token_version=self._token.domain.version,
            requirements=cheapest.requirements.model_dump(mode="json", by_alias=True),
        )

    async def receipt(self, order: PaymentOrder, payer: str) -> PaymentReceipt:
        """What the chain says about an order's authorisation.

        Raises:
            ResourceError: The chain cannot be asked.
        """
        watched = Watched(
            order_id=order.order_id,
            token=self._token.address,
            payer=payer,
            payee=order.destination,
            units=money_units(order.money),
            nonce=authorization_nonce(order.order_id),
            valid_before=order_deadline(order.expires_at),
        )
        return await payment_receipt(self._rpc, watched, self._depth)

    async def pay(
        self,
        url: str,
        order: PaymentOrder,
        *,
        payer: str,
        authorise: Authorise,
        signed_before: bool = False,
        method: Method = "GET",
        body: str | None = None,
    ) -> ResourceResult:
        """Pay for a resource and fetch it. The same order again sends the same authorisation, which pays once.

        Args:
            signed_before: Whether the signer has signed this order already, so that others may hold the signature.

        Raises:
            ResourceError: Nothing was paid and nobody holds a signature of this order: what the seller asks is not
                what was ordered, the order is over, or a part that is needed does not answer.
        """
        before = await (self._receipt_or_signed if signed_before else self.receipt)(order, payer)
        paid = before.status in (PaymentStatus.CONFIRMED, PaymentStatus.PENDING)
        try:
            wanted = Wanted(checked_url(url, self._origins), method, body)
            check_order(order, wanted.url, self._token)
            if order.expires_at <= self._clock():
                raise ResourceError(PaymentRefused.INVALID, f"the order expired at {order.expires_at.isoformat()}")
            if before.status is PaymentStatus.REVERTED:
                raise ResourceError(PaymentRefused.INVALID, before.explanation)
            ready = await self._prepare(wanted, order, payer, authorise)
        except ResourceError as error:
            if not paid and not signed_before:
                raise
            outcome = (
                PurchaseOutcome.UNKNOWN if before.status is PaymentStatus.SIGNED else PurchaseOutcome.NOT_DELIVERED
            )
            return _result(order, url, outcome, before, explanation=error.detail)
        if isinstance(ready, Resource):
            return _given(order, wanted.url, ready, before, paid=paid, signed=signed_before)
        return await self._buy(wanted, order, payer, ready)

    async def _prepare(self, wanted: Wanted, order: PaymentOrder, payer: str, authorise: Authorise) -> Resource | str:
        """The payment header; or the content, when the seller gives it for nothing."""
        terms = await self._terms(wanted)
        if isinstance(terms, Resource):
            return terms
        offer: Offer = ordered_offer(terms, order, self._token)
        signed = await authorise(order, self._token.domain)
        check_authorization(signed, order, self._token, payer, authorization_nonce(order.order_id))
        return payment_header(offer, terms, signed, order)

    async def _terms(self, wanted: Wanted) -> PaymentRequired | Resource:
        """What the seller asks, or the content of a resource that is free."""
        try:
            answer = await self._request(wanted, {}, self._bounds.ask_seconds)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ResourceError(PaymentRefused.UNAVAILABLE, "the seller does not answer in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ResourceError(PaymentRefused.UNAVAILABLE, f"the seller cannot be reached: {_named(error)}") from error
        status = answer.content.status
        if status == httpx2.codes.PAYMENT_REQUIRED:
            return read_terms(answer.headers.get(PAYMENT_REQUIRED_HEADER))
        if 200 <= status < 300:
            return answer.content
        if 300 <= status < 400:
            place = said(answer.headers.get("location"), 200)
            raise ResourceError(
                PaymentRefused.INVALID, f"the seller redirects to {place!r}; redirects are not followed"
            )
        refusal = PaymentRefused.UNAVAILABLE if status >= 500 or status in PASSING else PaymentRefused.INVALID
        raise ResourceError(refusal, f"the seller answers with HTTP status {status}")

    async def _buy(self, wanted: Wanted, order: PaymentOrder, payer: str, header: str) -> ResourceResult:
        """Send the payment. From here on the signature is in other hands, so only the chain says what it did."""
        answer: _Answer | None = None
        explanation = ""
        try:
            answer = await self._request(wanted, {PAYMENT_SIGNATURE_HEADER: header}, self._bounds.pay_seconds)
        except (TimeoutError, httpx2.TimeoutException):
            explanation = "the seller did not answer the payment in time"
        except httpx2.HTTPError as error:
            explanation = f"the connection to the seller was lost: {_named(error)}"
        after = await self._receipt_or_signed(order, payer)
        if answer is None:
            return _result(order, wanted.url, PurchaseOutcome.UNKNOWN, after, explanation=explanation)
        settlement = read_settlement(answer.headers.get(PAYMENT_RESPONSE_HEADER))
        outcome = _outcome(answer.content.status)
        if outcome is not PurchaseOutcome.DELIVERED:
            explanation = _complaint(answer, settlement)
        return _result(
            order, wanted.url, outcome, after, content=answer.content, settlement=settlement, explanation=explanation
        )

    async def _receipt_or_signed(self, order: PaymentOrder, payer: str) -> PaymentReceipt:
        try:
            return await self.receipt(order, payer)
        except ResourceError as error:
            return PaymentReceipt(order_id=order.order_id, status=PaymentStatus.SIGNED, explanation=error.detail)

    async def _request(self, wanted: Wanted, headers: dict[str, str], seconds: float) -> _Answer:
        plain = {"accept": "*/*", "accept-encoding": "identity", **headers}
        if wanted.body is not None:
            plain["content-type"] = "application/json"
        # The client's own time-out is per read, which a slow drip of bytes would never reach.
        with anyio.fail_after(seconds):
            async with (
                httpx2.AsyncClient(timeout=seconds, follow_redirects=False, mounts=DIRECT) as client,
                client.stream(wanted.method, wanted.url, headers=plain, content=wanted.body) as response,
            ):
                received = bytearray()
                # Bytes as they come: a small compressed body must not become a large one.
                async for chunk in response.aiter_raw(16 * 1024):
                    received += chunk
                    if len(received) > self._bounds.body:
                        break
                return _Answer(
                    read_content(response.status_code, response.headers, bytes(received), self._bounds.body),
                    response.headers,
                )


def _outcome(status: int) -> PurchaseOutcome:
    if 200 <= status < 300:
        return PurchaseOutcome.DELIVERED
    return PurchaseOutcome.UNKNOWN if status >= 500 else PurchaseOutcome.NOT_DELIVERED


def _complaint(answer: _Answer, settlement: ResourceSettlement | None) -> str:
    text = f"the seller answered the payment with HTTP status {answer.content.status}"
    if settlement is not None and settlement.error:
        return f"{text}: {settlement.error}"
    try:
        return f"{text}: {said(read_terms(answer.headers.get(PAYMENT_REQUIRED_HEADER)).error, 200)}"
    except ResourceError:
        return text


def _given(
    order: PaymentOrder, url: str, content: Resource, receipt: PaymentReceipt, *, paid: bool, signed: bool
) -> ResourceResult:
    """What a seller gave without asking for a payment now."""
    if not paid and not signed:
        receipt = PaymentReceipt(order_id=order.order_id, status=PaymentStatus.NONE, explanation="nothing was signed")
    return _result(order, url, PurchaseOutcome.DELIVERED if paid else PurchaseOutcome.FREE, receipt, content=content)


def _result(
    order: PaymentOrder,
    url: str,
    outcome: PurchaseOutcome,
    receipt: PaymentReceipt,
    *,
    content: Resource | None = None,
    settlement: ResourceSettlement | None = None,
    explanation: str = "",
) -> ResourceResult:
    final = receipt.status in (PaymentStatus.NONE, PaymentStatus.CONFIRMED, PaymentStatus.REVERTED)
    return ResourceResult(
        order_id=order.order_id,
        url=url,
        outcome=outcome,
        uncertain=not final,
        receipt=receipt,
        content=content,
        settlement=settlement,
        explanation=explanation,
    )


def _named(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()[:200]
