"""A process that starts role processes: it has imported the program once, so that each starts in a moment.

Every line of its input is an order, such as {"name": "worker-1", "role": "worker", "log": "…", "env": {…}}; every line
of its output says that a process was born or has died. At the end of its input it kills all that still live.
"""

import json
import os
import runpy
import select
import signal
import sys
from pathlib import Path

from chimera.cli import processes as running
from chimera.cli import server_commands as serving

TICK_S = 0.02
FAILPOINTS = runpy.run_path(str(Path(__file__).parents[1] / "failpoints.py"))
"""By its file: a library has put a package of the name `tests` where programs look first."""


def say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def become(order: dict[str, str], env: dict[str, str]) -> None:
    """What `python -m chimera.cli.server_commands work ROLE` does, in a child of this process."""
    parent = os.getpid()
    if (child := os.fork()) != 0:
        living[child] = order["name"]
        say(born=order["name"], pid=child)
        return
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for there, here in ((empty, 0), (log, 1), (log, 2)):
        os.dup2(there, here)
    os.closerange(3, 256)
    os.environ.update({**env, running.PARENT: str(parent)})
    FAILPOINTS["install"](os.environ.pop(FAILPOINTS["VARIABLE"], ""))
    sys.argv = ["chimera", "work", order["role"]]
    try:
        serving.main()
    finally:
        os._exit(1)


def bury() -> None:
    """Say who has died, and how."""
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        say(died=living.pop(pid), pid=pid, code=os.waitstatus_to_exitcode(status))


living: dict[int, str] = {}

if __name__ == "__main__":
    say(ready=True)
    waiting = b""
    while True:
        bury()
        if not select.select([0], [], [], TICK_S)[0]:
            continue
        if not (read := os.read(0, 65_536)):
            break
        *lines, waiting = (waiting + read).split(b"\n")
        for line in lines:
            given = json.loads(line)
            become(given, given.pop("env"))
    for left in living:
        os.kill(left, signal.SIGKILL)
