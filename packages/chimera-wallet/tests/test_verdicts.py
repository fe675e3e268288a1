"""A payment counts as made only when the chain's logs say that exactly the amount arrived."""

import pytest

from chimera_protocol.payments import PaymentOrder, PaymentReceipt, PaymentStatus
from chimera_wallet import verdicts
from chimera_wallet.rpc import ChainReceipt, Log
from chimera_wallet.signing import Signed
from chimera_wallet.tokens import contract

PAYER = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xde709f2102306220921060314715629080e2fb77"
HASH = "0x" + "1" * 64


def log(units: int = 10_000_000, **changed: object) -> Log:
    said: dict[str, object] = {
        "address": TOKEN.upper().replace("X", "x"),
        "topics": ["0x" + contract.TRANSFER.hex(), contract.topic(PAYER), contract.topic(FRIEND)],
        "data": f"0x{units:064x}",
        "transactionHash": HASH,
        "blockNumber": "0x5",
        "logIndex": "0x0",
    }
    return Log.model_validate({**said, **changed})


def judged(cfo, account: str, *logs: Log, status: int = 1, head: int = 5, **changed: object) -> PaymentReceipt:
    order = PaymentOrder.model_validate(cfo.order(account, **changed))
    mined = ChainReceipt.model_validate(
        {
            "blockNumber": "0x5",
            "status": hex(status),
            "gasUsed": "0x5208",
            "effectiveGasPrice": hex(10**9),
            "contractAddress": TOKEN,
            "logs": logs,
        }
    )
    signed = Signed(order=order, address=PAYER, tx_hash=HASH)
    return verdicts.receipt(order, signed, mined, head, 2 if head > 5 else 1, TOKEN)


def test_exactly_the_amount_is_confirmed(cfo, account: str) -> None:
    told = judged(cfo, account, log())
    assert (told.status, told.block, told.fee, told.tx_hash) == (PaymentStatus.CONFIRMED, 5, "0.000021 ETH", HASH)
    assert told.contract is None
    assert judged(cfo, account, log(4_000_000), log(6_000_000)).status is PaymentStatus.CONFIRMED
    assert judged(cfo, account, log(), head=6).status is PaymentStatus.CONFIRMED


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [log(9_999_999)],
        [log(), log(1)],
        [log(address=FRIEND)],
        [log(topics=["0x" + contract.TRANSFER.hex(), contract.topic(FRIEND), contract.topic(FRIEND)])],
        [log(topics=["0x" + contract.TRANSFER.hex(), contract.topic(PAYER), contract.topic(PAYER)])],
        [log(topics=["0x" + contract.TRANSFER.hex(), contract.topic(PAYER)])],
        [log(data="0x")],
    ],
)
def test_anything_else_is_left_for_a_person(cfo, account: str, logs: list[Log]) -> None:
    told = judged(cfo, account, *logs)
    assert told.status is PaymentStatus.PENDING
    assert "look at it" in told.explanation


def test_what_the_chain_undid_is_reverted(cfo, account: str) -> None:
    told = judged(cfo, account, status=0, action="deploy_token")
    assert (told.status, told.contract) == (PaymentStatus.REVERTED, None)
    assert "only the fee" in told.explanation


def test_coins_and_deployments_leave_no_transfer_to_look_for(cfo, account: str) -> None:
    assert judged(cfo, account, amount="1 ETH").status is PaymentStatus.CONFIRMED
    made = judged(cfo, account, action="deploy_token", amount="1 ETH")
    assert made.contract is not None
    assert made.contract.lower() == TOKEN
