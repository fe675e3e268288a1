"""What is told of a platform in the configuration: little is enough, and nonsense is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from chimera.gateways.mcp.types import Disclosure, Platform, Rate, Rates, ReadBack


def test_a_platform_of_which_nothing_is_told_has_nothing() -> None:
    bare = Platform()
    assert set(bare.model_dump().values()) == {None}
    assert Rates().model_dump() == {"server": None, "account": None}


def test_a_platform_is_told_in_full_and_comes_back_the_same() -> None:
    told = {
        "max_length": 500,
        "ai_label": "sensitive_ai",
        "read_back": {"tool": "my_posts", "by": "content"},
        "read_post": "get_post",
        "thread_part": "append",
    }
    platform = Platform.model_validate(told)
    assert platform.read_back == ReadBack(tool="my_posts", by="content")
    assert Platform.model_validate_json(platform.model_dump_json()) == platform
    assert platform.model_dump(mode="json") == told


def test_a_read_back_is_by_key_unless_it_says_otherwise() -> None:
    assert ReadBack(tool="find").by == "idempotency_key"


@pytest.mark.parametrize(
    "told",
    [
        {"max_length": 0},
        {"max_length": 100_001},
        {"ai_label": ""},
        {"read_back": {"tool": "x", "by": "smell"}},
        {"read_back": {"by": "content"}},
        {"surprise": 1},
    ],
)
def test_a_platform_that_cannot_be_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Platform.model_validate(told)


@pytest.mark.parametrize(
    "told",
    [
        {"per_minute": 0},
        {"per_minute": -1},
        {"per_minute": float("inf")},
        {"per_minute": float("nan")},
        {"burst": 5},
        {"per_minute": 1, "burst": 0},
        {"per_minute": 1, "burst": 1.5},
    ],
)
def test_a_rate_that_is_none_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rate.model_validate(told)


def test_a_rate_without_a_burst_lets_one_through_at_a_time() -> None:
    assert Rate(per_minute=0.5).burst == 1


def test_what_is_kept_of_a_disclosure_reads_as_words() -> None:
    assert [each.value for each in Disclosure] == ["platform label", "in the text", "nothing is said"]
