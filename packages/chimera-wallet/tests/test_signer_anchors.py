"""The signer and anchors: a root goes to the installation's own account, and nothing else does (PRV-2)."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from chimera_protocol.payments import ANCHOR_ACCOUNT, ANCHOR_MARK
from chimera_serving.journal import Journal
from chimera_wallet.signer.keystore import Keystore
from chimera_wallet.signer.rules import Code, SignerError, SigningChain, SigningPolicy
from chimera_wallet.signer.signer import Desk

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
CHAIN = SigningChain(nonce=0, gas=30_000, max_fee_per_gas=10**9, max_priority_fee_per_gas=1)
ROOT = "5a" * 32


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    return Keystore(tmp_path_factory.mktemp("keys"), "correct horse battery staple")


@pytest.fixture
def desk(keystore: Keystore, cfo, tmp_path: Path) -> Iterator[Desk]:
    journal = Journal(tmp_path / "signed.jsonl")
    yield Desk(keystore, journal, SigningPolicy(cfo.public_key, 31_337, {}, 10**16))
    journal.close()


def anchor(cfo, desk: Desk, **changed: object) -> dict[str, object]:
    given: dict[str, object] = {
        "action": "anchor",
        "destination": desk.address(ANCHOR_ACCOUNT)["address"],
        "amount": "0.002 ETH",
        "max_fee": "0.002 ETH",
        "details": {"root": ROOT, "sealed_until": "2026-01-01T00:00:00Z"},
    }
    account = str(changed.pop("account", ANCHOR_ACCOUNT))
    return cfo.order(account, **{**given, **changed})


def test_an_anchor_carries_the_root_to_its_own_account_and_moves_nothing(desk: Desk, cfo) -> None:
    order = anchor(cfo, desk)
    signed = desk.sign_transaction(order, cfo.sign(order), CHAIN)
    raw = HexBytes(str(signed["raw"]))
    said = TypedTransaction.from_bytes(raw).as_dict()
    own = str(desk.address(ANCHOR_ACCOUNT)["address"])
    assert Account.recover_transaction(raw) == own
    assert "0x" + said["to"].hex() == own.lower()
    assert (said["value"], bytes(said["data"])) == (0, ANCHOR_MARK + bytes.fromhex(ROOT))
    assert desk.sign_transaction(order, cfo.sign(order), CHAIN) == {**signed, "replayed": True}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"destination": FRIEND}, Code.INVALID),
        ({"destination": ""}, Code.INVALID),
        ({"amount": "1 ETH"}, Code.INVALID),
        ({"amount": "0.002 USDC"}, Code.INVALID),
        ({"max_fee": None}, Code.INVALID),
        ({"account": f"{uuid4()}:{uuid4()}"}, Code.INVALID),
        ({"action": "transfer", "destination": FRIEND}, Code.INVALID),
        ({"action": "deploy_token", "destination": ""}, Code.INVALID),
        ({"details": {}}, Code.INVALID),
        ({"details": {"root": "5a" * 31, "sealed_until": "2026-01-01T00:00:00Z"}}, Code.INVALID),
        ({"details": {"root": ROOT, "sealed_until": "2026-01-01T00:00:00Z", "value": "1 ETH"}}, Code.INVALID),
        ({"max_fee": "0.00001 ETH", "amount": "0.00001 ETH"}, Code.FEE_TOO_HIGH),
        ({"max_fee": "1 ETH", "amount": "1 ETH"}, None),
        ({"chain_id": 1}, Code.WRONG_CHAIN),
        ({"expires_at": "2020-01-01T00:00:00Z"}, Code.EXPIRED),
    ],
)
def test_what_is_not_just_an_anchor_is_refused(
    desk: Desk, cfo, changed: dict[str, object], expected: Code | None
) -> None:
    order = anchor(cfo, desk, **changed)
    dear = CHAIN.model_copy(update={"max_fee_per_gas": 10**12})
    with pytest.raises(SignerError) as caught:
        # Whatever the order allows, the signer has a bound of its own.
        desk.sign_transaction(order, cfo.sign(order), dear if expected is None else CHAIN)
    assert caught.value.code is (expected or Code.FEE_TOO_HIGH)
    assert desk.last(ANCHOR_ACCOUNT) == {"found": False}


def test_a_root_that_was_tampered_with_is_not_what_the_cfo_signed(desk: Desk, cfo) -> None:
    order = anchor(cfo, desk)
    other = {**order, "details": {"root": "00" * 32, "sealed_until": "2026-01-01T00:00:00Z"}}
    for said, signature in ((other, cfo.sign(order)), (order, "a..b"), (order, type(cfo)().sign(order))):
        with pytest.raises(SignerError) as caught:
            desk.sign_transaction(said, signature, CHAIN)
        assert caught.value.code is Code.UNAUTHORISED
    desk.sign_transaction(order, cfo.sign(order), CHAIN)
    with pytest.raises(SignerError) as caught:
        desk.sign_transaction(other, cfo.sign(other), CHAIN)
    assert caught.value.code is Code.CONFLICT


def test_the_last_order_is_the_newest_that_was_signed(desk: Desk, cfo, keystore: Keystore, tmp_path: Path) -> None:
    orders = [anchor(cfo, desk) for _ in range(12)]
    for order in orders:
        desk.sign_transaction(order, cfo.sign(order), CHAIN)
        last = desk.last(ANCHOR_ACCOUNT)
        assert (last["found"], last["order"], last["cfo_signature"]) == (True, order, cfo.sign(order))
    assert desk.last(f"{uuid4()}:{uuid4()}") == {"found": False}
