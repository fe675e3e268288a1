"""The token contract: the artifact is what its source says, and the contract does what ERC-20 and EIP-3009 say."""

import importlib.util
from pathlib import Path

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from chimera_devnet.chain.evm import CHAIN_ID, FAUCET, FAUCET_KEY, Call, ChainRejected, Evm
from chimera_wallet.signer.signer import AUTHORISATION_TYPE
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.contract import Issue

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
OWNER = Account.from_key(FAUCET_KEY.to_bytes())
BUILD = Path(__file__).parents[3] / "tools" / "build_contracts.py"


class Chain:
    """A chain with one token on it, all of it the owner's."""

    def __init__(self) -> None:
        self.evm = Evm(1_700_000_000)
        made = self.send(b"", contract.deployment(Issue("Nova Coin", "NOVA", 6, 1_000, OWNER.address, OWNER.address)))
        assert made.contract is not None
        self.token = made.contract

    def send(self, to: bytes, data: bytes):
        call = Call(FAUCET, to, data)
        transaction = {
            "chainId": CHAIN_ID,
            "nonce": self.evm.state(self.evm.head.number).get_nonce(FAUCET),
            "gas": self.evm.estimate(call),
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
            "to": contract.party("0x" + to.hex().rjust(64, "0")) if to else "",
            "data": data,
        }
        raw = bytes(OWNER.sign_transaction(transaction).raw_transaction)
        return self.evm.mine(self.evm.read(raw), self.evm.head.timestamp + 1)

    def ask(self, data: bytes, sender: bytes = FAUCET) -> bytes:
        return self.evm.call(Call(sender, self.token, data), self.evm.head.number)

    def balance(self, holder: str) -> int:
        return contract.number(self.ask(contract.balance_of(holder)))


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_the_artifact_is_what_the_source_compiles_to() -> None:
    spec = importlib.util.spec_from_file_location("build_contracts", BUILD)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (tool.FOLDER / "token.json").read_text("utf-8") == tool.build()


def test_a_supply_is_moved_and_counted(chain: Chain) -> None:
    mined = chain.send(chain.token, contract.transfer(FRIEND, 400))
    assert (chain.balance(OWNER.address), chain.balance(FRIEND)) == (600, 400)
    ((_, topics, data),) = mined.logs
    assert topics[0] == contract.TRANSFER
    assert [contract.party("0x" + topic.hex()) for topic in topics[1:]] == [OWNER.address, FRIEND]
    assert contract.number(data) == 400
    with pytest.raises(ChainRejected, match="reverted"):
        chain.send(chain.token, contract.transfer(FRIEND, 601))
    with pytest.raises(ChainRejected, match="reverted"):
        chain.send(chain.token, contract.transfer(contract.NOBODY, 1))


def test_only_the_minter_makes_more(chain: Chain) -> None:
    chain.send(chain.token, contract.mint(FRIEND, 7))
    assert chain.balance(FRIEND) == 7
    assert contract.number(chain.ask(keccak(text="totalSupply()")[:4])) == 1_007
    with pytest.raises(ChainRejected, match="reverted"):
        chain.ask(contract.mint(FRIEND, 7), sender=b"\1" * 20)


def test_another_may_take_what_it_was_allowed(chain: Chain) -> None:
    chain.send(chain.token, keccak(text="approve(address,uint256)")[:4] + encode(["address", "uint256"], [FRIEND, 5]))
    take = keccak(text="transferFrom(address,address,uint256)")[:4]
    friend = bytes.fromhex(FRIEND[2:])
    chain.ask(take + encode(["address", "address", "uint256"], [OWNER.address, FRIEND, 5]), sender=friend)
    with pytest.raises(ChainRejected, match="reverted"):
        chain.ask(take + encode(["address", "address", "uint256"], [OWNER.address, FRIEND, 6]), sender=friend)


def authorised(chain: Chain, order: bytes, **changed: object) -> bytes:
    """The call of an authorisation that the owner signed, some of it changed afterwards."""
    domain = {
        "name": "Nova Coin",
        "version": "2",
        "chainId": CHAIN_ID,
        "verifyingContract": contract.party("0x" + chain.token.hex().rjust(64, "0")),
    }
    said = {"from": OWNER.address, "to": FRIEND, "value": 250, "validAfter": 0, "validBefore": 2**40, "nonce": order}
    signed = OWNER.sign_typed_data(domain, AUTHORISATION_TYPE, {**said, **changed.pop("signed", {})})
    sent = {**said, "v": signed.v, "r": signed.r.to_bytes(32, "big"), "s": signed.s.to_bytes(32, "big"), **changed}
    kinds = ["address", "address", "uint256", "uint256", "uint256", "bytes32", "uint8", "bytes32", "bytes32"]
    signature = f"transferWithAuthorization({','.join(kinds)})"
    return keccak(text=signature)[:4] + encode(kinds, list(sent.values()))


def test_an_authorisation_moves_the_money_once(chain: Chain) -> None:
    nonce = keccak(text="order")
    state = contract.authorization_state(OWNER.address, nonce)
    assert contract.number(chain.ask(state)) == 0
    chain.send(chain.token, authorised(chain, nonce))
    assert chain.balance(FRIEND) == 250
    assert contract.number(chain.ask(state)) == 1
    with pytest.raises(ChainRejected, match="reverted"):
        chain.ask(authorised(chain, nonce))


@pytest.mark.parametrize(
    "changed",
    [
        {"value": 251},
        {"to": OWNER.address},
        {"nonce": keccak(text="other")},
        {"v": 26},
        {"r": b"\0" * 32},
        {"signed": {"validBefore": 5}, "validBefore": 5},
        {"signed": {"validAfter": 2**40}, "validAfter": 2**40},
    ],
)
def test_an_authorisation_that_was_changed_or_is_out_of_time_moves_nothing(
    chain: Chain, changed: dict[str, object]
) -> None:
    with pytest.raises(ChainRejected, match="reverted"):
        chain.ask(authorised(chain, keccak(text="order"), **changed))


def test_an_answer_that_is_no_number_is_not_taken_for_one() -> None:
    with pytest.raises(ValueError, match="is the token's address right"):
        contract.number(b"")
