"""Real processes are killed with -9 in the middle of the demo; it must end well, with no post twice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import redis

ROOT = Path(__file__).parents[2]
ALL_IS_WELL = "Every post is on the network once, signed, logged and paid for."
BOUND_S = 300


class Demo:
    """`chimera demo` as a process, its output line by line."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chimera.cli.server_commands", "demo", *options],
            cwd=ROOT,
            env={**os.environ, "CHIMERA_STATE": str(state), "CHIMERA_PORT": "0", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self.lines.append(line)
                self._grown.notify_all()

    def wait_for(self, seen: Callable[[str], bool]) -> None:
        """Until a line is seen; fails when the demo ends or the bound is reached first."""
        with self._grown:
            found = self._grown.wait_for(lambda: any(map(seen, self.lines)), timeout=BOUND_S)
        assert found, self.text

    def end(self) -> str:
        """Wait for the end; the whole output."""
        self.process.wait(timeout=BOUND_S)
        self._reader.join(timeout=10)
        return self.text

    def role(self, name: str) -> psutil.Process:
        """The process of a role; the demo starts it beside its first lines."""
        deadline = time.monotonic() + BOUND_S
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if child.cmdline()[-2:] == ["work", name]:
                        return child
        raise AssertionError(f"no {name} was started: {self.text}")

    @property
    def text(self) -> str:
        return "".join(self.lines)


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chimera-") as folder:
        place = Path(folder)
        place.chmod(0o711)
        yield place
        for process in of_state(place):
            process.kill()


def of_state(state: Path) -> list[psutil.Process]:
    """Every process that has to do with this state folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        told = " ".join(process.info["cmdline"] or [])
        if str(state) in told or (process.info["environ"] or {}).get("CHIMERA_STATE") == str(state):
            found.append(process)
    return found


PLANNED = "plan         completed"

# Each role is killed when work comes to it. Only lines that are sure to be printed: the demo looks five times a
# second, and a state that a task passes through in less is never seen.
MOMENTS = {
    "planner": "takes on",
    "worker": PLANNED,
    "judge": "post-",
    "publisher": "completed         0",
}


@pytest.mark.parametrize("role", MOMENTS)
def test_the_demo_ends_well_though_a_role_is_killed(role: str, state: Path) -> None:
    demo = Demo(state, "--once")
    demo.wait_for(lambda line: MOMENTS[role] in line)
    demo.role(role).kill()

    text = demo.end()

    assert demo.process.returncode == 0, text
    assert ALL_IS_WELL in text


def test_the_demo_ends_well_though_redis_forgets_everything(state: Path) -> None:
    demo = Demo(state, "--once")
    demo.wait_for(lambda line: PLANNED in line)
    address = json.loads((state / "address.json").read_text())
    redis.Redis.from_url(address["redis_url"]).flushall()

    text = demo.end()

    assert demo.process.returncode == 0, text
    assert ALL_IS_WELL in text


def test_a_second_start_goes_on_though_the_first_was_killed(state: Path) -> None:
    first = Demo(state)
    first.wait_for(lambda line: "completed         0" in line)
    first.process.kill()
    first.end()

    second = Demo(state, "--once")
    text = second.end()

    assert second.process.returncode == 0, text
    assert "goes on where it was" in text
    assert ALL_IS_WELL in text


def test_ctrl_c_leaves_no_process_behind_and_no_damage(state: Path) -> None:
    demo = Demo(state)
    demo.wait_for(lambda line: PLANNED in line)
    demo.process.send_signal(signal.SIGINT)

    text = demo.end()

    assert demo.process.returncode == 0, text
    assert "Traceback" not in text
    psutil.wait_procs(of_state(state), timeout=5)
    assert [process.cmdline() for process in of_state(state)] == []
    again = Demo(state, "--once")
    assert ALL_IS_WELL in again.end()
