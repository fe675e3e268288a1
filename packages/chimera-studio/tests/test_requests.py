"""The shapes of a request and its answer."""

import pytest
from pydantic import ValidationError

from chimera_studio.requests import ImageRequest, Likeness, Row


def test_a_request_needs_only_its_kind_and_character() -> None:
    request = ImageRequest(kind="card", character_reference_id="nova")
    assert (request.width, request.height, request.seed, request.tier) == (1_080, 1_350, 1, "daily")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e16, "much"])
def test_a_row_has_a_finite_value(value: object) -> None:
    with pytest.raises(ValidationError):
        Row.model_validate({"label": "a", "value": value})


def test_requests_and_answers_do_not_change() -> None:
    answer = Likeness(same=True, score=90, threshold=68, reasons=[])
    with pytest.raises(ValidationError, match="frozen"):
        setattr(answer, "same", False)  # noqa: B010 (mypy would not let it be written plainly)
