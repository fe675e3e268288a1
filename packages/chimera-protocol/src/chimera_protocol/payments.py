"""What the CFO tells the signer, and what the wallet tells the CFO (FIN-6)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from chimera_protocol.money import AmountText, Money
from chimera_protocol.wire import Name, Sha256, Text, Wire

WALLET = "wallet-mcp"
"""The MCP server that pays (FIN-6)."""

ANCHOR_ACCOUNT = "00000000-0000-0000-0000-000000000000:00000000-0000-0000-0000-000000000000"
"""The installation's own account, no tenant's: it pays for anchors, and for nothing else (PRV-2)."""

ANCHOR_MARK = b"chimera:"
"""What the data of an anchor's transaction begins with; the root follows."""

Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]


class PaymentAction(StrEnum):
    """What a payment order is for."""

    TRANSFER = "transfer"
    DEPLOY_TOKEN = "deploy_token"
    PAY_RESOURCE = "pay_resource"
    ANCHOR = "anchor"


class PaymentOrder(Wire):
    """The CFO's word that one payment may be made. The signer checks it before it signs, and signs it once.

    `order_id` is the reservation that holds the money: one order is one transaction, for ever. `account` names
    whose wallet pays. `max_fee` bounds the fee of the chain; a payment that somebody else carries out has none. An
    anchor moves nothing and goes to its own account: its amount is the most that its fee may be.
    """

    order_id: UUID
    account: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}:[0-9a-f-]{36}$")]
    action: PaymentAction
    chain_id: int = Field(gt=0)
    destination: Annotated[str, StringConstraints(max_length=128)]
    amount: AmountText
    max_fee: AmountText | None
    details: dict[str, JsonValue] = {}
    purpose: Text
    budget_verification_hash: Name
    expires_at: datetime

    @property
    def money(self) -> Money:
        """The amount, exact."""
        return Money.parse(self.amount)


class PaymentStatus(StrEnum):
    """Where a payment is on its chain. `signed` may still be broadcast; only the last two are final."""

    NONE = "none"
    SIGNED = "signed"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"


class PaymentReceipt(Wire):
    """What the chain says about a payment order. `fee` is what the payer's wallet lost besides the amount."""

    order_id: UUID
    status: PaymentStatus
    tx_hash: Hash | None = None
    block: int | None = None
    fee: Annotated[str, StringConstraints(max_length=64)] | None = None
    contract: Address | None = None
    explanation: str = ""


class Movement(Wire):
    """Money that moved on the chain to or from an address, as its logs and blocks tell it."""

    tx_hash: Hash
    log_index: int = Field(ge=-1, description="-1 for the chain's own coin, which leaves no log.")
    block: int
    sender: Address
    recipient: Address
    amount: str


class AnchorDetails(Wire):
    """What the order of an anchor is about: the root, and until when what was sealed is under it."""

    root: Sha256
    sealed_until: datetime

    @property
    def data(self) -> bytes:
        """What the transaction carries."""
        return ANCHOR_MARK + bytes.fromhex(self.root)


class LastOrder(Wire):
    """The newest order that was signed for an account, as the CFO gave it; without one nothing was."""

    order: PaymentOrder | None = None
    signature: str = ""


class AnchorReading(Wire):
    """What a chain has of a transaction now. Without a block it has none, or not yet, or not any more."""

    tx_hash: Hash
    chain_id: int
    block: int | None = None
    confirmations: int = Field(0, ge=0, description="Blocks from its own to the newest, both counted.")
    data: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")] = ""
