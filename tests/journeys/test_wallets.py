"""What operators do with wallets over HTTP: filling them, reading the chain, tokens, bought resources (FIN-6)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from eth_account import Account
from seller import NAME, REPORT, UNIT, VERSION, Chain, Fault, Seller, selling
from tests.journeys.fleet import Fleet, Json, wire
from tests.journeys.paying import FUNDS, LIMITS, Street, Till, open_till

from chimera.gateways.mcp.host import ToolHost
from chimera.settings import Settings
from chimera.values import KeyRole
from chimera.wiring import tool_servers
from chimera.wiring.api import create_app
from chimera_protocol.payments import WALLET
from chimera_wallet.x402.terms import Token, TokenDomain

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = {"name": "Quiet Coin", "symbol": "QUIET", "supply": "1000000", "decimals": 18}
OFFER = "0.05 USDC"


class StreetChain(Chain):
    """The street's chain, as the seller's facilitator sees it."""

    def __init__(self, street: Street) -> None:
        settings = street.given
        assert settings.chain_url is not None and settings.chain_id is not None
        self.url = settings.chain_url
        self.token = Token(settings.chain_id, settings.chain_tokens["USDC"], TokenDomain(NAME, VERSION))
        self.settler = Account.create()


@pytest.fixture(scope="module")
def seller(street: Street) -> Iterator[Seller]:
    with selling(StreetChain(street)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market(street: Street, seller: Seller) -> AsyncIterator[Street]:
    """The street with a wallet server that may buy from the seller."""
    await street.ask("chimera_fund", seller.chain.settler.address, "1 ETH")
    made = Street(street.given.model_copy(update={"seller_hosts": [seller.url]}))
    yield made
    await made.host.close()


@dataclass
class Counter:
    """An influencer with a wallet, and her tenant's way into the API."""

    till: Till
    fleet: Fleet

    async def post(self, path: str, body: Json, status: int = 200, key: str = "k") -> Json:
        headers = {"Idempotency-Key": key}
        return await self.fleet.post(f"/v1/wallets/Nora/{path}", body, status, headers=headers)

    async def buy(self, seller: Seller, status: int = 200, key: str = "k", **wish: str) -> Json:
        return await self.post("resources", {"url": f"{seller.url}/report", "at_most": OFFER, **wish}, status, key)

    async def credited(self, account: str, currency: str = "USDC") -> Decimal:
        query = """SELECT coalesce(-sum(p.amount), 0) FROM ledger_posting p JOIN transaction_ledger
            USING (transaction_id) WHERE p.tenant_id = $1 AND p.account = $2 AND currency = $3"""
        return Decimal(await self.till.value(query, self.till.tenant_id, account, currency))


@asynccontextmanager
async def opened(
    street: Street, own: Settings, raw: "asyncpg.Connection[asyncpg.Record]", funds: tuple[str, ...] = FUNDS
) -> AsyncIterator[Counter]:
    system = wire(street.settings(own), street.host)
    await system.open()
    try:
        till = await open_till(system, raw, street, funds, LIMITS)
        keys = {role: await system.accounts.add_key(till.tenant_id, role.value, role) for role in KeyRole}
        transport = httpx2.ASGITransport(create_app(system))
        async with httpx2.AsyncClient(transport=transport, base_url="http://chimera.test", timeout=60) as client:
            yield Counter(till, Fleet(system, client, till.tenant_id, till.account, keys, raw))
    finally:
        await system.close()


@pytest_asyncio.fixture(loop_scope="session")
async def counter(
    market: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Counter]:
    async with opened(market, settings, raw) as made:
        yield made


async def test_the_owners_money_is_funding_and_anybody_elses_is_income(street: Street, counter: Counter) -> None:
    shown = await counter.fleet.get("/v1/wallets/Nora")
    assert shown["balances"] == {"USDC": "1000", "ETH": "1"}
    filled = await counter.post("fund", {"amounts": ["5 USDC"]})
    assert (filled["address"], filled["balances"]["USDC"]) == (shown["address"], "1005")
    await street.move(await street.stranger(), shown["address"], "7.5 USDC")
    assert await counter.post("sync", None) == {"booked": 1}
    assert await counter.credited("equity:funding") == 1005
    assert await counter.credited(f"income:received:{counter.till.nora.agent_id}") == Decimal("7.5")
    await counter.till.sound()


async def test_a_movement_is_booked_once_however_many_read_the_chain_at_once(street: Street, counter: Counter) -> None:
    stranger = await street.stranger()
    for _ in range(3):
        await street.move(stranger, counter.till.address, "2 USDC")
    told = await asyncio.gather(*(counter.post("sync", None) for _ in range(5)))
    assert sum(each["booked"] for each in told) == 3
    assert await counter.credited(f"income:received:{counter.till.nora.agent_id}") == 6
    assert await counter.post("sync", None) == {"booked": 0}
    await counter.till.sound()


async def test_money_that_leaves_without_an_order_is_told_once_and_by_name(street: Street, counter: Counter) -> None:
    gone = await street.move(await counter.till.key(), street.given.funding_addresses[0], "9 USDC")
    for _ in range(2):
        await counter.post("sync", None)
    (found,) = [row for row in await counter.fleet.items("/v1/audit") if row["action"] == "wallet.unexpected_payment"]
    assert found["body"] == {"tx_hash": gone, "amount": "9 USDC"}
    assert found["subject"] == str(counter.till.nora.agent_id)


async def test_a_token_is_made_once_for_its_key_and_its_fee_is_what_the_chain_took(
    street: Street, counter: Counter
) -> None:
    first, second = await asyncio.gather(*(counter.post("tokens", TOKEN) for _ in range(2)))
    assert first == second == await counter.post("tokens", TOKEN)
    assert first["status"] == "confirmed"
    assert len(await street.ask("eth_getCode", first["contract"], "latest")) > 100
    assert await street.sent(counter.till.address) == 1
    (fee,) = await counter.till.reservations()
    assert (fee["category"], fee["status"], fee["reference"]) == ("tokens", "posted", first["tx_hash"])
    assert fee["paid"] == await street.fee(first["tx_hash"]) < fee["amount"]
    await counter.post("tokens", {**TOKEN, "symbol": "LOUD"}, 409)
    await counter.till.sound()


async def test_what_a_wallet_could_not_pay_is_not_paid_under_the_same_key_when_it_can(
    market: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Its money was given back, so nothing stands behind that order any more."""
    async with opened(market, settings, raw, funds=()) as counter:
        problem = await counter.post("tokens", TOKEN, 502)
        assert "insufficient_funds" in problem["detail"]
        await counter.till.nothing_spent()
        await counter.post("fund", {"amounts": ["1 ETH"]})
        problem = await counter.post("tokens", TOKEN, 502)
        assert "over" in problem["detail"]
        assert await market.sent(counter.till.address) == 0
        assert (await counter.post("tokens", TOKEN, key="fresh"))["status"] == "confirmed"
        await counter.till.sound()


async def test_a_resource_is_paid_for_once_under_its_key_and_at_most_at_its_price(
    street: Street, counter: Counter, seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller, "pay_to", Account.create().address)
    monkeypatch.setattr(seller, "remembers", True)
    signed = len(street.signed())
    refused = await counter.buy(seller, 403, "cheap", at_most="0.04 USDC")
    assert (refused["error"], refused["requested"], refused["limit"]) == (
        "Price above the offer",
        "0.05 USDC",
        "0.04 USDC",
    )
    monkeypatch.setattr(seller, "price", 201 * UNIT)
    refused = await counter.buy(seller, 403, "dear", at_most="500 USDC")
    assert (refused["error"], refused["limit"]) == ("Daily spend limit exceeded", "200 USDC")
    monkeypatch.setattr(seller, "price", UNIT // 20)
    assert len(street.signed()) == signed
    assert seller.payments == []
    first = await counter.buy(seller)
    assert (first["outcome"], first["content"]["body"]) == ("delivered", REPORT)
    again = await counter.buy(seller)
    assert again["receipt"] == first["receipt"]
    assert await street.balance(seller.pay_to, "USDC") == Decimal("0.05")
    assert len(street.signed()) == signed + 1
    refusal, bought = await counter.till.reservations()
    assert (refusal["status"], bought["status"], bought["paid"]) == ("refused", "posted", Decimal("0.05"))
    assert bought["reference"] == first["receipt"]["tx_hash"]
    await counter.buy(seller, 409, url=f"{seller.url}/report?other")
    await counter.till.sound()


async def test_a_resource_whose_seller_fell_silent_after_the_payment_is_paid_and_booked_once(
    street: Street, counter: Counter, seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller, "faults", [Fault.DROP_AFTER_SETTLEMENT])
    await lost_and_found(street, counter, seller, monkeypatch, 200)


async def test_a_resource_whose_answer_came_too_late_is_paid_and_booked_once(
    market: Street,
    settings: Settings,
    raw: "asyncpg.Connection[asyncpg.Record]",
    seller: Seller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasty, servers = Street(market.given), tool_servers(market.given)
    hasty.host = ToolHost({**servers, WALLET: servers[WALLET].model_copy(update={"timeout_seconds": 4})})
    monkeypatch.setattr(seller, "faults", [Fault.STALL_AFTER_SETTLEMENT])
    async with opened(hasty, settings, raw) as counter:
        await lost_and_found(market, counter, seller, monkeypatch, 502)
    await hasty.host.close()


async def lost_and_found(
    street: Street, counter: Counter, seller: Seller, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Buy what is settled and not answered; then again under the same key."""
    monkeypatch.setattr(seller, "pay_to", Account.create().address)
    monkeypatch.setattr(seller, "remembers", True)
    lost = await counter.buy(seller, status)
    assert await street.balance(seller.pay_to, "USDC") == Decimal("0.05")
    if status == 200:
        assert (lost["outcome"], lost["receipt"]["status"]) == ("unknown", "confirmed")
    else:
        assert [row["status"] for row in await counter.till.reservations()] == ["pending"]
    found = await counter.buy(seller)
    assert (found["outcome"], found["content"]["body"]) == ("delivered", REPORT)
    assert await street.balance(seller.pay_to, "USDC") == Decimal("0.05")
    assert [row["status"] for row in await counter.till.reservations()] == ["posted"]
    await counter.till.sound()
