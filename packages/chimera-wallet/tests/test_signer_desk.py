"""One order, one signature: whatever is asked again, changed, raced or cut short."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from chimera_serving.journal import Journal
from chimera_wallet.signer.keystore import Keystore
from chimera_wallet.signer.rules import Code, SignerError, SigningChain, SigningDomain, SigningPolicy
from chimera_wallet.signer.signer import AUTHORISATION_TYPE, Desk
from chimera_wallet.tokens import contract

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xde709f2102306220921060314715629080e2fb77"
CHAIN = SigningChain(nonce=0, gas=90_000, max_fee_per_gas=10**9, max_priority_fee_per_gas=1)


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    return Keystore(tmp_path_factory.mktemp("keys"), "correct horse battery staple")


@pytest.fixture
def policy(cfo) -> SigningPolicy:
    return SigningPolicy(cfo.public_key, 31_337, {"USDC": TOKEN}, 10**16)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "signed.jsonl")
    yield journal
    journal.close()


@pytest.fixture
def desk(keystore: Keystore, journal: Journal, policy: SigningPolicy) -> Desk:
    return Desk(keystore, journal, policy)


def test_the_transaction_does_what_was_ordered(desk: Desk, cfo, account: str) -> None:
    order = cfo.order(account)
    signed = desk.sign_transaction(order, cfo.sign(order), CHAIN)
    raw = HexBytes(str(signed["raw"]))
    assert Account.recover_transaction(raw) == desk.address(account)["address"] == signed["address"]
    said = TypedTransaction.from_bytes(raw).as_dict()
    assert said["chainId"] == 31_337
    assert contract.party("0x" + said["to"].hex().rjust(64, "0")).lower() == TOKEN
    assert bytes(said["data"]) == contract.transfer(FRIEND, 10_000_000)
    assert (said["value"], said["gas"], said["nonce"]) == (0, 90_000, 0)


def test_the_same_order_is_the_same_bytes_for_ever(
    desk: Desk, cfo, account: str, keystore: Keystore, policy: SigningPolicy, journal: Journal, tmp_path: Path
) -> None:
    order = cfo.order(account)
    first = desk.sign_transaction(order, cfo.sign(order), CHAIN)
    later = CHAIN.model_copy(update={"nonce": 9, "max_fee_per_gas": 10**10})
    assert desk.sign_transaction(order, cfo.sign(order), later) == {**first, "replayed": True}
    journal.close()
    reopened = Journal(tmp_path / "signed.jsonl")
    again = Desk(keystore, reopened, policy, clock=lambda: (_ for _ in ()).throw(AssertionError("no clock")))
    assert again.sign_transaction(order, cfo.sign(order), later) == {**first, "replayed": True}
    assert again.find(str(order["order_id"]))["order"] == order
    with pytest.raises(SignerError) as caught:
        again.sign_transaction(order, cfo.sign({**order, "amount": "1 USDC"}), CHAIN)
    assert caught.value.code is Code.UNAUTHORISED
    journal.__init__(tmp_path / "unused.jsonl")
    reopened.close()


def test_one_id_with_another_order_is_refused(desk: Desk, cfo, account: str) -> None:
    order = cfo.order(account)
    desk.sign_transaction(order, cfo.sign(order), CHAIN)
    for changed in ({"amount": "11 USDC"}, {"account": account.replace(account[0], "0")}, {"action": "pay_resource"}):
        other = {**order, **changed}
        if other == order:
            continue
        with pytest.raises(SignerError) as caught:
            desk.sign_transaction(other, cfo.sign(other), CHAIN)
        assert caught.value.code is Code.CONFLICT
    with pytest.raises(SignerError) as caught:
        desk.sign_authorization(order, cfo.sign(order), SigningDomain(name="USDC", version="2"))
    assert caught.value.code is Code.CONFLICT


def test_orders_that_race_take_nonces_of_their_own(desk: Desk, cfo, account: str) -> None:
    orders = [cfo.order(account, amount=f"{n} USDC") for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(lambda order: desk.sign_transaction(order, cfo.sign(order), CHAIN), orders * 2))
    assert sorted({answer["nonce"] for answer in signed}) == list(range(8))
    assert len({answer["raw"] for answer in signed}) == 8
    later = desk.unconfirmed(account, 5)["transactions"]
    assert [record["nonce"] for record in later] == [5, 6, 7]


def test_a_nonce_follows_the_chain_and_what_was_signed_before(desk: Desk, cfo, account: str) -> None:
    nonces = []
    for told in (4, 0, 3, 9):
        order = cfo.order(account)
        chain = CHAIN.model_copy(update={"nonce": told})
        nonces.append(desk.sign_transaction(order, cfo.sign(order), chain)["nonce"])
    assert nonces == [4, 5, 6, 9]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, Code.EXPIRED),
        ({"chain_id": 5}, Code.WRONG_CHAIN),
        ({"max_fee": "0.000001 ETH"}, Code.FEE_TOO_HIGH),
        ({"destination": FRIEND.replace("F7", "f7")}, Code.INVALID),
    ],
)
def test_what_was_refused_was_never_signed(
    desk: Desk, cfo, account: str, journal: Journal, changed: dict[str, object], expected: Code
) -> None:
    order = cfo.order(account, **changed)
    with pytest.raises(SignerError) as caught:
        desk.sign_transaction(order, cfo.sign(order), CHAIN)
    assert caught.value.code is expected
    assert desk.find(str(order["order_id"])) == {"found": False}
    assert desk.unconfirmed(account, 0) == {"transactions": []}


def test_an_authorisation_is_signed_for_this_token_on_this_chain(desk: Desk, cfo, account: str) -> None:
    order = cfo.order(account, action="pay_resource", max_fee=None)
    domain = SigningDomain(name="USD Coin (test)", version="2")
    signed = desk.sign_authorization(order, cfo.sign(order), domain)
    said = dict(signed["authorization"])
    numbers = {name: int(said[name]) for name in ("value", "validAfter", "validBefore")}
    message = encode_typed_data(
        {"name": domain.name, "version": "2", "chainId": 31_337, "verifyingContract": TOKEN},
        AUTHORISATION_TYPE,
        {**said, **numbers},
    )
    address = Account.recover_message(message, signature=str(signed["signature"]))
    assert address == desk.address(account)["address"] == said["from"]
    again = desk.sign_authorization(order, cfo.sign(order), SigningDomain(name="Other", version="1"))
    assert again == {**signed, "replayed": True}
    with pytest.raises(SignerError) as caught:
        desk.sign_transaction(order, cfo.sign(order), CHAIN)
    assert caught.value.code is Code.CONFLICT


def test_what_cannot_be_kept_is_not_handed_out(desk: Desk, cfo, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    order = cfo.order(account)
    desk.address(account)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(SignerError) as caught:
            desk.sign_transaction(order, cfo.sign(order), CHAIN)
    assert caught.value.code is Code.UNAVAILABLE
    assert desk.find(str(order["order_id"])) == {"found": False}
    assert desk.sign_transaction(order, cfo.sign(order), CHAIN)["nonce"] == 0
