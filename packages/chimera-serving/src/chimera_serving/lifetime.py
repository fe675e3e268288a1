"""How long a server lives: until a signal, or until the process that started it is gone."""

import asyncio
import os
import signal

PARENT = "CHIMERA_PARENT_PID"
LOOK_SECONDS = 0.5


async def parent_gone() -> None:
    """Return once the process named by CHIMERA_PARENT_PID is gone; without the variable, never."""
    named = os.environ.get(PARENT, "")
    parent = int(named) if named.isdecimal() else None
    # Of a parent proper we notice the end even when its number is given out anew.
    proper = parent is not None and os.getppid() == parent
    if parent is None:
        await asyncio.get_running_loop().create_future()
        return
    while os.getppid() == parent if proper else _lives(parent):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set from now on; for the main thread's loop."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
