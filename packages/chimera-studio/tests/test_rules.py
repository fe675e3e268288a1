"""Bounds are kept to the letter, and refusals say which."""

import pytest

from chimera_studio.rules import DrawingRefused, StudioError, check_length, check_reference, check_size


def test_sizes() -> None:
    check_size(64, 2_160)
    with pytest.raises(StudioError, match=r"^invalid: width 63"):
        check_size(63, 100)
    with pytest.raises(StudioError, match=r"^too_large: height 2161"):
        check_size(100, 2_161)


def test_lengths() -> None:
    check_length("title", "x" * 10, 10)
    with pytest.raises(StudioError, match=r"^too_long: title has 11 characters; 10 at most$") as caught:
        check_length("title", "x" * 11, 10)
    assert caught.value.refusal is DrawingRefused.TOO_LONG


@pytest.mark.parametrize("good", ["a", "nova", "Nova-1:v2.0_x", "x" * 128])
def test_a_reference_id(good: str) -> None:
    check_reference(good)


@pytest.mark.parametrize("bad", ["", " nova", "nova\n", "-nova", "x" * 129, "../nova", "né"])
def test_no_reference_id(bad: str) -> None:
    with pytest.raises(StudioError, match=r"^invalid: "):
        check_reference(bad)
