"""The chain that lasts: after a restart, and after any way of dying, it is the chain it was."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from chimera_devnet.chain.evm import CHAIN_ID, ChainRejected
from chimera_devnet.chain.node import Node
from chimera_protocol.money import Money
from chimera_serving.journal import JournalError

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0x1925aC23967226B9C48931c1a7837439165465a8"


def funded(state: Path) -> Node:
    node = Node(state)
    node.fund(FRIEND, Money.parse("500 USDC"))
    node.fund(FRIEND, Money.parse("1 ETH"))
    return node


def test_the_token_is_where_it_always_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        node = Node(tmp_path / name)
        assert node.info() | {"faucet": ""} == {"chain_id": CHAIN_ID, "token": TOKEN, "faucet": "", "block": 1}
        node.close()


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    before = funded(tmp_path)
    before.close()
    after = Node(tmp_path)
    assert after.evm.blocks == before.evm.blocks
    assert after.evm.head.number == 3
    after.close()


def test_what_was_torn_by_a_crash_never_happened(tmp_path: Path) -> None:
    before = funded(tmp_path)
    before.close()
    path = tmp_path / "chain.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    after = Node(tmp_path)
    assert after.evm.blocks == before.evm.blocks[:3]
    after.fund(FRIEND, Money.parse("2 ETH"))
    after.close()
    again = Node(tmp_path)
    assert again.evm.blocks == after.evm.blocks
    again.close()


def test_blocks_run_ahead_of_the_clock_and_never_back(tmp_path: Path) -> None:
    node = Node(tmp_path, clock=lambda: 1_700_000_000)
    node.fund(FRIEND, Money.parse("1 ETH"))
    assert [block.timestamp - 1_700_000_000 for block in node.evm.blocks] == [0, 1, 2]
    node.close()


@pytest.mark.parametrize(
    ("address", "money", "said"),
    [
        (FRIEND, "1 EUR", "no EUR"),
        (FRIEND, "1000.1 ETH", "less than"),
        (FRIEND, "1000001 USDC", "less than"),
        (FRIEND.replace("F7", "f7"), "1 ETH", "checksum"),
    ],
)
def test_the_faucet_has_bounds(tmp_path: Path, address: str, money: str, said: str) -> None:
    node = Node(tmp_path)
    with pytest.raises(ChainRejected, match=said):
        node.fund(address, Money.parse(money))
    assert node.evm.head.number == 1
    node.close()


def test_a_transaction_that_fails_is_mined_the_same_way_again(tmp_path: Path) -> None:
    node = Node(tmp_path)
    payer = Account.create()
    node.fund(payer.address, Money.parse("1 ETH"))
    said = {"chainId": CHAIN_ID, "nonce": 0, "gas": 60_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
    raw = payer.sign_transaction({**said, "to": "", "data": "0xfe"}).raw_transaction
    node.send(bytes(raw))
    assert not node.evm.head.succeeded
    node.close()
    again = Node(tmp_path)
    assert again.evm.blocks == node.evm.blocks
    again.close()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"version": 2, "chain_id": CHAIN_ID, "time": 1}, "not a journal of this version"),
        ({"version": 1, "chain_id": CHAIN_ID, "time": 1}, "cannot be mined again"),
    ],
)
def test_a_journal_that_does_not_fit_is_not_opened(tmp_path: Path, record: dict[str, object], said: str) -> None:
    lines = [record, {"raw": "c0", "time": 2}, {"raw": 5, "time": 3}]
    (tmp_path / "chain.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(JournalError, match=said):
        Node(tmp_path)
    with pytest.raises(JournalError, match=said):
        Node(tmp_path)
