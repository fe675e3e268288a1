"""Points at which a test may kill or freeze this process, to prove that no moment loses or doubles anything."""

import os
import signal
from pathlib import Path

VARIABLE = "CHIMERA_FAULT"
"""`POINT:FILE` dies at that point once: the file, made first, says that it has happened. `freeze-POINT:FILE` stops
there instead, until somebody wakes the process. Set by tests only."""


def reach(point: str) -> None:
    """Say that the work has come this far."""
    wanted, _, marker = os.environ.get(VARIABLE, "").partition(":")
    if wanted in (point, f"freeze-{point}") and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL if wanted == point else signal.SIGSTOP)
