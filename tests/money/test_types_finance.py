"""The money contracts refuse what is no amount, no wallet, or no exact figure."""

from typing import Any

import pytest
from pydantic import ValidationError

from chimera.money.types.authorization import Authorization, PolicyViolation, TransactionRequest


def request(**changes: Any) -> dict[str, Any]:
    return {"destination_wallet": "0xABCDEF1234", "token_amount": "50 USDC", "purpose": "Ads", **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"token_amount": "50"},
        {"token_amount": 50},
        {"token_amount": 50.0},
        {"token_amount": "0 USDC"},
        {"token_amount": "1.0000001 USDC"},
        {"token_amount": "12345678901234567890.123456789012345678901 ETH"},
        {"destination_wallet": ""},
        {"destination_wallet": "two words"},
        {"destination_wallet": "0xABC\n"},
        {"purpose": ""},
        {"tip": "1 USDC"},
    ],
)
def test_a_request_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TransactionRequest.model_validate(request(**changes))


def test_the_largest_amount_that_can_be_written_is_refused_or_kept_exactly() -> None:
    text = "99999999999999999999.999999999999999999 ETH"
    try:
        made = TransactionRequest.model_validate(request(token_amount=text))
    except ValidationError:
        return
    assert str(made.money) == text


def test_the_status_of_an_answer_is_not_open_to_choice() -> None:
    with pytest.raises(ValidationError):
        Authorization.model_validate(
            {"status": "denied", "budget_verification_hash": "0" * 64, "timestamp": "2026-02-05T14:05:00Z"}
        )
    with pytest.raises(ValidationError):
        PolicyViolation.model_validate({"status": 200, "error": "e", "details": "d"})
