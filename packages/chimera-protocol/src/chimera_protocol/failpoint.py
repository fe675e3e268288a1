"""Named moments of the work, at which nothing happens. A test puts something there, in a process that it starts itself.

Nothing from outside comes here: no setting and no variable of the environment.
"""

from collections.abc import Callable


def _nothing(point: str) -> None:
    """What happens at every point."""


reached: Callable[[str], None] = _nothing
"""What happens at a point. Only tests put another one here."""


def failpoint(point: str) -> None:
    """Say that the work has come this far."""
    reached(point)
