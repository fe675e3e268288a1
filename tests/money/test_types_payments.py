"""Payment orders and receipts: exact amounts, whole addresses, and nothing that a signer would have to guess."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from chimera.ids import new_id
from chimera_protocol.payments import (
    ANCHOR_ACCOUNT,
    AnchorDetails,
    AnchorReading,
    Movement,
    PaymentAction,
    PaymentOrder,
    PaymentReceipt,
    PaymentStatus,
)

ADDRESS = "0x" + "aB" * 20
HASH = "0x" + "0f" * 32
NOBODY = UUID(int=7)


def order(**changes: Any) -> PaymentOrder:
    given: dict[str, Any] = {
        "order_id": new_id(),
        "account": f"{new_id()}:{new_id()}",
        "action": "transfer",
        "chain_id": 31337,
        "destination": ADDRESS,
        "amount": "0.5 ETH",
        "max_fee": "0.001 ETH",
        "purpose": "reach",
        "budget_verification_hash": "0" * 64,
        "expires_at": datetime(2026, 2, 5, tzinfo=UTC),
    }
    return PaymentOrder.model_validate({**given, **changes})


def test_an_order_survives_the_wire_unchanged() -> None:
    given = order(details={"symbol": "NOVA"})
    assert PaymentOrder.model_validate_json(given.model_dump_json()) == given
    assert given.action is PaymentAction.TRANSFER


def test_the_amount_is_exact_to_the_last_wei() -> None:
    money = order(amount="0.000000000000000001 ETH").money
    assert (money.amount, money.currency) == (Decimal("1e-18"), "ETH")


def test_a_payment_that_somebody_else_carries_out_has_no_fee_but_says_so() -> None:
    assert order(max_fee=None).max_fee is None
    with pytest.raises(ValidationError, match="max_fee"):
        PaymentOrder.model_validate(order().model_dump(exclude={"max_fee"}))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0 ETH"},
        {"amount": "-1 ETH"},
        {"amount": "1"},
        {"amount": "1 DOGE"},
        {"amount": "0.0000001 USDC"},
        {"amount": 1},
        {"max_fee": "much"},
        {"max_fee": "0 ETH"},
        {"account": "nora"},
        {"account": NOBODY},
        {"account": f"{NOBODY}:{NOBODY}:{NOBODY}"},
        {"action": "mint"},
        {"chain_id": 0},
        {"chain_id": -1},
        {"destination": "x" * 129},
        {"order_id": "1"},
        {"budget_verification_hash": ""},
        {"purpose": ""},
        {"unknown": 1},
    ],
    ids=str,
)
def test_an_order_that_leaves_room_for_doubt_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        order(**change)


def test_an_order_cannot_be_changed_after_it_was_given() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        order().amount = "9 ETH"


@pytest.mark.parametrize(
    "change",
    [
        {"tx_hash": "0x0f"},
        {"tx_hash": HASH.upper()},
        {"contract": "0xABC"},
        {"contract": ADDRESS[:-1] + "g"},
        {"status": "paid"},
        {"fee": "1" * 65},
    ],
    ids=str,
)
def test_a_receipt_says_what_a_chain_can_say(change: dict[str, Any]) -> None:
    good = {"order_id": new_id(), "status": "confirmed", "tx_hash": HASH, "block": 7, "contract": ADDRESS}
    assert PaymentReceipt.model_validate(good).status is PaymentStatus.CONFIRMED
    with pytest.raises(ValidationError):
        PaymentReceipt.model_validate({**good, **change})


@pytest.mark.parametrize("change", [{"log_index": -2}, {"sender": "nora"}, {"recipient": ADDRESS + "0"}], ids=str)
def test_a_movement_names_whole_addresses_and_its_place_in_the_block(change: dict[str, Any]) -> None:
    good = {"tx_hash": HASH, "log_index": -1, "block": 7, "sender": ADDRESS, "recipient": ADDRESS, "amount": "1 ETH"}
    assert Movement.model_validate(good).log_index == -1
    with pytest.raises(ValidationError):
        Movement.model_validate({**good, **change})


def test_the_data_of_an_anchor_is_its_mark_and_its_root() -> None:
    details = AnchorDetails(root="5a" * 32, sealed_until=datetime(2026, 1, 1, tzinfo=UTC))
    assert details.data == b"chimera:" + b"\x5a" * 32
    assert AnchorDetails.model_validate(details.model_dump(mode="json")) == details
    order(account=ANCHOR_ACCOUNT, action="anchor", amount="0.002 ETH", details=details.model_dump(mode="json"))


@pytest.mark.parametrize(
    "change", [{"tx_hash": "0x0f"}, {"confirmations": -1}, {"data": "abc"}, {"data": "0xab"}, {"data": "zz"}], ids=str
)
def test_a_reading_says_what_a_chain_can_say(change: dict[str, Any]) -> None:
    good = {"tx_hash": HASH, "chain_id": 1, "block": 7, "confirmations": 1, "data": "5a5a"}
    assert AnchorReading.model_validate(good).block == 7
    with pytest.raises(ValidationError):
        AnchorReading.model_validate({**good, **change})
