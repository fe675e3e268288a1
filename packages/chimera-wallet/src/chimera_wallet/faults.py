"""Faults on demand, for tests of those who pay: a process that dies or hangs at a point where money is in doubt."""

import os
import time

DEATH_STATUS = 70
HANG_SECONDS = 60


class Faults:
    """What goes wrong, and how many more times in this process."""

    def __init__(self, mode: str = "", times: int = 0) -> None:
        self._mode = mode
        self._left = times

    def at(self, point: str) -> None:
        """Die or hang here, if it is time to: `die_<point>` and `hang_<point>` are the modes."""
        if self._left == 0 or self._mode.partition("_")[2] != point:
            return
        self._left -= 1
        if self._mode.startswith("die_"):
            os._exit(DEATH_STATUS)
        time.sleep(HANG_SECONDS)


def parse(variable: str, points: tuple[str, ...]) -> Faults:
    """Read a switch such as "die_after_sign:1" from the environment; an empty one is no fault.

    Raises:
        ValueError: The mode is unknown or the number is not from 1 to 1000.
    """
    setting = os.environ.get(variable, "")
    if not setting:
        return Faults()
    mode, _, times = setting.partition(":")
    modes = [f"{kind}_{point}" for kind in ("die", "hang") for point in points]
    if mode not in modes:
        raise ValueError(f"{variable} knows {', '.join(modes)}, not {mode[:40]!r}")
    if not times.isdecimal() or not 1 <= int(times) <= 1_000:
        raise ValueError(f"{variable} needs a number of calls from 1 to 1000")
    return Faults(mode, int(times))
