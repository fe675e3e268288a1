"""What the CFO tells the signer, and what the wallet tells the CFO (FIN-6)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from chimera.contracts.values import AmountText, Money, Name, Text, Wire

WALLET = "wallet-mcp"
"""The MCP server that pays (FIN-6)."""

Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]


class PaymentAction(StrEnum):
    """What a payment order is for."""

    TRANSFER = "transfer"
    DEPLOY_TOKEN = "deploy_token"
    PAY_RESOURCE = "pay_resource"


class PaymentOrder(Wire):
    """The CFO's word that one payment may be made. The signer checks it before it signs, and signs it once.

    `order_id` is the reservation that holds the money: one order is one transaction, for ever. `account` names
    whose wallet pays. `max_fee` bounds the fee of the chain; a payment that somebody else carries out has none.
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
