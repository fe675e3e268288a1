"""What is said of the Judge keeps its shape on the wire."""

import pytest
from pydantic import ValidationError

from chimera.personas.types.policy import Policy
from chimera.review.types.quality import Share


def test_a_share_of_nothing_is_told_as_unknown() -> None:
    share = Share(part=0, whole=0, share=None, low=0.0, high=1.0)
    assert Share.model_validate_json(share.model_dump_json()) == share


@pytest.mark.parametrize("change", [{"part": -1}, {"share": 1.01}, {"low": -0.1}, {"more": 1}])
def test_a_share_that_is_none_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Share.model_validate({"part": 1, "whole": 2, "share": 0.5, "low": 0.1, "high": 0.9, **change})


def test_a_twentieth_is_looked_at_again_unless_the_policy_says_otherwise() -> None:
    assert Policy().audit_percent == 5
    assert Policy.model_validate({"audit_percent": 100}).audit_percent == 100
    for wrong in (-1, 101, 0.5):
        with pytest.raises(ValidationError):
            Policy.model_validate({"audit_percent": wrong})
