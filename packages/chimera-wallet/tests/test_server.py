"""The wallet as a process over MCP: typed tools, and payments that survive its death at the worst moments."""

from pathlib import Path
from uuid import uuid4

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult
from tests import failpoints

import chimera_wallet.__main__ as program
from chimera_wallet.ledger import ChainView
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc
from chimera_wallet.server import build_server
from chimera_wallet.signing import SignerClient

READS = {"get_address", "get_balance", "quote_fee", "find_payment", "list_movements"}
ACTS = {"transfer", "deploy_token"}


@pytest.fixture(scope="module")
def signer(embedded, new_signer):
    return new_signer(embedded.token)


def wallet(embedded, signer, fatal: str = "") -> Client:
    arguments = ["--rpc", embedded.url, "--signer-socket", str(signer.socket), "--token", f"USDC={embedded.token}"]
    python, *words = failpoints.command("chimera_wallet")
    env = {"PYTHONPATH": embedded.environment["PYTHONPATH"], failpoints.VARIABLE: fatal}
    server = StdioServerParameters(command=python, args=[*words, *arguments], env=env)
    return Client(server, read_timeout_seconds=30)


def structured(result: CallToolResult) -> dict[str, object]:
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def test_every_tool_is_typed_on_both_sides(embedded, signer) -> None:
    chain = ChainView(Rpc(embedded.url), {})
    async with Client(build_server(Wallet(chain, SignerClient(signer.socket)))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) >= READS | ACTS
        assert all(tool.output_schema and tool.description and tool.annotations for tool in tools.values())
        assert {name for name in READS | ACTS if not tools[name].annotations.read_only_hint} == ACTS
        for wrong in ({"account": "nova"}, {"account": f"{uuid4()}:{uuid4()}", "limit": 501}):
            assert (await client.call_tool("list_movements", wrong)).is_error


@pytest.mark.parametrize(
    ("point", "status", "spent"), [("payment_signed", "signed", 0), ("payment_broadcast", "confirmed", 10)]
)
async def test_a_wallet_that_dies_pays_once_and_the_next_order_goes_through(
    embedded, signer, cfo, account: str, tmp_path: Path, point: str, status: str, spent: int
) -> None:
    address = str(signer.ask("address", account=account)["address"])
    embedded.fund(address, "100 USDC")
    embedded.fund(address, "1 ETH")
    order, following = cfo.order(account), cfo.order(account, amount="5 USDC")
    async with wallet(embedded, signer, f"{point}:{tmp_path / 'died'}") as client:
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("transfer", {"order": order, "signature": cfo.sign(order)})
    assert embedded.balance(address, embedded.token) == (100 - spent) * 10**6
    async with wallet(embedded, signer) as client:
        found = structured(await client.call_tool("find_payment", {"order_id": order["order_id"]}))
        assert found["status"] == status
        next_ = {"order": following, "signature": cfo.sign(following), "idempotency_key": "any"}
        assert structured(await client.call_tool("transfer", next_))["status"] == "confirmed"
        again = structured(await client.call_tool("transfer", {"order": order, "signature": cfo.sign(order)}))
        assert again["status"] == "confirmed"
        assert again["tx_hash"] == found["tx_hash"]
    assert embedded.balance(address, embedded.token) == 85 * 10**6
    assert embedded.number("eth_getTransactionCount", address, "latest") == 2


async def test_a_signer_that_dies_while_it_signs_leaves_doubt_and_then_one_payment(
    embedded, new_signer, cfo, account: str, end, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera_wallet.signing.RETRY_SECONDS", 0.2)
    signer = new_signer(embedded.token, started=False)
    signer.start()
    address = str(signer.ask("address", account=account)["address"])
    embedded.fund(address, "100 USDC")
    embedded.fund(address, "1 ETH")
    end(signer.process)
    signer.start(**{failpoints.VARIABLE: f"signature_kept:{tmp_path / 'died'}"})
    order = cfo.order(account)
    ordered = {"order": order, "signature": cfo.sign(order)}
    chain = ChainView(Rpc(embedded.url), {"USDC": embedded.token})
    async with Client(build_server(Wallet(chain, SignerClient(signer.socket)))) as client:
        doubt = structured(await client.call_tool("transfer", ordered))
        assert doubt["status"] == "signed"
        assert "may have signed" in str(doubt["explanation"])
        assert embedded.balance(address, embedded.token) == 100 * 10**6
        end(signer.process)
        signer.start()
        assert structured(await client.call_tool("transfer", ordered))["status"] == "confirmed"
    assert embedded.balance(address, embedded.token) == 90 * 10**6
    end(signer.process)


def test_a_wallet_that_cannot_start_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ["--rpc", "http://127.0.0.1:1", "--signer-socket", "s"]
    assert program.main([*usual, "--token", "USDC=0x1"]) == 2
    assert "checksum" in capsys.readouterr().err
    assert program.main([*usual, "--transport", "http", "--host", "192.0.2.1"]) == 2
    assert "cannot serve" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        program.main([*usual, "--confirmations", "0"])
