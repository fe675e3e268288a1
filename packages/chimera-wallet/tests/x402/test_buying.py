"""Buying a resource from a real x402 seller, with real settlement on an embedded chain."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from seller import (
    NAME,
    REPORT,
    UNIT,
    VERSION,
    Chain,
    Fault,
    Seller,
    Signer,
    chain_running,
    selling,
)

from chimera_protocol.payments import PaymentAction, PaymentOrder, PaymentStatus
from chimera_wallet.messages import PaymentRefused
from chimera_wallet.x402.answers import PurchaseOutcome, ResourceResult
from chimera_wallet.x402.buying import PurchaseBounds, Sellers
from chimera_wallet.x402.terms import ResourceError, SignedAuthorization, TokenDomain

START = 100 * UNIT
PRICE = UNIT // 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with chain_running(tmp_path_factory.mktemp("chain")) as chain:
        asyncio.run(chain.fund(chain.settler.address, "10 ETH"))
        yield chain


@pytest.fixture
def chain(running: Chain) -> Chain:
    running.down = False
    return running


@pytest.fixture
def seller(chain: Chain) -> Iterator[Seller]:
    with selling(chain) as open_seller:
        yield open_seller


class Buyer:
    """The wallet's side, with everything that it would be given."""

    def __init__(self, chain: Chain, seller: Seller, bounds: PurchaseBounds | None = None) -> None:
        self.signer = Signer(chain)
        self.chain = chain
        self.seller = seller
        self.payee = seller.pay_to
        self.bounds = bounds or PurchaseBounds(ask_seconds=10, pay_seconds=10)
        self.sellers = Sellers([seller.url], chain.token, chain.rpc, bounds=self.bounds)

    def order(self, amount: str = "0.05 USDC", **changes: object) -> PaymentOrder:
        values: dict[str, object] = {
            "order_id": uuid4(),
            "account": f"{UUID(int=1)}:{UUID(int=2)}",
            "action": PaymentAction.PAY_RESOURCE,
            "chain_id": self.chain.token.chain_id,
            "destination": self.payee,
            "amount": amount,
            "max_fee": None,
            "purpose": "a report on trains",
            "budget_verification_hash": "b" * 64,
            "expires_at": datetime.now(UTC) + timedelta(minutes=5),
        }
        return PaymentOrder.model_validate({**values, **changes})

    async def pay(self, order: PaymentOrder, page: str = "/report") -> ResourceResult:
        return await self.sellers.pay(self.seller.url + page, order, payer=self.signer.address, authorise=self.signer)

    async def paid(self) -> int:
        """What left the payer, which must be what the payee has."""
        spent = START - await self.chain.balance(self.signer.address)
        assert spent == await self.chain.balance(self.payee)
        return spent


async def buying(chain: Chain, seller: Seller, bounds: PurchaseBounds | None = None) -> Buyer:
    buyer = Buyer(chain, seller, bounds)
    await chain.fund(buyer.signer.address, "100 USDC")
    return buyer


@pytest.fixture
async def buyer(chain: Chain, seller: Seller) -> Buyer:
    return await buying(chain, seller)


async def test_a_quote_says_what_a_resource_costs_and_how_it_is_paid(buyer: Buyer, chain: Chain) -> None:
    quote = await buyer.sellers.quote(buyer.seller.url + "/report")
    assert (quote.free, quote.amount, quote.destination) == (False, "0.05 USDC", buyer.payee)
    assert (quote.token, quote.token_name, quote.token_version) == (chain.token.address, NAME, VERSION)
    assert quote.requirements["network"] == chain.token.network
    assert quote.description == "A report on trains"
    assert quote.content is None


async def test_a_free_resource_is_had_without_a_signature(buyer: Buyer) -> None:
    quote = await buyer.sellers.quote(buyer.seller.url + "/free")
    assert quote.free
    assert quote.content is not None and quote.content.body == REPORT
    result = await buyer.pay(buyer.order(), "/free")
    assert (result.outcome, result.uncertain, result.receipt.status) == (
        PurchaseOutcome.FREE,
        False,
        PaymentStatus.NONE,
    )
    assert result.content is not None and result.content.body == REPORT
    assert buyer.signer.orders == [] and await buyer.paid() == 0


async def test_a_resource_is_paid_once_and_delivered(buyer: Buyer) -> None:
    order = buyer.order()
    result = await buyer.pay(order)
    assert (result.outcome, result.uncertain) == (PurchaseOutcome.DELIVERED, False)
    assert result.content is not None and result.content.body == REPORT
    assert result.settlement is not None and result.settlement.success
    assert result.receipt.status is PaymentStatus.CONFIRMED
    assert result.receipt.tx_hash == result.settlement.transaction
    assert result.receipt.explanation == ""
    assert result.receipt.order_id == order.order_id
    assert await buyer.paid() == PRICE


async def test_a_seller_on_this_machine_is_asked_without_a_proxy(buyer: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await buyer.sellers.quote(buyer.seller.url + "/free")).free


@pytest.mark.parametrize("amount", ["0.049999 USDC", "0.000001 USDC", "1 USDC"])
async def test_a_price_that_is_not_the_ordered_one_is_refused_before_anything_is_signed(
    buyer: Buyer, amount: str
) -> None:
    with pytest.raises(ResourceError, match=r"invalid: the seller asks 0\.05 USDC"):
        await buyer.pay(buyer.order(amount))
    assert buyer.signer.orders == [] and buyer.seller.payments == [] and await buyer.paid() == 0


async def test_a_price_raised_after_the_quote_is_refused_before_anything_is_signed(buyer: Buyer) -> None:
    quote = await buyer.sellers.quote(buyer.seller.url + "/report")
    buyer.seller.price += 1
    with pytest.raises(ResourceError, match=r"asks 0\.050001 USDC, the order allows 0\.05 USDC"):
        await buyer.pay(buyer.order(str(quote.amount)))
    assert buyer.signer.orders == [] and await buyer.paid() == 0


async def test_another_payee_asset_or_token_name_is_refused_before_anything_is_signed(buyer: Buyer) -> None:
    buyer.seller.pay_to = buyer.chain.settler.address
    with pytest.raises(ResourceError, match="the order is for"):
        await buyer.pay(buyer.order())
    buyer.seller.pay_to = buyer.payee
    buyer.seller.asset = buyer.chain.settler.address
    with pytest.raises(ResourceError, match="the wallet pays exact"):
        await buyer.pay(buyer.order())
    buyer.seller.asset, buyer.seller.name = "", "Fool's Gold"
    with pytest.raises(ResourceError, match="the wallet pays exact"):
        await buyer.pay(buyer.order())
    assert buyer.signer.orders == [] and buyer.seller.payments == []


async def test_another_network_is_refused_before_anything_is_signed(buyer: Buyer, chain: Chain) -> None:
    token = replace(chain.token, chain_id=8453)
    buyer.sellers = Sellers([buyer.seller.url], token, chain.rpc)
    with pytest.raises(ResourceError, match="the wallet pays exact eip155:8453"):
        await buyer.pay(buyer.order(chain_id=8453))
    with pytest.raises(ResourceError, match="invalid: the order is for chain 1,"):
        await buyer.pay(buyer.order(chain_id=1))
    assert buyer.signer.orders == []


async def test_an_order_for_another_resource_is_refused(buyer: Buyer) -> None:
    with pytest.raises(ResourceError, match="invalid: the order is for another resource"):
        await buyer.pay(buyer.order(details={"url": "https://example.com/"}))
    assert (
        await buyer.pay(buyer.order(details={"url": buyer.seller.url + "/report"}))
    ).outcome is PurchaseOutcome.DELIVERED


async def test_an_expired_order_is_refused_before_anything_is_signed(buyer: Buyer) -> None:
    with pytest.raises(ResourceError, match="invalid: the order expired"):
        await buyer.pay(buyer.order(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert buyer.signer.orders == []


async def test_what_the_signer_signed_wrongly_does_not_leave_the_wallet(buyer: Buyer) -> None:
    other = buyer.order("0.06 USDC")

    async def authorise(order: PaymentOrder, domain: TokenDomain) -> SignedAuthorization:
        return await buyer.signer(other, domain)

    with pytest.raises(ResourceError, match="it was not sent"):
        await buyer.sellers.pay(
            buyer.seller.url + "/report", buyer.order(), payer=buyer.signer.address, authorise=authorise
        )
    assert buyer.seller.payments == []


@pytest.mark.parametrize(
    "fault", [Fault.STALL_AFTER_SETTLEMENT, Fault.DROP_AFTER_SETTLEMENT, Fault.ERROR_AFTER_SETTLEMENT]
)
async def test_an_answer_lost_after_settlement_is_seen_on_the_chain_and_never_paid_again(
    chain: Chain, seller: Seller, fault: Fault
) -> None:
    buyer = await buying(chain, seller, PurchaseBounds(ask_seconds=10, pay_seconds=3))
    seller.faults = [fault]
    order = buyer.order()
    lost = await buyer.pay(order)
    assert (lost.outcome, lost.uncertain) == (PurchaseOutcome.UNKNOWN, False)
    assert lost.receipt.status is PaymentStatus.CONFIRMED
    assert await buyer.paid() == PRICE
    again = await buyer.pay(order)
    assert again.outcome is PurchaseOutcome.NOT_DELIVERED
    assert again.receipt == lost.receipt
    assert await buyer.paid() == PRICE
    first, second = seller.payments
    assert first == second


async def test_a_seller_that_knows_payments_by_their_id_delivers_on_the_retry(buyer: Buyer) -> None:
    buyer.seller.faults = [Fault.DROP_AFTER_SETTLEMENT]
    buyer.seller.remembers = True
    order = buyer.order()
    assert (await buyer.pay(order)).outcome is PurchaseOutcome.UNKNOWN
    again = await buyer.pay(order)
    assert again.outcome is PurchaseOutcome.DELIVERED
    assert again.content is not None and again.content.body == REPORT
    assert await buyer.paid() == PRICE


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE_SETTLEMENT, Fault.ERROR_BEFORE_SETTLEMENT])
async def test_an_answer_lost_before_settlement_is_uncertain_and_a_retry_pays_once(buyer: Buyer, fault: Fault) -> None:
    buyer.seller.faults = [fault]
    order = buyer.order()
    lost = await buyer.pay(order)
    assert (lost.outcome, lost.uncertain) == (PurchaseOutcome.UNKNOWN, True)
    assert lost.receipt.status is PaymentStatus.SIGNED
    assert await buyer.paid() == 0
    assert (await buyer.pay(order)).outcome is PurchaseOutcome.DELIVERED
    assert await buyer.paid() == PRICE


async def test_a_retry_that_fails_early_does_not_hide_that_a_signature_is_out(buyer: Buyer) -> None:
    buyer.seller.faults = [Fault.DROP_BEFORE_SETTLEMENT]
    order = buyer.order()
    assert (await buyer.pay(order)).uncertain

    async def again(url: str) -> ResourceResult:
        return await buyer.sellers.pay(
            url, order, payer=buyer.signer.address, authorise=buyer.signer, signed_before=True
        )

    for url in (buyer.seller.url + "/broken", buyer.seller.url + "/free", "http://127.0.0.1:1/"):
        result = await again(url)
        assert result.uncertain and result.receipt.status is PaymentStatus.SIGNED
        assert result.outcome in (PurchaseOutcome.UNKNOWN, PurchaseOutcome.FREE)
    buyer.chain.down = True
    silent = await again(buyer.seller.url + "/broken")
    assert (silent.outcome, silent.uncertain) == (PurchaseOutcome.UNKNOWN, True)


async def test_a_paid_order_that_has_expired_or_whose_seller_is_gone_is_still_told_as_paid(buyer: Buyer) -> None:
    order = buyer.order()
    assert (await buyer.pay(order)).outcome is PurchaseOutcome.DELIVERED
    buyer.seller.price *= 2
    dearer = await buyer.pay(order)
    assert dearer.outcome is PurchaseOutcome.NOT_DELIVERED
    assert dearer.receipt.status is PaymentStatus.CONFIRMED
    assert "the order allows" in dearer.explanation
    late = Sellers(
        [buyer.seller.url], buyer.chain.token, buyer.chain.rpc, clock=lambda: order.expires_at + timedelta(seconds=1)
    )
    told = await late.pay(buyer.seller.url + "/report", order, payer=buyer.signer.address, authorise=buyer.signer)
    assert told.outcome is PurchaseOutcome.NOT_DELIVERED and "expired" in told.explanation
    assert len(buyer.signer.orders) == 1 and await buyer.paid() == PRICE


async def test_a_payment_that_the_seller_refuses_stays_uncertain_until_its_deadline(tmp_path: Path) -> None:
    with chain_running(tmp_path) as chain, selling(chain) as seller:
        buyer = await buying(chain, seller)
        order = buyer.order("101 USDC")
        seller.price = 101 * UNIT
        result = await buyer.pay(order)
        assert (result.outcome, result.uncertain) == (PurchaseOutcome.NOT_DELIVERED, True)
        assert "HTTP status 402" in result.explanation
        assert result.receipt.status is PaymentStatus.SIGNED
        chain.late = 301
        await chain.fund(buyer.signer.address, "1 USDC")
        receipt = await buyer.sellers.receipt(order, buyer.signer.address)
        assert receipt.status is PaymentStatus.REVERTED


async def test_nothing_is_signed_while_the_chain_cannot_be_asked(buyer: Buyer) -> None:
    buyer.chain.down = True
    with pytest.raises(ResourceError, match="unavailable: the chain"):
        await buyer.pay(buyer.order())
    assert buyer.signer.orders == []


async def test_a_chain_that_falls_silent_after_the_payment_leaves_it_uncertain(buyer: Buyer) -> None:
    sign = buyer.signer

    async def authorise(order: PaymentOrder, domain: TokenDomain) -> SignedAuthorization:
        signed = await sign(order, domain)
        buyer.chain.down = True
        return signed

    result = await buyer.sellers.pay(
        buyer.seller.url + "/report", buyer.order(), payer=buyer.signer.address, authorise=authorise
    )
    assert (result.outcome, result.uncertain) == (PurchaseOutcome.DELIVERED, True)
    assert result.receipt.explanation == "the chain does not answer"


async def test_a_huge_body_is_cut_off(chain: Chain, seller: Seller) -> None:
    buyer = await buying(chain, seller, PurchaseBounds(ask_seconds=10, pay_seconds=10, body=1_000))
    seller.body = "ü" * 1_000_000
    quote = await buyer.sellers.quote(seller.url + "/free")
    paid = await buyer.pay(buyer.order())
    for content in (quote.content, paid.content):
        assert content is not None and content.truncated
        assert content.body == "ü" * 500


async def test_redirects_and_errors_of_a_seller_are_refused(buyer: Buyer) -> None:
    for page, message in (
        ("/elsewhere", "invalid: the seller redirects to 'http://127.0.0.1:1/secrets'"),
        ("/broken", "unavailable: the seller answers with HTTP status 503"),
        ("/busy", "unavailable: the seller answers with HTTP status 429"),
        ("/missing", "invalid: the seller answers with HTTP status 404"),
    ):
        with pytest.raises(ResourceError, match=message):
            await buyer.sellers.quote(buyer.seller.url + page)
        with pytest.raises(ResourceError, match=message):
            await buyer.pay(buyer.order(), page)
    assert buyer.signer.orders == []


async def test_only_sellers_that_configuration_names_are_asked(buyer: Buyer, chain: Chain) -> None:
    nobody = Sellers([], chain.token, chain.rpc)
    with pytest.raises(ResourceError, match="no seller that --seller-host allows; allowed: none"):
        await nobody.quote(buyer.seller.url + "/report")
    with pytest.raises(ResourceError, match="no seller that --seller-host allows"):
        await buyer.sellers.quote("http://127.0.0.1:1/report")


async def test_a_seller_that_is_away_or_slow_is_unavailable(chain: Chain, seller: Seller) -> None:
    closed = Sellers(["http://127.0.0.1:1"], chain.token, chain.rpc)
    with pytest.raises(ResourceError, match="unavailable: the seller cannot be reached: ConnectError") as caught:
        await closed.quote("http://127.0.0.1:1/")
    assert caught.value.refusal is PaymentRefused.UNAVAILABLE
    hasty = Sellers([seller.url], chain.token, chain.rpc, bounds=PurchaseBounds(ask_seconds=0))
    with pytest.raises(ResourceError, match="unavailable: the seller does not answer in time"):
        await hasty.quote(seller.url + "/free")
