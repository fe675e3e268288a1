"""When a failed step is tried again, and when it is given up (ORC-11)."""

from datetime import timedelta

MAX_TRIES = 5
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 60.0
_MOST_DOUBLINGS = 16


def delay(tries: int, roll: float) -> timedelta:
    """Exponential back-off with full jitter: `roll` in [0, 1) is the caller's randomness."""
    doublings = min(max(0, tries - 1), _MOST_DOUBLINGS)
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**doublings)
    return timedelta(seconds=ceiling * (0.5 + roll / 2))


def exhausted(tries: int) -> bool:
    """Whether a step has had all its tries."""
    return tries >= MAX_TRIES
