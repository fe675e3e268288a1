"""A death or a standstill at one failpoint, and a program run with it: `python tests/failpoints.py MODULE WORDS…`.

Only here does anything happen at a failpoint; the program itself has no way to it.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

from chimera_protocol import failpoint

VARIABLE = "TEST_FAILPOINT"
"""`POINT:FILE` dies at that point once: the file, made first, says that it has happened. `freeze-POINT:FILE` stops
there instead, until somebody wakes the process."""

THERE = str(Path(__file__).resolve())


def install(setting: str) -> None:
    """Let it happen in this process; an empty setting lets nothing happen."""
    wanted, _, marker = setting.partition(":")

    def reached(point: str) -> None:
        if wanted in (point, f"freeze-{point}") and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL if wanted == point else signal.SIGSTOP)

    if setting:
        failpoint.reached = reached


def command(module: str) -> list[str]:
    """How to run a module of ours, with what the environment then says installed."""
    return [sys.executable, "-P", THERE, module]


if __name__ == "__main__":
    install(os.environ.pop(VARIABLE, ""))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
