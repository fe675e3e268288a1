"""An order becomes exactly one payload, or is refused."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chimera_protocol.payments import PaymentOrder
from chimera_wallet.tokens import contract, orders
from chimera_wallet.tokens.orders import Payload, UnknownCurrency

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
PAYER = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
TOKENS = {"USDC": "0xde709f2102306220921060314715629080e2fb77"}
DETAILS = {"name": "Nova", "symbol": "N", "supply": "10.5", "decimals": 2}


def order(**changed: object) -> PaymentOrder:
    said = {
        "order_id": uuid4(),
        "account": f"{uuid4()}:{uuid4()}",
        "action": "transfer",
        "chain_id": 1,
        "destination": FRIEND,
        "amount": "10 USDC",
        "max_fee": "0.1 ETH",
        "purpose": "a test",
        "budget_verification_hash": "h",
        "expires_at": datetime.now(UTC),
    }
    return PaymentOrder.model_validate({**said, **changed})


def test_a_token_moves_by_its_contract_and_the_coin_by_its_value() -> None:
    moved = orders.payload(order(), PAYER, TOKENS)
    assert moved == Payload(TOKENS["USDC"], 0, contract.transfer(FRIEND, 10_000_000))
    assert orders.payload(order(amount="2 ETH"), PAYER, TOKENS) == Payload(FRIEND, 2 * 10**18, b"")


def test_a_new_tokens_supply_is_the_payers_unless_the_order_names_somebody() -> None:
    for destination, holder in (("", PAYER), (FRIEND, FRIEND)):
        made = orders.payload(order(action="deploy_token", destination=destination, details=DETAILS), PAYER, TOKENS)
        assert made == Payload("", 0, contract.deployment(contract.Issue("Nova", "N", 2, 1_050, holder)))


@pytest.mark.parametrize(
    "changed",
    [
        {"destination": FRIEND.replace("F7", "f7")},
        {"destination": "0x" + "0" * 40},
        {"destination": "0x1234567890abcdef"},
        {"destination": ""},
        {"action": "pay_resource"},
    ],
)
def test_what_is_not_safe_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"address|not carried out"):
        orders.payload(order(**changed), PAYER, TOKENS)


def test_a_currency_without_contract_is_refused() -> None:
    with pytest.raises(UnknownCurrency, match="EUR"):
        orders.payload(order(amount="1 EUR"), PAYER, TOKENS)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": 1},
        {"name": ""},
        {"name": "ü" * 33},
        {"symbol": "S" * 17},
        {"supply": "1.234"},
        {"supply": 5},
        {"supply": "1e9"},
        {"supply": "-1"},
        {"supply": "9" * 65},
        {"supply": "."},
        {"decimals": 19},
        {"decimals": True},
        {"decimals": "2"},
    ],
)
def test_details_that_name_no_token_are_refused(changed: dict[str, object]) -> None:
    asked = order(action="deploy_token", destination="", amount="1 ETH", details={**DETAILS, **changed})
    with pytest.raises(ValueError, match=r"details|token|decimal"):
        orders.payload(asked, PAYER, TOKENS)


def test_an_anchor_is_a_root_to_oneself_and_moves_nothing() -> None:
    details: dict[str, object] = {"root": "5a" * 32, "sealed_until": "2026-01-01T00:00:00Z"}
    given = {"action": "anchor", "destination": PAYER, "amount": "0.1 ETH", "details": details}
    made = orders.payload(order(**given), PAYER, TOKENS)
    assert (made.to, made.value, made.data) == (PAYER, 0, b"chimera:" + b"\x5a" * 32)
    assert (orders.moves_money(order(**given)), orders.moves_money(order())) == (False, True)
    for wrong in ({"destination": FRIEND}, {"amount": "1 ETH"}, {"details": {}}, {"details": {**details, "more": 1}}):
        with pytest.raises(ValueError, match=r"^(destination|amount|details): "):
            orders.payload(order(**{**given, **wrong}), PAYER, TOKENS)


def test_the_fee_has_the_narrower_bound() -> None:
    assert orders.fee_bound(order()) == 10**17
    for action in ("deploy_token", "anchor"):
        assert orders.fee_bound(order(action=action, amount="0.01 ETH")) == 10**16
    for wrong in ({"max_fee": None}, {"max_fee": "1 USDC"}, {"action": "deploy_token"}):
        with pytest.raises(ValueError, match=r"max_fee|paid in ETH"):
            orders.fee_bound(order(**wrong))
