"""The tools over MCP, with a real signer, a real chain and a real seller."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent
from pydantic import JsonValue
from seller import Chain, Fault, Seller, chain_running, selling

from chimera.gateways.signing_keys import KeyFile
from chimera_protocol.statements import signed_bytes
from chimera_serving.journal import Journal
from chimera_wallet.ledger import ChainView
from chimera_wallet.payments import Wallet as Payments
from chimera_wallet.rpc import Rpc
from chimera_wallet.server import build_server
from chimera_wallet.signer.keystore import Keystore
from chimera_wallet.signer.rules import SigningPolicy
from chimera_wallet.signer.signer import Desk
from chimera_wallet.signer.socket_server import opened
from chimera_wallet.x402.terms import ResourceError
from chimera_wallet.x402.tools import Resources, ResourceSigner

ACCOUNT = f"{UUID(int=1)}:{UUID(int=2)}"


class Wallet:
    """A wallet's server with a real signer behind it, whose journal tells what it signed."""

    def __init__(self, folder: Path, chain: Chain, seller: Seller) -> None:
        self.chain, self.seller = chain, seller
        self.cfo = KeyFile(folder / "cfo.pem")
        self.path = folder / "signer" / "signed.jsonl"
        self.journal = Journal(self.path)
        policy = SigningPolicy(self.cfo.public_key, chain.token.chain_id, {"USDC": chain.token.address}, 0)
        self.desk = Desk(Keystore(folder / "signer" / "keys", "a passphrase"), self.journal, policy)
        self.socket = folder / "signer.sock"
        self.signer = ResourceSigner(self.socket)
        node = Rpc(chain.url)
        payments = Payments(ChainView(node, {"USDC": chain.token.address}), self.signer)
        self.server = build_server(payments, Resources(node, self.signer, chain.token.address, [seller.url]))

    def signed(self) -> int:
        return len(self.path.read_text().splitlines())

    def order(self, **changes: JsonValue) -> dict[str, JsonValue]:
        ordered: dict[str, JsonValue] = {
            "order_id": str(uuid4()),
            "account": ACCOUNT,
            "action": "pay_resource",
            "chain_id": self.chain.token.chain_id,
            "destination": self.seller.pay_to,
            "amount": "0.05 USDC",
            "max_fee": None,
            "details": {"url": self.seller.url + "/report"},
            "purpose": "a report",
            "budget_verification_hash": "b",
            "expires_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
        }
        return {**ordered, **changes}

    async def pay(self, order: dict[str, JsonValue], signature: str | None = None) -> CallToolResult:
        arguments = {
            "order": order,
            "signature": signature or self.cfo.sign(signed_bytes(order)),
            "url": self.seller.url + "/report",
        }
        async with Client(self.server) as client:
            return await client.call_tool("pay_resource", arguments)


@contextmanager
def everything(folder: Path) -> Iterator[Wallet]:
    with chain_running(folder / "chain") as chain, selling(chain) as seller:
        wallet = Wallet(folder, chain, seller)
        yield wallet
        wallet.journal.close()


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    with everything(tmp_path) as made:
        await made.chain.fund(made.chain.settler.address, "10 ETH")
        async with opened(made.desk, made.socket):
            await made.chain.fund(await made.signer.address(ACCOUNT), "1 USDC")
            yield made


def structured(result: CallToolResult) -> dict[str, JsonValue]:
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def error(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def test_a_resource_is_quoted_ordered_paid_and_fetched(wallet: Wallet) -> None:
    async with Client(wallet.server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        ours = [tools["quote_resource"], tools["pay_resource"]]
        assert all(tool.output_schema and tool.description and tool.annotations for tool in ours)
        quote = structured(await client.call_tool("quote_resource", {"url": wallet.seller.url + "/report"}))
    assert wallet.signed() == 0
    order = wallet.order(amount=quote["amount"], destination=quote["destination"])
    result = structured(await wallet.pay(order))
    assert (result["outcome"], result["uncertain"]) == ("delivered", False)
    assert isinstance(result["receipt"], dict) and result["receipt"]["status"] == "confirmed"
    async with Client(wallet.server) as client:
        found = structured(await client.call_tool("find_payment", {"order_id": order["order_id"]}))
    assert (found["status"], found["tx_hash"]) == ("confirmed", result["receipt"]["tx_hash"])
    assert await wallet.chain.balance(wallet.seller.pay_to) == 50_000


async def test_a_dear_seller_is_refused_before_the_signer_signs_anything(wallet: Wallet) -> None:
    wallet.seller.price += 1
    assert "invalid: the seller asks 0.050001 USDC" in error(await wallet.pay(wallet.order()))
    assert wallet.signed() == 0


async def test_a_retry_pays_once_with_the_signer_s_first_word(wallet: Wallet) -> None:
    wallet.seller.faults = [Fault.DROP_BEFORE_SETTLEMENT, Fault.DROP_AFTER_SETTLEMENT]
    order = wallet.order()
    first, second, third = [structured(await wallet.pay(order)) for _ in range(3)]
    assert (first["outcome"], first["uncertain"]) == ("unknown", True)
    assert (second["outcome"], second["uncertain"]) == ("unknown", False)
    assert (third["outcome"], third["uncertain"]) == ("not_delivered", False)
    assert len(set(wallet.seller.payments)) == 1
    assert await wallet.chain.balance(wallet.seller.pay_to) == 50_000


async def test_a_retry_that_finds_a_dearer_seller_stays_uncertain(wallet: Wallet) -> None:
    wallet.seller.faults = [Fault.DROP_BEFORE_SETTLEMENT]
    order = wallet.order()
    await wallet.pay(order)
    wallet.seller.price += 1
    result = structured(await wallet.pay(order))
    assert (result["outcome"], result["uncertain"]) == ("unknown", True)
    assert "the order allows" in str(result["explanation"])


async def test_what_the_signer_refuses_is_not_paid(wallet: Wallet) -> None:
    forged = await wallet.pay(wallet.order(), signature="e30..AAAA")
    assert "invalid: the signer says unauthorised" in error(forged)
    order = wallet.order()
    await wallet.pay(order)
    again = {**order, "purpose": "another"}
    result = structured(await wallet.pay(again))
    assert result["outcome"] == "not_delivered" and "conflict" in str(result["explanation"])
    assert await wallet.chain.balance(wallet.seller.pay_to) == 50_000


async def test_what_is_no_order_or_no_allowed_seller_is_a_clear_error(wallet: Wallet) -> None:
    assert "invalid: the order is not one: amount" in error(await wallet.pay(wallet.order(amount="much")))
    async with Client(wallet.server) as client:
        assert "no seller that --seller-host allows" in error(
            await client.call_tool("quote_resource", {"url": "http://127.0.0.1:1/"})
        )


async def test_a_token_or_a_chain_that_is_not_there_is_a_clear_error(wallet: Wallet) -> None:
    url = wallet.seller.url + "/report"
    nothing = Resources(Rpc(wallet.chain.url), wallet.signer, None, [wallet.seller.url])
    with pytest.raises(ResourceError, match="invalid: no token to pay with is known"):
        await nothing.quote(url)
    wrong = Resources(Rpc(wallet.chain.url), wallet.signer, wallet.chain.settler.address, [wallet.seller.url])
    with pytest.raises(ResourceError, match=r"invalid: the token does not answer name\(\)"):
        await wrong.quote(url)
    silent = Resources(Rpc("http://127.0.0.1:1"), wallet.signer, wallet.chain.token.address, [wallet.seller.url])
    with pytest.raises(ResourceError, match="unavailable: the node cannot be reached"):
        await silent.quote(url)
