"""When a failed step is tried again, and when it is given up (ORC-11)."""

from datetime import timedelta

MAX_TRIES = 5
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 60.0


def delay(tries: int, roll: float) -> timedelta:
    """Exponential back-off with full jitter: `roll` in [0, 1) is the caller's randomness."""
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** max(0, tries - 1))
    return timedelta(seconds=ceiling * (0.5 + roll / 2))


def exhausted(tries: int) -> bool:
    """Whether a step has had all its tries."""
    return tries >= MAX_TRIES
