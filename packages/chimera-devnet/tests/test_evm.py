"""The chain in memory: what it takes, what it refuses, and that the same history is always the same chain."""

import pytest
from eth_account import Account

from chimera_devnet.chain.evm import CHAIN_ID, FAUCET, FAUCET_KEY, Call, ChainRejected, Evm, Mined

NOW = 1_700_000_000
FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
KEY = FAUCET_KEY.to_bytes()


def raw(nonce: int = 0, **changed: object) -> bytes:
    said = {
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        "to": FRIEND,
        "value": 5,
    }
    return bytes(Account.sign_transaction({**said, **changed}, KEY).raw_transaction)


def mine(evm: Evm, *transactions: bytes) -> Mined:
    for transaction in transactions:
        evm.mine(evm.read(transaction), evm.head.timestamp + 1)
    return evm.head


def test_the_same_history_is_the_same_chain() -> None:
    history = [raw(0), raw(1, value=7), raw(2)]
    one, two = Evm(NOW), Evm(NOW)
    assert mine(one, *history) == mine(two, *history)
    assert one.blocks == two.blocks
    assert mine(Evm(NOW + 1), *history).hash != one.head.hash


def test_a_payment_moves_value_and_costs_its_fee() -> None:
    evm = Evm(NOW)
    before = evm.state(0).get_balance(FAUCET)
    block = mine(evm, raw())
    assert block.succeeded
    assert block.gas_used == 21_000
    assert evm.state(1).get_balance(bytes.fromhex(FRIEND[2:])) == 5
    assert before - evm.state(1).get_balance(FAUCET) == 5 + 21_000 * block.gas_price
    assert evm.state(0).get_balance(FAUCET) == before
    assert evm.by_transaction[block.transaction.hash] is block


def test_older_kinds_of_transactions_are_taken() -> None:
    plain = {"chainId": CHAIN_ID, "nonce": 0, "gas": 21_000, "gasPrice": 10**10, "to": FRIEND, "value": 5}
    listed = {**plain, "nonce": 1, "gas": 30_000, "accessList": [{"address": FRIEND, "storageKeys": ["0x" + "0" * 64]}]}
    signed = [bytes(Account.sign_transaction(said, KEY).raw_transaction) for said in (plain, listed)]
    assert mine(Evm(NOW), *signed).succeeded


@pytest.mark.parametrize(
    ("transaction", "said"),
    [
        (b"", "not a transaction"),
        (b"\x02", "not a transaction"),
        (b"\x02\xc0", "not a transaction"),
        (b"\xc0", "not a transaction"),
        (b"\x03" + b"a" * 50, "not a transaction of a type"),
        (b"\x7f" * 100, "not a transaction"),
        (raw()[:-1], "not a transaction"),
        (raw(chainId=1), "invalid chain id"),
        (raw(1), "nonce too high: next nonce 0, tx nonce 1"),
        (raw(value=10**30), "insufficient funds"),
        (raw(maxFeePerGas=1, maxPriorityFeePerGas=1), "base fee"),
        (raw(gas=20_000), "intrinsic gas too low"),
        (raw(gas=21_500, data=b"a" * 40), "intrinsic gas too low"),
        (raw(gas=3_000_000, to="", data=b"a" * 50_000), "code"),
        (raw(gas=31_000_000), "gas"),
    ],
)
def test_what_is_not_good_is_refused_and_changes_nothing(transaction: bytes, said: str) -> None:
    evm = Evm(NOW)
    with pytest.raises(ChainRejected, match=said):
        evm.read(transaction)
    assert evm.head.number == 0
    mine(evm, raw())


def test_a_transaction_is_mined_once() -> None:
    evm = Evm(NOW)
    mine(evm, raw())
    with pytest.raises(ChainRejected, match="already known"):
        evm.read(raw())
    with pytest.raises(ChainRejected, match="nonce too low"):
        evm.read(raw(value=6))


def test_a_call_that_cannot_be_is_refused() -> None:
    evm = Evm(NOW)
    with pytest.raises(ChainRejected, match="balance"):
        evm.call(Call(b"\1" * 20, FAUCET, value=1), 0)
    with pytest.raises(ChainRejected, match="execution failed: InvalidInstruction"):
        evm.estimate(Call(FAUCET, b"", b"\xfe"))
    with pytest.raises(ChainRejected, match="header not found"):
        evm.state(7)


def test_an_estimate_is_enough_even_where_calls_keep_gas_back() -> None:
    # Calls itself with all gas it may hand on, until less than 100,000 is left.
    code = bytes.fromhex("620186a05a11600a57005b60006000600060006000305af100")
    creation = bytes.fromhex(f"60{len(code):02x}600c60003960{len(code):02x}6000f3") + code
    evm = Evm(NOW)
    gas = evm.estimate(Call(FAUCET, b"", creation))
    made = mine(evm, raw(to="", data=creation, value=0, gas=gas))
    assert made.succeeded
    assert made.contract is not None
    assert evm.estimate(Call(FAUCET, made.contract)) >= 21_000
