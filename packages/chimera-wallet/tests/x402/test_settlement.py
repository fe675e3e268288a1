"""What the chain's answers mean for a payment; the real chain answers in test_resources."""

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from pydantic import JsonValue

from chimera_protocol.payments import PaymentStatus
from chimera_wallet.tokens import contract
from chimera_wallet.x402.settlement import AUTHORIZATION_CANCELED, Depth, Watched, payment_receipt
from chimera_wallet.x402.terms import ResourceError

TOKEN, PAYER, PAYEE = (f"0x{digit * 40}" for digit in "1ab")
NONCE, TX = "0x" + "5" * 64, "0x" + "9" * 64
DEADLINE = 2_000
WATCHED = Watched(UUID(int=7), TOKEN, PAYER, PAYEE, 50_000, NONCE, DEADLINE)


def log(topics: list[JsonValue], data: str = "0x", block: int = 8) -> JsonValue:
    return {"address": TOKEN, "topics": topics, "data": data, "transactionHash": TX, "blockNumber": hex(block)}


def moved(payee: str = PAYEE, units: int = 50_000) -> JsonValue:
    topics: list[JsonValue] = ["0x" + contract.TRANSFER.hex(), contract.topic(PAYER), contract.topic(payee)]
    return log(topics, "0x" + units.to_bytes(32).hex())


@dataclass
class Node:
    """A chain of ten blocks, one each 100 seconds, that ends at `head` seconds."""

    used: bool = False
    cancelled: bool = False
    head: int = DEADLINE - 1
    transfers: list[JsonValue] = field(default_factory=lambda: [moved()])
    asked: list[tuple[str, list[JsonValue]]] = field(default_factory=list)

    async def __call__(self, method: str, params: list[JsonValue]) -> JsonValue:
        self.asked.append((method, params))
        if method == "eth_getBlockByNumber":
            number = 10 if params[0] == "latest" else int(str(params[0]), 16)
            return {"number": hex(number), "timestamp": hex(self.head - 100 * (10 - number)), "hash": TX}
        if method == "eth_call":
            return "0x" + int(self.used or self.cancelled).to_bytes(32).hex()
        if method == "eth_getTransactionReceipt":
            return {"status": "0x1", "logs": self.transfers}
        assert method == "eth_getLogs"
        wanted = params[0]
        assert isinstance(wanted, dict)
        topics = wanted["topics"]
        assert isinstance(topics, list)
        assert topics[1:] == [contract.topic(PAYER), NONCE]
        if wanted["fromBlock"] != "0x0":
            return []
        cancelled = topics[0] == "0x" + AUTHORIZATION_CANCELED.hex()
        return [log(topics)] if (self.cancelled if cancelled else self.used) else []


async def test_an_unused_authorisation_may_be_used_until_its_deadline() -> None:
    receipt = await payment_receipt(Node(), WATCHED)
    assert (receipt.status, receipt.tx_hash, receipt.order_id) == (PaymentStatus.SIGNED, None, UUID(int=7))
    assert (await payment_receipt(Node(head=DEADLINE), WATCHED)).status is PaymentStatus.REVERTED


async def test_the_deadline_counts_in_a_block_as_deep_as_is_asked_for() -> None:
    deep = Depth(confirmations=3)
    assert (await payment_receipt(Node(head=DEADLINE + 199), WATCHED, deep)).status is PaymentStatus.SIGNED
    assert (await payment_receipt(Node(head=DEADLINE + 200), WATCHED, deep)).status is PaymentStatus.REVERTED


@pytest.mark.parametrize(("confirmations", "status"), [(1, "confirmed"), (3, "confirmed"), (4, "pending")])
async def test_a_used_authorisation_is_confirmed_when_it_lies_deep_enough(confirmations: int, status: str) -> None:
    receipt = await payment_receipt(Node(used=True), WATCHED, Depth(confirmations=confirmations))
    assert (receipt.status, receipt.tx_hash, receipt.block, receipt.explanation) == (status, TX, 8, "")


async def test_a_used_authorisation_stays_used_after_its_deadline() -> None:
    receipt = await payment_receipt(Node(used=True, head=DEADLINE + 1), WATCHED)
    assert receipt.status is PaymentStatus.CONFIRMED


@pytest.mark.parametrize("transfers", [[], [moved(payee=TOKEN)], [moved(units=50_001)]])
async def test_a_transfer_that_is_not_the_order_s_is_pointed_out(transfers: list[JsonValue]) -> None:
    receipt = await payment_receipt(Node(used=True, transfers=transfers), WATCHED)
    assert receipt.status is PaymentStatus.CONFIRMED
    assert "look into it" in receipt.explanation


async def test_a_cancelled_authorisation_never_pays() -> None:
    receipt = await payment_receipt(Node(cancelled=True), WATCHED)
    assert receipt.status is PaymentStatus.REVERTED and "cancelled" in receipt.explanation


async def test_a_use_older_than_the_blocks_looked_at_still_counts() -> None:
    receipt = await payment_receipt(Node(used=True), WATCHED, Depth(look_back=1))
    assert receipt.status is PaymentStatus.CONFIRMED and receipt.tx_hash is None
    assert "last 1 blocks" in receipt.explanation


async def test_all_answers_are_about_the_block_that_was_named_first() -> None:
    node = Node(used=True)
    await payment_receipt(node, WATCHED)
    asked = dict(node.asked)
    assert asked["eth_call"][1] == "0xa"
    assert isinstance(asked["eth_getLogs"][0], dict) and asked["eth_getLogs"][0]["toBlock"] == "0xa"


@pytest.mark.parametrize("answer", [None, "0xzz", {"number": "0x1"}, [], {"number": "0x1", "timestamp": "soon"}])
async def test_an_answer_that_makes_no_sense_is_unavailable(answer: JsonValue) -> None:
    async def rpc(method: str, params: list[JsonValue]) -> JsonValue:
        return answer

    with pytest.raises(ResourceError, match=r"^unavailable: the chain's answer"):
        await payment_receipt(rpc, WATCHED)
