"""Limits are amounts above nothing for spans that exist; what is suspicious has bounds of its own."""

from typing import Any

import pytest
from pydantic import ValidationError

from chimera.money.types.limits import AnomalyRules, Limit


@pytest.mark.parametrize("changes", [{"span": "year"}, {"amount": "ten"}, {"amount": "0 USDC"}, {"amount": 5.0}])
def test_a_limit_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limit.model_validate({"span": "day", "amount": "5 USDC", **changes})


@pytest.mark.parametrize("changes", [{"learn_from": 0}, {"deviations": 101}, {"many_small": 1}, {"learn_days": -1}])
def test_rules_of_suspicion_that_do_not_fit_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        AnomalyRules.model_validate(changes)
