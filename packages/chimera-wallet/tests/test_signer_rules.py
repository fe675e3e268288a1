"""What the signer checks for itself, each refusal with its code."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chimera_protocol.payments import PaymentOrder
from chimera_wallet.signer import rules
from chimera_wallet.signer.rules import Code, SignerError, SigningChain, SigningPolicy

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xde709f2102306220921060314715629080e2fb77"
CHEAP = SigningChain(nonce=0, gas=50_000, max_fee_per_gas=10**9, max_priority_fee_per_gas=1)


@pytest.fixture
def policy(cfo) -> SigningPolicy:
    return SigningPolicy(cfo.public_key, 31_337, {"USDC": TOKEN}, 10**16)


def code(caught: pytest.ExceptionInfo[SignerError]) -> Code:
    assert caught.value.remedy
    return caught.value.code


def test_what_the_cfo_signed_is_an_order(cfo, policy: SigningPolicy, account: str) -> None:
    said = cfo.order(account)
    order, order_hash = rules.authorised(said, cfo.sign(said), policy)
    assert order == PaymentOrder.model_validate(said)
    assert rules.authorised(dict(reversed(said.items())), cfo.sign(said), policy)[1] == order_hash


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"amount": "11 USDC"}, Code.UNAUTHORISED),
        ({"more": 1}, Code.UNAUTHORISED),
        ({"details": {"x": 2**60}}, Code.INVALID),
    ],
)
def test_what_was_changed_afterwards_is_not(
    cfo, policy: SigningPolicy, account: str, changed: dict[str, object], expected: Code
) -> None:
    said = cfo.order(account)
    with pytest.raises(SignerError) as caught:
        rules.authorised({**said, **changed}, cfo.sign(said), policy)
    assert code(caught) is expected


@pytest.mark.parametrize("signature", ["", "..", "a..b", "a.b.c", "é..é"])
def test_a_signature_that_is_none_is_refused(cfo, policy: SigningPolicy, account: str, signature: str) -> None:
    with pytest.raises(SignerError) as caught:
        rules.authorised(cfo.order(account), signature, policy)
    assert code(caught) is Code.UNAUTHORISED


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"chain_id": 1}, Code.WRONG_CHAIN),
        ({"account": "../../etc"}, Code.INVALID),
        ({"amount": "10"}, Code.INVALID),
        ({"expires_at": "2099-01-01T00:00:00"}, Code.INVALID),
        ({"more": 1}, Code.INVALID),
    ],
)
def test_even_the_cfo_cannot_order_everything(
    cfo, policy: SigningPolicy, account: str, changed: dict[str, object], expected: Code
) -> None:
    said = {**cfo.order(account), **changed}
    with pytest.raises(SignerError) as caught:
        rules.authorised(said, cfo.sign(said), policy)
    assert code(caught) is expected


def test_an_order_ends_with_its_time(cfo, account: str) -> None:
    order = PaymentOrder.model_validate(cfo.order(account))
    rules.check_expiry(order, order.expires_at - timedelta(seconds=1))
    with pytest.raises(SignerError) as caught:
        rules.check_expiry(order, order.expires_at)
    assert code(caught) is Code.EXPIRED


@pytest.mark.parametrize(
    ("changed", "price", "expected"),
    [
        ({"max_fee": "0.00004 ETH"}, 10**9, Code.FEE_TOO_HIGH),
        ({"max_fee": "1 ETH"}, 10**12, Code.FEE_TOO_HIGH),
        ({"max_fee": None}, 10**9, Code.INVALID),
        ({"max_fee": "1 USDC"}, 10**9, Code.INVALID),
        ({}, 0, Code.INVALID),
    ],
)
def test_the_fee_is_within_the_orders_bound_and_the_signers_own(
    cfo, policy: SigningPolicy, account: str, changed: dict[str, object], price: int, expected: Code
) -> None:
    rules.check_fee(PaymentOrder.model_validate(cfo.order(account)), CHEAP, policy)
    order = PaymentOrder.model_validate(cfo.order(account, **changed))
    with pytest.raises(SignerError) as caught:
        rules.check_fee(order, CHEAP.model_copy(update={"max_fee_per_gas": price}), policy)
    assert code(caught) is expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"amount": "1 EUR"}, Code.UNKNOWN_CURRENCY),
        ({"destination": "0x1234567890abcdef"}, Code.INVALID),
        ({"destination": FRIEND.replace("F7", "f7")}, Code.INVALID),
        ({"action": "pay_resource"}, Code.INVALID),
        ({"action": "deploy_token", "destination": ""}, Code.INVALID),
    ],
)
def test_only_what_is_known_and_safe_becomes_a_transaction(
    cfo, policy: SigningPolicy, account: str, changed: dict[str, object], expected: Code
) -> None:
    with pytest.raises(SignerError) as caught:
        rules.payload(PaymentOrder.model_validate(cfo.order(account, **changed)), FRIEND, policy)
    assert code(caught) is expected


def test_an_authorisation_is_the_orders_and_no_other(cfo, policy: SigningPolicy, account: str) -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    order = PaymentOrder.model_validate(cfo.order(account, action="pay_resource", expires_at=until))
    said = rules.authorisation(order, TOKEN)
    assert said | {"nonce": ""} == {
        "from": TOKEN,
        "to": FRIEND,
        "value": "10000000",
        "validAfter": "0",
        "validBefore": str(int(until.timestamp())),
        "nonce": "",
    }
    other = order.model_copy(update={"order_id": uuid4()})
    assert rules.authorisation(other, TOKEN)["nonce"] != said["nonce"]
    for wrong in ({"action": "transfer"}, {"action": "pay_resource", "destination": "x"}):
        with pytest.raises(SignerError) as caught:
            rules.authorisation(PaymentOrder.model_validate(cfo.order(account, **wrong)), TOKEN)
        assert code(caught) is Code.INVALID
    with pytest.raises(SignerError) as caught:
        rules.token(PaymentOrder.model_validate(cfo.order(account, amount="1 EUR")), policy)
    assert code(caught) is Code.UNKNOWN_CURRENCY
