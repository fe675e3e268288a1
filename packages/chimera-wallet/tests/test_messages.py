"""An error of the wallet begins with the word by which the caller knows whether to try again."""

import pytest

from chimera_wallet.messages import PaymentRefused, WalletError


@pytest.mark.parametrize("refusal", PaymentRefused)
def test_the_refusal_is_the_first_word(refusal: PaymentRefused) -> None:
    error = WalletError(refusal, "why")
    assert str(error) == f"{refusal.value}: why"
    assert error.refusal is refusal


def test_the_words_are_those_that_the_tool_host_knows() -> None:
    assert [refusal.value for refusal in PaymentRefused] == ["invalid", "key_conflict", "unavailable"]
