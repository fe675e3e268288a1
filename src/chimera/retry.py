"""When a failed step is tried again, and when it is given up (ORC-11)."""

from datetime import timedelta

MAX_TRIES = 5
MAX_WAITS = 30
"""Tries of a step whose server asks for patience: about half an hour of it."""

MAX_REPLAYS = 3
"""Lives that a dead letter can be given."""

LONGEST_PAUSE_SECONDS = 3_600.0
"""What a platform may ask us to wait at most; it is asked again then."""

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 60.0
_MOST_DOUBLINGS = 16


def delay(tries: int, roll: float) -> timedelta:
    """Exponential back-off with full jitter: `roll` in [0, 1) is the caller's randomness."""
    doublings = min(max(0, tries - 1), _MOST_DOUBLINGS)
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**doublings)
    return timedelta(seconds=ceiling * (0.5 + roll / 2))


def cool_down(replays: int, first_seconds: float) -> timedelta:
    """How long a dead letter rests before its next life: each time four times as long, so that what felled it can be
    mended first."""
    return timedelta(seconds=first_seconds * 4 ** min(replays, MAX_REPLAYS))


def exhausted(tries: int, *, asked_to_wait: bool = False) -> bool:
    """Whether a step has had all its tries; it has more of them where a server only asks for patience."""
    return tries >= (MAX_WAITS if asked_to_wait else MAX_TRIES)
