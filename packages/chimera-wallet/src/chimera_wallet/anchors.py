"""The wallet's MCP tools for anchors: put a root on the chain, and read back what is there (PRV-2)."""

from collections.abc import Awaitable
from typing import Annotated, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field, JsonValue

from chimera_protocol.payments import AnchorReading, LastOrder, PaymentAction, PaymentReceipt
from chimera_wallet.ledger import ChainView
from chimera_wallet.messages import WalletError
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import RpcError
from chimera_wallet.signing import SignerClient, SignerLost, SignerRefused

Answer = TypeVar("Answer")

_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)


def add_anchors(server: MCPServer[None], wallet: Wallet, chain: ChainView, signer: SignerClient) -> None:
    """Register the tools `anchor`, `last_order` and `read_anchor`."""

    @server.tool(annotations=_WRITES)
    async def anchor(
        order: Annotated[dict[str, JsonValue], Field(description="a PaymentOrder, exactly as the CFO signed it")],
        signature: Annotated[str, Field(max_length=1_024, description="the CFO's detached JWS over the order")],
    ) -> PaymentReceipt:
        """Put the root that the CFO ordered on the chain, once; it costs the chain's fee and moves nothing."""
        return await _worded(wallet.pay(PaymentAction.ANCHOR, order, signature))

    @server.tool(annotations=_READS)
    async def last_order(
        account: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}:[0-9a-f-]{36}$", description="tenant:agent")],
    ) -> LastOrder:
        """The newest transaction's order that was signed for an account, to go on with it."""
        signed = await _worded(signer.last(account))
        return LastOrder(order=signed.order, signature=signed.cfo_signature)

    @server.tool(annotations=_READS)
    async def read_anchor(
        tx_hash: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")],
    ) -> AnchorReading:
        """The data that the chain has under a transaction now, and how deep it is."""
        return await _worded(_read(chain, tx_hash))


async def _read(chain: ChainView, tx_hash: str) -> AnchorReading:
    chain_id = await chain.chain_id()
    # The head comes first: a block that is added or lost meanwhile must not make an anchor look deeper than it is.
    head = await chain.head()
    found, mined = await chain.carried(tx_hash), await chain.mined(tx_hash)
    placed = found is not None and mined is not None and mined.status == 1 and found.block_number == mined.block_number
    if found is None or mined is None or not placed:
        return AnchorReading(tx_hash=tx_hash, chain_id=chain_id)
    return AnchorReading(
        tx_hash=tx_hash,
        chain_id=chain_id,
        block=mined.block_number,
        confirmations=max(0, head - mined.block_number + 1),
        data=found.data.hex(),
    )


async def _worded(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except WalletError as error:
        raise ToolError(str(error)) from error
    except (RpcError, SignerLost, SignerRefused) as error:
        raise ToolError(f"unavailable: {error}") from error
