"""What a chain's word means for an order: pure functions."""

from eth_utils.address import to_checksum_address

from chimera_protocol.payments import PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus
from chimera_wallet.rpc import ChainReceipt, Log
from chimera_wallet.signing import Signed
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import ETH, money_text, money_units
from chimera_wallet.tokens.orders import moves_money


def receipt(
    order: PaymentOrder, signed: Signed, mined: ChainReceipt, head: int, confirmations: int, token: str
) -> PaymentReceipt:
    """The receipt of an order whose transaction is in a block.

    Args:
        head: The newest block.
        confirmations: How many blocks, its own included, make it final.
        token: The contract of the order's currency; empty for the chain's own coin.
    """
    status, explanation = _outcome(order, signed, mined, token)
    depth = head - mined.block_number + 1
    if depth < confirmations and status is not PaymentStatus.PENDING:
        explanation = f"{depth} of {confirmations} confirmations; so far it is {status}. {explanation}".strip()
        status = PaymentStatus.PENDING
    made = mined.contract_address if order.action is PaymentAction.DEPLOY_TOKEN and mined.status == 1 else None
    return PaymentReceipt(
        order_id=order.order_id,
        status=status,
        tx_hash=signed.tx_hash,
        block=mined.block_number,
        fee=money_text(mined.fee, ETH) if mined.fee else None,
        contract=to_checksum_address(made) if made else None,
        explanation=explanation,
    )


def _outcome(order: PaymentOrder, signed: Signed, mined: ChainReceipt, token: str) -> tuple[PaymentStatus, str]:
    if mined.status != 1:
        return PaymentStatus.REVERTED, "the chain ran the transaction and undid it; only the fee was paid"
    if not moves_money(order) or order.money.currency == ETH:
        return PaymentStatus.CONFIRMED, ""
    arrived = sum(
        amount(log)
        for log in mined.logs
        if is_transfer(log, token)
        and contract.party(log.topics[1]) == signed.address
        and contract.party(log.topics[2]) == order.destination
    )
    if arrived == money_units(order.money):
        return PaymentStatus.CONFIRMED, ""
    # Not final on purpose: money has moved, but not as ordered, and a person has to look at it.
    found = money_text(arrived, order.money.currency)
    return PaymentStatus.PENDING, f"mined, but its logs say that {found} reached {order.destination}: look at it"


def is_transfer(log: Log, token: str) -> bool:
    """Whether a log is a token's word that some of it moved."""
    return (
        log.address.lower() == token.lower()
        and len(log.topics) == 3
        and log.topics[0] == "0x" + contract.TRANSFER.hex()
        and len(log.data) == 32
    )


def amount(log: Log) -> int:
    """How much moved, in the token's smallest unit."""
    return contract.number(log.data)
