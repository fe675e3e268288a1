"""`up`, `work` and `migrate` as real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from chimera.cli import server_commands as serving
from chimera.settings import Settings


def run(settings: Settings, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "chimera.cli.server_commands", *words],
        env=settings.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_up_serves_until_it_is_told_to_stop(settings: Settings) -> None:
    process = run(settings.model_copy(update={"port": 0}), "up")
    assert process.stdout is not None
    door = next(line for line in process.stdout if "Chimera is up" in line)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert "/enter?key=chm_" in door
    assert process.returncode == 0


def test_migrate_ends_with_an_up_to_date_schema(settings: Settings) -> None:
    told, _ = run(settings, "migrate").communicate(timeout=60)

    assert "up to date" in told


def test_work_without_services_says_what_to_set(tmp_path: Path) -> None:
    process = run(Settings(state=tmp_path / "nothing"), "work", "worker")
    told, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "CHIMERA_DATABASE_URL" in told
    assert "Traceback" not in told


def test_a_second_up_on_the_same_state_names_the_first(settings: Settings) -> None:
    settings = settings.model_copy(update={"port": 0})
    first = run(settings, "up")
    assert first.stdout is not None
    next(line for line in first.stdout if "Chimera is up" in line)
    told, _ = (second := run(settings, "up")).communicate(timeout=60)
    first.terminate()
    first.communicate(timeout=30)

    assert second.returncode == 1
    assert str(first.pid) in told


def test_settings_that_do_not_fit_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(os.environ, "CHIMERA_PORT", "many")

    with pytest.raises(typer.Exit) as ended:
        serving.settings()

    assert ended.value.exit_code == 2
    assert "port" in capsys.readouterr().err
