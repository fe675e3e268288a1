"""Nothing happens at a failpoint, unless a test has put something there: once, and in that process only."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import chimera
from chimera_protocol import failpoint as module
from chimera_protocol.failpoint import failpoint
from tests import failpoints

SOURCE = Path(chimera.__file__).parent
SOURCES = os.pathsep.join(path for path in sys.path if path)
REACH = "from chimera_protocol.failpoint import failpoint; failpoint('ordered')"
POINTS = 20
"""Calls in the source. A new one is a new moment to be killed at: give it a test."""


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What would have been sent, and to whom; what a test installs is gone after it."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    monkeypatch.setattr(module, "reached", module.reached)
    return sent


@pytest.mark.parametrize(("word", "number"), [("", signal.SIGKILL), ("freeze-", signal.SIGSTOP)])
def test_a_test_lets_it_happen_once_and_finds_a_mark(
    tmp_path: Path, signals: list[tuple[int, int]], word: str, number: int
) -> None:
    marker = tmp_path / "it happened: here"
    failpoints.install(f"{word}ordered:{marker}")
    for other in ("transferred", "freeze", ""):
        failpoint(other)
    assert (signals, marker.exists()) == ([], False)
    for _ in range(2):
        failpoint("ordered")
    assert (signals, marker.exists()) == ([(os.getpid(), number)], True)


def test_nothing_happens_without_a_word(signals: list[tuple[int, int]]) -> None:
    failpoints.install("")
    failpoint("ordered")
    failpoint("")
    assert signals == []


def test_no_variable_reaches_a_process_that_no_test_has_prepared(tmp_path: Path) -> None:
    marker = tmp_path / "died"
    names = (failpoints.VARIABLE, "CHIMERA_FAULT", "CHIMERA_FAILPOINT", "CHIMERA_SIGNER_FAULT", "CHIMERA_WALLET_FAULT")
    told = dict.fromkeys(names, f"ordered:{marker}")
    env = {**os.environ, "PYTHONPATH": SOURCES, **told}
    assert subprocess.run([sys.executable, "-c", REACH], env=env, timeout=60).returncode == 0
    assert not marker.exists()


def test_the_launcher_runs_a_module_that_dies_at_its_point(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"import sys\nprint(__name__, *sys.argv[1:], flush=True)\n{REACH}\n")
    env = {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{tmp_path}"}
    ran = [*failpoints.command("program"), "word"]
    fatal = {**env, failpoints.VARIABLE: f"ordered:{tmp_path / 'died'}"}
    for given, code in ((fatal, -signal.SIGKILL), (fatal, 0), (env, 0)):
        done = subprocess.run(ran, env=given, stdout=subprocess.PIPE, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (code, "__main__ word\n")


def test_the_source_only_says_how_far_it_has_come() -> None:
    found: Counter[str] = Counter()
    packages = SOURCE.parents[1] / "packages"
    for path in [*SOURCE.rglob("*.py"), *packages.glob("*/src/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint":
                (point,) = node.args
                assert isinstance(point, ast.Constant), "a point has a name that can be searched for"
                found[str(point.value)] += 1
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "failpoint.reached"), path
    assert found.total() == POINTS, sorted(found.elements())
