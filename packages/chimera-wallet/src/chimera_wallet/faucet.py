"""The faucet of a chain of one's own: an operator's way to fill wallets where money is only play."""

from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field, TypeAdapter

from chimera_wallet.messages import PaymentRefused, WalletError, WalletMessage
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc, RpcError, RpcRefused

HASH: TypeAdapter[str] = TypeAdapter(str)

_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)


class Funded(WalletMessage):
    """Money of the faucet that is on its way into a wallet."""

    address: str
    amount: str
    tx_hash: str


def add_faucet(server: MCPServer[None], wallet: Wallet, node: Rpc) -> None:
    """Register the tool `fund`; on a chain without a faucet it says so."""

    @server.tool(annotations=_WRITES)
    async def fund(
        account: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}:[0-9a-f-]{36}$", description="tenant:agent")],
        amount: Annotated[str, Field(max_length=64, description='exact sum and currency, such as "50 USDC"')],
    ) -> Funded:
        """Fill a wallet from the faucet of the embedded chain; not idempotent, as nothing of value moves."""
        try:
            address = await wallet.address(account)
            said = await node.ask(HASH, "chimera_fund", address, amount)
        except RpcRefused as error:
            refused = WalletError(PaymentRefused.INVALID, f"this chain does not fund wallets: {error}")
            raise ToolError(str(refused)) from error
        except (RpcError, WalletError) as error:
            raise ToolError(str(error)) from error
        return Funded(address=address, amount=amount, tx_hash=said)
