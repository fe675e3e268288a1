"""The wallet's MCP face: parse, call, answer."""

from collections.abc import Awaitable
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field, JsonValue

from chimera_protocol.payments import PaymentAction, PaymentReceipt
from chimera_wallet.messages import AccountAddress, Balance, FeeQuote, MovementPage, WalletError
from chimera_wallet.payments import Wallet
from chimera_wallet.x402.tools import Resources, add_resource_tools

MAX_PAGE = 500

Answer = TypeVar("Answer")
Account = Annotated[
    str, Field(pattern=r"^[0-9a-f-]{36}:[0-9a-f-]{36}$", description="tenant:agent; opened at first use")
]
Order = Annotated[
    dict[str, JsonValue],
    Field(description="a PaymentOrder, exactly as the CFO signed it; its order_id is the idempotency key"),
]
Signature = Annotated[str, Field(max_length=1_024, description="the CFO's detached JWS over the order's RFC 8785 form")]
Key = Annotated[str, Field(max_length=200, description="taken and not used: an order is its own key")]
Destination = Annotated[str, Field(max_length=128, description="address with EIP-55 checksum")]
Amount = Annotated[str, Field(max_length=64, description='exact sum and currency, such as "50 USDC"')]
Details = Annotated[dict[str, JsonValue], Field(description="of a new token: name, symbol, supply, decimals")]

_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)
_INSTRUCTIONS = (
    "Wallets of influencers. Acting tools carry out orders that the CFO signed, each once. An error means that nothing"
    " was done; a receipt that is neither confirmed nor reverted means that it may still be, and is asked for again."
)


def build_server(wallet: Wallet, resources: Resources | None = None) -> MCPServer[None]:
    """The MCP server of a wallet, which buys resources when it is given the way to."""
    server: MCPServer[None] = MCPServer("wallet-mcp", version="1.0.0", instructions=_INSTRUCTIONS, log_level="WARNING")
    _add_reading(server, wallet)
    _add_paying(server, wallet)
    if resources is not None:
        add_resource_tools(server, resources)
    return server


def _add_reading(server: MCPServer[None], wallet: Wallet) -> None:
    @server.tool(annotations=_READS)
    async def get_address(account: Account) -> AccountAddress:
        """Where an account's money is."""
        return AccountAddress(account=account, address=await _worded(wallet.address(account)))

    @server.tool(annotations=_READS)
    async def get_balance(account: Account) -> Balance:
        """What an account has, by currency, as exact decimals."""
        return await _worded(wallet.balance(account))

    @server.tool(annotations=_READS)
    async def quote_fee(
        account: Account,
        action: Literal["transfer", "deploy_token"],
        destination: Destination,
        amount: Amount,
        details: Details | None = None,
    ) -> FeeQuote:
        """The most that a payment would cost now besides its amount."""
        return await _worded(wallet.quote(account, PaymentAction(action), destination, amount, details or {}))

    @server.tool(annotations=_READS)
    async def find_payment(order_id: UUID) -> PaymentReceipt:
        """What has become of an order, as the chain tells it."""
        return await _worded(wallet.find(order_id))

    @server.tool(annotations=_READS)
    async def list_movements(
        account: Account,
        from_block: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100,
    ) -> MovementPage:
        """Money to and from an account, oldest first; go on from `next_block`."""
        return await _worded(wallet.movements(account, from_block, limit))


def _add_paying(server: MCPServer[None], wallet: Wallet) -> None:
    @server.tool(annotations=_WRITES)
    async def transfer(order: Order, signature: Signature, idempotency_key: Key = "") -> PaymentReceipt:
        """Pay what the CFO ordered, in the chain's coin or a token."""
        return await _worded(wallet.pay(PaymentAction.TRANSFER, order, signature))

    @server.tool(annotations=_WRITES)
    async def deploy_token(order: Order, signature: Signature, idempotency_key: Key = "") -> PaymentReceipt:
        """Make the token that the order's details name; its supply is the destination's, or the account's own."""
        return await _worded(wallet.pay(PaymentAction.DEPLOY_TOKEN, order, signature))


async def _worded(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except WalletError as error:
        raise ToolError(str(error)) from error
