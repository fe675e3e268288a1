"""Whether an EIP-3009 authorisation was used, as the chain itself tells it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from eth_utils.crypto import keccak
from pydantic import BaseModel, BeforeValidator, JsonValue, TypeAdapter, ValidationError

from chimera_protocol.payments import Hash, PaymentReceipt, PaymentStatus
from chimera_wallet.messages import PaymentRefused
from chimera_wallet.tokens import contract
from chimera_wallet.x402.terms import ResourceError

Rpc = Callable[[str, list[JsonValue]], Awaitable[JsonValue]]
"""A JSON-RPC call to the chain: method and parameters in, result out; ResourceError when there is no answer."""

AUTHORIZATION_CANCELED = keccak(text="AuthorizationCanceled(address,bytes32)")


@dataclass(frozen=True)
class Watched:
    """The one transfer that an order's authorisation allows."""

    order_id: UUID
    token: str
    payer: str
    payee: str
    units: int
    nonce: str
    valid_before: int


@dataclass(frozen=True)
class Depth:
    """How far into the chain to look, and how deep a block must lie before it counts as final."""

    look_back: int = 50_000
    confirmations: int = 1


NEWEST = Depth()


def _number(value: object) -> object:
    return int(value, 16) if isinstance(value, str) else value


Quantity = Annotated[int, BeforeValidator(_number)]


class _Block(BaseModel):
    number: Quantity
    timestamp: Quantity


class _Log(BaseModel):
    address: str
    topics: list[str]
    data: str
    transactionHash: Hash
    blockNumber: Quantity


class _Receipt(BaseModel):
    logs: list[_Log]


_BLOCK = TypeAdapter(_Block)
_LOGS = TypeAdapter(list[_Log])
_RECEIPT = TypeAdapter(_Receipt)
_WORD = TypeAdapter(Quantity)


async def payment_receipt(rpc: Rpc, watched: Watched, depth: Depth = NEWEST) -> PaymentReceipt:
    """Where the payment is: `signed` while somebody may still use the authorisation, for ever `reverted` after that.

    Whether it was signed at all only the signer knows; until its deadline an order counts as signed.

    Raises:
        ResourceError: The chain did not answer, or not in a way that can be understood.
    """
    try:
        return await _receipt(rpc, watched, depth)
    except (ValidationError, ValueError) as error:
        raise ResourceError(PaymentRefused.UNAVAILABLE, "the chain's answer cannot be understood") from error


async def _receipt(rpc: Rpc, watched: Watched, depth: Depth) -> PaymentReceipt:
    head = _BLOCK.validate_python(await rpc("eth_getBlockByNumber", ["latest", False]))
    # The state is read at a block that was named, so that all answers are about the same moment.
    question = contract.authorization_state(watched.payer, bytes.fromhex(watched.nonce[2:]))
    state = await rpc("eth_call", [{"to": watched.token, "data": "0x" + question.hex()}, hex(head.number)])
    if _WORD.validate_python(state):
        return await _spent(rpc, watched, depth, head)
    deep = await _block(rpc, max(0, head.number - depth.confirmations + 1), head)
    if deep.timestamp >= watched.valid_before:
        void = "the authorisation was not used and no longer can be"
        return PaymentReceipt(order_id=watched.order_id, status=PaymentStatus.REVERTED, explanation=void)
    return PaymentReceipt(
        order_id=watched.order_id,
        status=PaymentStatus.SIGNED,
        explanation="the authorisation was not used so far; it is void after its deadline",
    )


async def _block(rpc: Rpc, number: int, head: _Block) -> _Block:
    if number == head.number:
        return head
    return _BLOCK.validate_python(await rpc("eth_getBlockByNumber", [hex(number), False]))


async def _spent(rpc: Rpc, watched: Watched, depth: Depth, head: _Block) -> PaymentReceipt:
    used = await _log(rpc, contract.AUTHORIZATION_USED, watched, depth, head)
    if used is not None:
        final = head.number - used.blockNumber + 1 >= depth.confirmations
        moved = await _moved(rpc, watched, used)
        return PaymentReceipt(
            order_id=watched.order_id,
            status=PaymentStatus.CONFIRMED if final else PaymentStatus.PENDING,
            tx_hash=used.transactionHash,
            block=used.blockNumber,
            explanation=""
            if moved
            else "the authorisation was used, but its transfer is not the order's: look into it",
        )
    if await _log(rpc, AUTHORIZATION_CANCELED, watched, depth, head) is not None:
        gone = "the authorisation was cancelled on the chain"
        return PaymentReceipt(order_id=watched.order_id, status=PaymentStatus.REVERTED, explanation=gone)
    return PaymentReceipt(
        order_id=watched.order_id,
        status=PaymentStatus.CONFIRMED,
        explanation=f"the authorisation was used; the log of it is not in the last {depth.look_back} blocks",
    )


async def _log(rpc: Rpc, event: bytes, watched: Watched, depth: Depth, head: _Block) -> _Log | None:
    topics: list[JsonValue] = ["0x" + event.hex(), contract.topic(watched.payer), watched.nonce]
    blocks: dict[str, JsonValue] = {
        "fromBlock": hex(max(0, head.number - depth.look_back)),
        "toBlock": hex(head.number),
    }
    logs = _LOGS.validate_python(await rpc("eth_getLogs", [{"address": watched.token, "topics": topics, **blocks}]))
    return logs[0] if logs else None


async def _moved(rpc: Rpc, watched: Watched, used: _Log) -> bool:
    receipt = _RECEIPT.validate_python(await rpc("eth_getTransactionReceipt", [used.transactionHash]))
    wanted = ["0x" + contract.TRANSFER.hex(), contract.topic(watched.payer), contract.topic(watched.payee)]
    return any(
        log.address.lower() == watched.token.lower()
        and [topic.lower() for topic in log.topics] == wanted
        and _WORD.validate_python(log.data) == watched.units
        for log in receipt.logs
    )
