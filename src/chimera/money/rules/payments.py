"""How a payment by wallet ends in the books, and what comes into a wallet (FIN-6)."""

from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue, ValidationError

from chimera.errors import Conflict, ToolFailed
from chimera.money.rules import accounts
from chimera.money.rules.accounts import JournalEntry, Posting
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.messages import PaymentDue
from chimera_protocol.money import Money
from chimera_protocol.payments import Movement, PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus


class Received(NamedTuple):
    """Money that came in, as the journal has it."""

    entry: JournalEntry
    postings: list[Posting]


def account(tenant_id: UUID, agent_id: UUID) -> str:
    """How the wallet names an influencer's account."""
    return f"{tenant_id}:{agent_id}"


def status_of(receipt: PaymentReceipt) -> str:
    """What the chain's word makes of a payment."""
    ends = {PaymentStatus.CONFIRMED: "confirmed", PaymentStatus.REVERTED: "reverted"}
    return ends.get(receipt.status, "refused")


def closing(due: PaymentDue, receipt: PaymentReceipt, outcome: SpendOutcome, asset_id: UUID | None) -> Closing:
    """How the transfer ends: the amount is what was paid, and for a token nothing but the fee."""
    if due.order is not None and due.order.action is PaymentAction.DEPLOY_TOKEN:
        return fee(due.reservation_id, receipt)
    reference = receipt.tx_hash or ""
    return Closing(reservation_id=due.reservation_id, outcome=outcome, reference=reference, asset_id=asset_id)


def fee(reservation_id: UUID, receipt: PaymentReceipt) -> Closing:
    """The fee of a transaction that was mined, whether or not it did what it should; else nothing was paid."""
    paid = Money.parse(receipt.fee).amount if receipt.fee else Decimal(0)
    return Closing(
        reservation_id=reservation_id,
        outcome=SpendOutcome.POSTED if paid else SpendOutcome.VOIDED,
        paid=paid or None,
        reference=receipt.tx_hash or "",
    )


def received(tenant_id: UUID, agent_id: UUID, movement: Movement, funding: Collection[str]) -> Received:
    """Money came into a wallet; `funding` are its owner's own addresses."""
    money = Money.parse(movement.amount)
    own = movement.sender.lower() in {each.lower() for each in funding}
    memo = f"received: {money} from {movement.sender} in {movement.tx_hash}"
    entry = JournalEntry(tenant_id, "received", money.amount, money.currency, memo, agent_id)
    return Received(entry, accounts.receiving(agent_id, money.amount, movement.sender, funding=own))


def signed(due: PaymentDue) -> tuple[PaymentOrder, dict[str, JsonValue]]:
    """The order of a payment, and the arguments that carry it. ToolFailed when it is over, or there is none."""
    over = not due.pending and due.tx_hash is None  # its money went back: an order that is left must not move it
    if over or due.order is None or due.signature is None:
        raise ToolFailed("this transfer is over, or nobody's wallet pays it", uncertain=False, permanent=True)
    return due.order, {"order": due.order.model_dump(mode="json"), "signature": due.signature}


def check_same(due: PaymentDue, details: dict[str, JsonValue]) -> None:
    """Conflict when what was ordered before is something else."""
    if due.order is not None and due.order.details != details:
        raise Conflict("this Idempotency-Key was used for another request", remedy="Use a fresh key.")


def receipt_of(order: PaymentOrder, data: JsonValue) -> PaymentReceipt:
    """The wallet's word on an order. ToolFailed, uncertain, when it cannot be read."""
    try:
        return PaymentReceipt.model_validate(data)
    except ValidationError as error:
        raise ToolFailed(f"the wallet's word on {order.order_id} cannot be read", uncertain=True) from error


def never(due: PaymentDue, why: str) -> PaymentReceipt:
    """The receipt of a payment that will certainly not happen."""
    return PaymentReceipt(order_id=due.reservation_id, status=PaymentStatus.NONE, explanation=why[:500])
