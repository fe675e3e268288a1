"""A failed step is tried again with growing, jittered pauses, and not for ever (ORC-11)."""

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from chimera import retry


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
@example(5_000, 0.5)
def test_a_pause_is_bounded_however_many_tries_there_were(tries: int, roll: float) -> None:
    assert timedelta(0) < retry.delay(tries, roll) <= timedelta(seconds=60)


def test_pauses_grow_until_the_longest() -> None:
    pauses = [retry.delay(tries, 0.0) for tries in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=0.25)
    assert pauses[-1] == timedelta(seconds=30)


def test_two_rolls_give_two_pauses() -> None:
    assert retry.delay(3, 0.1) < retry.delay(3, 0.9)


def test_whoever_is_asked_to_wait_has_more_patience_and_not_for_ever() -> None:
    assert not retry.exhausted(retry.MAX_WAITS - 1, asked_to_wait=True)
    assert retry.exhausted(retry.MAX_WAITS, asked_to_wait=True)


def test_a_dead_letter_rests_longer_before_each_life() -> None:
    rests = [retry.cool_down(replays, 30) for replays in range(retry.MAX_REPLAYS)]
    assert rests == [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=8)]
    assert retry.cool_down(10**6, 30) == timedelta(minutes=32)


def test_a_step_has_five_tries() -> None:
    assert [retry.exhausted(tries) for tries in range(1, 7)] == [False, False, False, False, True, True]
