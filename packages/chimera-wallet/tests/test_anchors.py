"""Anchors through the wallet's tools: on the chain once, read back as they are, absent when the chain has them not."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, TextContent
from tests import failpoints

from chimera_protocol.payments import ANCHOR_ACCOUNT, ANCHOR_MARK, AnchorReading, LastOrder, PaymentReceipt
from chimera_wallet.anchors import add_anchors
from chimera_wallet.ledger import ChainView
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc
from chimera_wallet.server import build_server
from chimera_wallet.signing import SignerClient

NOWHERE = "0x" + "ab" * 32


class Office:
    """The tools for anchors over one chain and one signer, and a CFO who signs what is asked."""

    def __init__(self, node, signer, cfo, url: str = "") -> None:
        self.node, self.signer, self.cfo = node, signer, cfo
        self.address = str(signer.ask("address", account=ANCHOR_ACCOUNT)["address"])
        chain, client = ChainView(Rpc(url or node.url), {}), SignerClient(signer.socket)
        wallet = Wallet(chain, client, wait_seconds=2)
        self.server = build_server(wallet)
        add_anchors(self.server, wallet, chain, client)

    def ordered(self, root: str = "", **changed: object) -> dict[str, Any]:
        details = {"root": root or uuid4().hex * 2, "sealed_until": "2026-01-01T00:00:00Z"}
        given = {"action": "anchor", "destination": self.address, "amount": "0.01 ETH", "max_fee": "0.01 ETH"}
        order = self.cfo.order(ANCHOR_ACCOUNT, **{**given, "details": details, **changed})
        return {"order": order, "signature": self.cfo.sign(order)}

    async def answer(self, tool: str, **arguments: object) -> CallToolResult:
        async with Client(self.server) as client:
            return await client.call_tool(tool, arguments, read_timeout_seconds=30)

    async def refusal(self, tool: str, **arguments: object) -> str:
        result = await self.answer(tool, **arguments)
        assert result.is_error, result.structured_content
        assert isinstance(result.content[0], TextContent)
        return result.content[0].text

    async def call(self, tool: str, **arguments: object) -> Any:
        result = await self.answer(tool, **arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def read(self, tx_hash: str) -> AnchorReading:
        return AnchorReading.model_validate(await self.call("read_anchor", tx_hash=tx_hash))

    def sent(self) -> int:
        return int(self.node.number("eth_getTransactionCount", self.address, "latest"))


@pytest.fixture(scope="module")
def signer(node, new_signer):
    return new_signer(node.token, "--max-fee", "0.02 ETH")


@pytest.fixture
def office(node, signer, cfo) -> Office:
    made = Office(node, signer, cfo)
    node.fund(made.address, "1 ETH")
    return made


async def test_an_anchor_is_read_back_as_it_was_ordered(office: Office) -> None:
    before, ordered = office.sent(), office.ordered("5a" * 32)
    receipt = PaymentReceipt.model_validate(await office.call("anchor", **ordered))
    assert receipt.tx_hash is not None and receipt.fee is not None
    reading = await office.read(receipt.tx_hash)
    assert bytes.fromhex(reading.data) == ANCHOR_MARK + b"\x5a" * 32
    assert (reading.chain_id, reading.block, reading.confirmations) == (31_337, receipt.block, 1)
    office.node.fund(office.address, "1 ETH")
    assert (await office.read(receipt.tx_hash)).confirmations == 2
    assert PaymentReceipt.model_validate(await office.call("anchor", **ordered)).tx_hash == receipt.tx_hash
    assert office.sent() == before + 1


async def test_the_last_order_can_be_sent_again_as_it_is(office: Office) -> None:
    ordered = office.ordered()
    receipt = await office.call("anchor", **ordered)
    last = LastOrder.model_validate(await office.call("last_order", account=ANCHOR_ACCOUNT))
    assert last.order is not None
    assert {"order": last.order.model_dump(mode="json"), "signature": last.signature} == ordered
    again = {"order": last.order.model_dump(mode="json"), "signature": last.signature}
    assert (await office.call("anchor", **again))["tx_hash"] == receipt["tx_hash"]
    assert await office.call("last_order", account=f"{uuid4()}:{uuid4()}") == {"order": None, "signature": ""}


async def test_what_the_chain_does_not_have_has_no_block(office: Office) -> None:
    assert await office.read(NOWHERE) == AnchorReading(tx_hash=NOWHERE, chain_id=31_337)
    ordered = office.ordered()
    chain = {"nonce": office.sent(), "gas": 40_000, "max_fee_per_gas": 10**10, "max_priority_fee_per_gas": 10**9}
    signed = await asyncio.to_thread(lambda: office.signer.ask("sign_transaction", **ordered, chain=chain))
    tx_hash = str(signed["tx_hash"])
    assert (await office.read(tx_hash)).block is None, "it was signed and never sent"
    assert (await office.call("anchor", **ordered))["tx_hash"] == tx_hash
    assert (await office.read(tx_hash)).confirmations == 1


async def test_a_transaction_that_the_chain_undid_is_no_anchor(office: Office) -> None:
    poor: LocalAccount = Account.create()
    office.node.fund(poor.address, "1 ETH")
    said = {"chainId": 31_337, "nonce": 0, "gas": 40_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    data = ANCHOR_MARK + bytes(32)
    raw = poor.sign_transaction({**said, "to": office.node.token, "value": 0, "data": data}).raw_transaction
    tx_hash = str(office.node.ask("eth_sendRawTransaction", raw.to_0x_hex()))
    assert (await office.read(tx_hash)).block is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"destination": "0x52908400098527886E0F7030069857D2E4169EE7"}, "invalid: destination: an anchor goes"),
        ({"amount": "0.5 ETH"}, "invalid: amount: an anchor moves nothing"),
        ({"action": "transfer"}, "not for anchor"),
        ({"details": {"root": "x", "sealed_until": "2026-01-01T00:00:00Z"}}, "invalid: details: root"),
        ({"amount": "0.000000001 ETH", "max_fee": "0.000000001 ETH"}, "unavailable: fee_too_high"),
    ],
)
async def test_what_is_refused_was_never_signed(office: Office, changed: dict[str, object], said: str) -> None:
    before, ordered = office.sent(), office.ordered(**changed)
    assert said in await office.refusal("anchor", **ordered)
    assert (await office.call("find_payment", order_id=ordered["order"]["order_id"]))["status"] == "none"
    assert office.sent() == before


async def test_without_chain_or_signer_it_waits_and_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chimera_wallet.signing.RETRY_SECONDS", 0.0)
    deaf = Office(office.node, office.signer, office.cfo, "http://127.0.0.1:1")
    assert "unavailable: the node cannot be reached" in await deaf.refusal("read_anchor", tx_hash=NOWHERE)
    assert "unavailable: the node cannot be reached" in await deaf.refusal("anchor", **office.ordered())
    chain, nobody = ChainView(Rpc(office.node.url), {}), SignerClient(office.signer.state / "nobody")
    office.server = build_server(Wallet(chain, nobody))
    add_anchors(office.server, Wallet(chain, nobody), chain, nobody)
    assert "unavailable: the signer cannot be reached" in await office.refusal("last_order", account=ANCHOR_ACCOUNT)


async def test_the_program_offers_them_and_a_death_in_between_is_one_anchor(
    embedded, new_signer, cfo, tmp_path: Path
) -> None:
    signer = new_signer(embedded.token)
    office = Office(embedded, signer, cfo)
    embedded.fund(office.address, "1 ETH")
    ordered = office.ordered()

    def wallet(fatal: str = "") -> Client:
        python, *words = failpoints.command("chimera_wallet")
        words += ["--rpc", embedded.url, "--signer-socket", str(signer.socket)]
        env = {"PYTHONPATH": embedded.environment["PYTHONPATH"], failpoints.VARIABLE: fatal}
        return Client(StdioServerParameters(command=python, args=words, env=env), read_timeout_seconds=30)

    async with wallet(f"payment_broadcast:{tmp_path / 'died'}") as client:
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("anchor", ordered)
    async with wallet() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        hints = {name: tools[name].annotations for name in ("anchor", "last_order", "read_anchor")}
        assert [hint is not None and hint.read_only_hint for hint in hints.values()] == [False, True, True]
        receipt = (await client.call_tool("anchor", ordered)).structured_content
        assert receipt is not None and receipt["status"] == "confirmed"
    assert office.sent() == 1
