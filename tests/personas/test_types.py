"""What people write: personas, policies and briefs are bounded and hang together."""

from typing import Any

import pytest
from pydantic import ValidationError

from chimera.campaigns.types.brief import Brief
from chimera.personas.types.persona import Soul
from chimera.personas.types.policy import Policy, ScoreBounds


def soul(**changes: Any) -> dict[str, Any]:
    given = {
        "id": "Nora",
        "name": "Nora",
        "account": "Nora",
        "voice_traits": ["calm"],
        "directives": ["be kind"],
    }
    return {**given, **changes}


def brief(**changes: Any) -> dict[str, Any]:
    budget = [{"span": "day", "amount": "5 USDC"}]
    return {"persona": "Nora", "name": "n", "goal": "g", "strategy": ["s"], "budget": budget, **changes}


def test_a_soul_keeps_fields_of_its_own() -> None:
    kept = Soul.model_validate(soul(favourite={"star": "Vega"}))
    assert kept.model_dump(mode="json", exclude_unset=True)["favourite"] == {"star": "Vega"}


@pytest.mark.parametrize(
    "changes",
    [{"account": "two words"}, {"account": "x" * 31}, {"voice_traits": []}, {"directives": [""]}, {"id": ""}],
)
def test_a_soul_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Soul.model_validate(soul(**changes))


def test_bounds_default_to_the_three_tiers_and_keep_their_order() -> None:
    assert (ScoreBounds().approve, ScoreBounds().review) == (0.90, 0.70)
    assert ScoreBounds(approve=0.8, review=0.8).review == 0.8
    with pytest.raises(ValidationError, match="must not be above"):
        ScoreBounds(approve=0.5, review=0.6)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": []},
        {"strategy": []},
        {"deliverables": [{"topics": []}]},
        {"deliverables": [{"topics": ["t"], "action": "delete_everything"}]},
        {"promotions": [{"token_amount": "free", "purpose": "p", "wallet": "w"}]},
        {"colour": "red"},
    ],
)
def test_a_brief_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Brief.model_validate(brief(**changes))


@pytest.mark.parametrize(
    "changes", [{"max_revisions": -1}, {"max_revisions": 11}, {"forbidden_keywords": [""]}, {"x": 1}]
)
def test_a_policy_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(changes)
