"""The faucet tool: it fills a wallet on a chain of one's own, and says so where there is none."""

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, TextContent

from chimera_wallet.faucet import add_faucet
from chimera_wallet.ledger import ChainView
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc, RpcRefused
from chimera_wallet.signing import SignerClient


class NoFaucet(Rpc):
    """A node as the world's chains are: it does not know the method."""

    async def ask(self, *_: object) -> str:
        raise RpcRefused("the method chimera_fund does not exist")


async def fund(embedded, signer, node: Rpc, account: str, amount: str) -> CallToolResult:
    server: MCPServer[None] = MCPServer("wallet-mcp")
    add_faucet(server, Wallet(ChainView(node, {}), SignerClient(signer.socket)), node)
    async with Client(server) as client:
        return await client.call_tool("fund", {"account": account, "amount": amount})


@pytest.fixture(scope="module")
def signer(embedded, new_signer):
    return new_signer(embedded.token)


async def test_it_fills_the_wallet_with_exactly_the_amount(embedded, signer, account: str) -> None:
    result = await fund(embedded, signer, Rpc(embedded.url), account, "12.5 USDC")

    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    address = str(result.structured_content["address"])
    assert address == str(signer.ask("address", account=account)["address"])
    assert embedded.balance(address, embedded.token) == 12_500_000


async def test_on_a_chain_without_a_faucet_it_says_so(embedded, signer, account: str) -> None:
    result = await fund(embedded, signer, NoFaucet(embedded.url), account, "1 USDC")

    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert "invalid: this chain does not fund wallets" in result.content[0].text


async def test_without_a_node_it_may_be_tried_again(embedded, signer, account: str) -> None:
    result = await fund(embedded, signer, Rpc("http://127.0.0.1:1"), account, "1 USDC")

    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert "cannot be reached" in result.content[0].text
