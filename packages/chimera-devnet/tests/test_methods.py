"""The JSON-RPC methods, as web3 and as a careless caller use them."""

from collections.abc import Callable, Iterator

import pytest
from eth_account import Account
from web3 import Web3
from web3.types import TxParams

from chimera_devnet.chain.evm import CHAIN_ID, ChainRejected
from chimera_devnet.chain.methods import BadParameters, methods
from chimera_devnet.chain.node import Node
from chimera_protocol.money import Money
from chimera_wallet.tokens import contract

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("methods"))
    node.fund(FRIEND, Money.parse("5 USDC"))
    yield node
    node.close()


@pytest.fixture
def ask(node: Node) -> Callable[..., object]:
    known = methods(node)
    return lambda method, *parameters: known[method](parameters)


def test_web3_finds_all_it_needs_to_pay(embedded) -> None:
    web3 = Web3(Web3.HTTPProvider(embedded.url))
    payer = Account.create()
    embedded.fund(payer.address, "1 ETH")
    assert web3.is_connected()
    assert web3.eth.chain_id == CHAIN_ID
    said: TxParams = {"from": payer.address, "to": FRIEND, "value": 7, "nonce": 0, "chainId": CHAIN_ID}
    said["gas"] = web3.eth.estimate_gas(said)
    said["maxPriorityFeePerGas"] = web3.eth.max_priority_fee
    said["maxFeePerGas"] = web3.eth.gas_price * 2
    before = web3.eth.get_balance(FRIEND)
    tx_hash = web3.eth.send_raw_transaction(payer.sign_transaction(said).raw_transaction)
    receipt = web3.eth.wait_for_transaction_receipt(tx_hash)
    block = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)
    assert receipt["status"] == 1
    assert block["transactions"][0]["hash"] == tx_hash
    assert web3.eth.get_transaction(tx_hash)["value"] == 7
    assert web3.eth.get_block(block["hash"])["transactions"] == [tx_hash]
    assert web3.eth.get_balance(FRIEND) - before == 7
    assert web3.eth.get_balance(FRIEND, receipt["blockNumber"] - 1) == before
    assert web3.eth.fee_history(2, "latest", [50.0])["reward"][-1] == [web3.eth.max_priority_fee]


def test_logs_are_filtered_by_contract_topic_and_block(ask: Callable[..., object], node: Node) -> None:
    event, friend = "0x" + contract.TRANSFER.hex(), contract.topic(FRIEND)
    (found,) = ask("eth_getLogs", {"fromBlock": "earliest", "topics": [event, None, [friend, event]]})
    assert found["address"] == node.token
    assert int(found["data"], 16) == 5_000_000
    assert ask("eth_getLogs", {"blockHash": found["blockHash"], "address": [node.token]}) == [found]
    for nothing in (
        {"fromBlock": "0x0", "toBlock": "0x1"},
        {"fromBlock": "0x0", "address": FRIEND},
        {"fromBlock": "0x0", "topics": [event, friend]},
        {"fromBlock": "0x0", "topics": [event, None, None, event]},
    ):
        assert ask("eth_getLogs", nothing) == []


def test_what_is_not_there_is_null(ask: Callable[..., object]) -> None:
    nothing = "0x" + "0" * 64
    assert ask("eth_getTransactionReceipt", nothing) is None
    assert ask("eth_getTransactionByHash", nothing) is None
    assert ask("eth_getBlockByHash", nothing, False) is None
    assert ask("eth_getBlockByNumber", "0xffff", True) is None
    assert ask("eth_getCode", FRIEND, "latest") == "0x"
    assert ask("eth_getStorageAt", FRIEND, "0x0", "latest") == nothing
    genesis = ask("eth_getBlockByNumber", "earliest", True)
    assert (genesis["number"], genesis["transactions"]) == ("0x0", [])


def test_small_questions_are_answered(ask: Callable[..., object], node: Node) -> None:
    assert ask("web3_clientVersion") == "chimera-chain/1"
    assert ask("net_version") == str(CHAIN_ID)
    assert ask("eth_syncing") is False
    assert ask("eth_accounts") == []
    assert ask("chimera_info")["token"] == node.token
    assert len(ask("eth_getCode", node.token)) > 1_000


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x1234567890abcdef"]),
        ("eth_getBalance", [FRIEND.replace("F7", "f7")]),
        ("eth_getBalance", [FRIEND, "yesterday"]),
        ("eth_getBalance", [FRIEND, "0xzz"]),
        ("eth_call", ["x"]),
        ("eth_call", [{"to": FRIEND, "data": "0xabc"}]),
        ("eth_call", [{"to": FRIEND, "data": 5}]),
        ("eth_sendRawTransaction", [None]),
        ("eth_getLogs", ["x"]),
        ("eth_getLogs", [{"topics": ["0x00"] * 5}]),
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "0xfffffff"}]),
        ("eth_feeHistory", ["0x0", "latest", []]),
        ("eth_feeHistory", ["0x401", "latest", []]),
        ("chimera_fund", [FRIEND]),
        ("chimera_fund", [FRIEND, "much"]),
        ("chimera_fund", [5, "1 ETH"]),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    ask: Callable[..., object], method: str, parameters: list[object]
) -> None:
    with pytest.raises(BadParameters):
        ask(method, *parameters)


def test_blocks_that_are_not_there_yet_are_refused(ask: Callable[..., object]) -> None:
    for method, parameters in (
        ("eth_getBalance", [FRIEND, "0xffff"]),
        ("eth_feeHistory", ["0x1", "0xffff", []]),
        ("eth_getLogs", [{"blockHash": "0x" + "0" * 64}]),
    ):
        with pytest.raises(ChainRejected):
            ask(method, *parameters)
