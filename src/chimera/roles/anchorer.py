"""Anchoring: the transparency log's newest states are fixed on a chain, and counted once they are read back (PRV-2)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar
from uuid import UUID, uuid5

import structlog
from pydantic import BaseModel, JsonValue, ValidationError

from chimera.audit.types import AnchorBatch
from chimera.errors import ToolFailed
from chimera.gateways.mcp.types import Tools
from chimera.money.ports import Cfo
from chimera_protocol.failpoint import failpoint
from chimera_protocol.money import Money
from chimera_protocol.payments import (
    ANCHOR_ACCOUNT,
    ANCHOR_MARK,
    WALLET,
    AnchorDetails,
    AnchorReading,
    LastOrder,
    PaymentAction,
    PaymentOrder,
    PaymentReceipt,
)
from chimera_protocol.wire import Wire

log = structlog.get_logger()

ORDER_LIFETIME = timedelta(hours=1)
"""How long the signer takes an order that it has not signed yet; a later look gives a new one."""

NO_BUDGET = "none: an anchor is nobody's spend"
"""In place of a budget's hash: what an anchor costs is the installation's own, and bounded by its order alone."""

_FIRST = UUID(int=0)
_FILLING = "1 ETH"

Answer = TypeVar("Answer", bound=BaseModel)


class AnchorLog(Protocol):
    """What anchoring needs of the transparency log."""

    async def due_anchor(self, limit: int = 1_000, until: datetime | None = None) -> AnchorBatch | None:
        """The checkpoints to anchor next, or with a time those that were next then."""
        ...

    async def anchored(self, batch: AnchorBatch, read_back: bytes, *, chain_id: int, tx_hash: str, block: int) -> int:
        """Mark what a batch covers, when the chain gave its root back; how many pieces that were."""
        ...


class AnchorTerms(Wire):
    """Where anchors go, the most that one may cost, and how deep it has to be before it counts."""

    chain_id: int
    max_fee: str
    confirmations: int


class _Holdings(BaseModel):
    """What of a balance matters here."""

    address: str
    balances: dict[str, Decimal]


class Anchorer:
    """Puts what was sealed on a chain. Any number of processes may run one, and be killed at any moment.

    What is on its way is remembered by the signer, which signs an order once: each order's id follows from the one
    before it, so of two who want to make the next anchor one is refused, and goes on with the other's.
    """

    def __init__(self, anchors: AnchorLog, cfo: Cfo, tools: Tools, terms: AnchorTerms) -> None:
        self._log = anchors
        self._cfo = cfo
        self._tools = tools
        self._terms = terms

    async def anchor(self) -> bool:
        """Take what is due one step further; whether a batch has been marked. ToolFailed while it has to wait."""
        newest = await self._log.due_anchor()
        if newest is None:
            return False
        last = await self._ask(LastOrder, "last_order", {"account": ANCHOR_ACCOUNT})
        batch = await self._on_its_way(last.order)
        if last.order is not None and batch is not None:
            order, signature = last.order, last.signature
        else:
            batch, order = newest, await self._order(newest, last.order)
            signature = self._cfo.instruct(order)
        failpoint("anchor_ordered")
        given: dict[str, JsonValue] = {"order": order.model_dump(mode="json"), "signature": signature}
        receipt = await self._ask(PaymentReceipt, "anchor", given)
        failpoint("anchor_sent")
        if receipt.tx_hash is None:
            raise ToolFailed(f"the anchor is {receipt.status}: {receipt.explanation}", uncertain=True)
        return await self._mark(batch, receipt.tx_hash, receipt.fee)

    async def _on_its_way(self, order: PaymentOrder | None) -> AnchorBatch | None:
        """The batch of the last order, unless it has been marked, or is of another database than this one."""
        if order is None or order.action is not PaymentAction.ANCHOR:
            return None
        details = AnchorDetails.model_validate(order.details)
        batch = await self._log.due_anchor(until=details.sealed_until)
        return batch if batch is not None and batch.root == details.root else None

    async def _order(self, batch: AnchorBatch, last: PaymentOrder | None) -> PaymentOrder:
        """The order that comes after the last one."""
        details = AnchorDetails(root=batch.root, sealed_until=batch.sealed_until)
        return PaymentOrder(
            order_id=uuid5(last.order_id if last is not None else _FIRST, "the next anchor"),
            account=ANCHOR_ACCOUNT,
            action=PaymentAction.ANCHOR,
            chain_id=self._terms.chain_id,
            destination=await self._funded(),
            amount=self._terms.max_fee,
            max_fee=self._terms.max_fee,
            details=details.model_dump(mode="json"),
            purpose=f"anchor of {len(batch.checkpoints)} checkpoints",
            budget_verification_hash=NO_BUDGET,
            expires_at=datetime.now(UTC) + ORDER_LIFETIME,
        )

    async def _funded(self) -> str:
        """The address of the account, filled where there is a faucet; elsewhere its owner does that."""
        held = await self._ask(_Holdings, "get_balance", {"account": ANCHOR_ACCOUNT})
        fee = Money.parse(self._terms.max_fee)
        if held.balances.get(fee.currency, Decimal(0)) < fee.amount:
            try:
                await self._tools.call(WALLET, "fund", {"account": ANCHOR_ACCOUNT, "amount": _FILLING})
            except ToolFailed as error:
                await log.awarning("anchors need gas", address=held.address, cause=error.detail)
        return held.address

    async def _mark(self, batch: AnchorBatch, tx_hash: str, fee: str | None) -> bool:
        """Read the chain, and mark what it has when it is deep enough."""
        reading = await self._ask(AnchorReading, "read_anchor", {"tx_hash": tx_hash})
        depth, wanted = reading.confirmations, self._terms.confirmations
        if reading.block is None or depth < wanted:
            await log.ainfo("anchor on its way", tx_hash=tx_hash, confirmations=depth, wanted=wanted)
            return False
        chain_id, data = self._terms.chain_id, bytes.fromhex(reading.data)
        if reading.chain_id != chain_id:
            raise ToolFailed(f"the wallet reads chain {reading.chain_id}, not {chain_id}", uncertain=False)
        marked = await self._log.anchored(
            batch, data.removeprefix(ANCHOR_MARK), chain_id=chain_id, tx_hash=tx_hash, block=reading.block
        )
        await log.ainfo("anchored", tx_hash=tx_hash, checkpoints=len(batch.checkpoints), pieces=marked, fee=fee)
        return True

    async def _ask(self, kind: type[Answer], tool: str, arguments: Mapping[str, JsonValue]) -> Answer:
        data = (await self._tools.call(WALLET, tool, arguments)).data
        try:
            return kind.model_validate(data)
        except ValidationError as error:
            raise ToolFailed(f"the wallet's answer to {tool} cannot be read", uncertain=True) from error
