"""A test can kill a process at a named point, once; without its word nothing happens."""

import os
import signal
from pathlib import Path

import pytest

from chimera.failpoint import VARIABLE, reach


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What would have been sent, and to whom."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    return sent


def test_the_process_dies_at_its_point_once_and_leaves_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: list[tuple[int, int]]
) -> None:
    marker = tmp_path / "died: here"
    monkeypatch.setenv(VARIABLE, f"ordered:{marker}")
    reach("transferred")
    assert (signals, marker.exists()) == ([], False)
    for _ in range(2):
        reach("ordered")
    assert (signals, marker.exists()) == ([(os.getpid(), signal.SIGKILL)], True)


def test_the_process_freezes_at_its_point_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: list[tuple[int, int]]
) -> None:
    marker = tmp_path / "frozen"
    monkeypatch.setenv(VARIABLE, f"freeze-ordered:{marker}")
    for point in ("freeze", "ordered", "ordered"):
        reach(point)
    assert (signals, marker.exists()) == ([(os.getpid(), signal.SIGSTOP)], True)


def test_nothing_happens_without_a_word(monkeypatch: pytest.MonkeyPatch, signals: list[tuple[int, int]]) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    reach("ordered")
    reach("")
    assert signals == []
