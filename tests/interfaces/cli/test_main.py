"""The `chimera` command itself."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from chimera.cli import main


def test_help_names_every_command() -> None:
    told = CliRunner().invoke(main.app(), ["--help"], env={"COLUMNS": "160"}).output

    for command in (
        "up",
        "demo",
        "work",
        "campaign",
        "task",
        "approvals",
        "halt",
        "resume",
        "verify",
        "limits",
        "migrate",
    ):
        assert command in told


def test_running_commands_are_handed_to_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: handed.append(words))
    monkeypatch.setattr(sys, "argv", ["chimera", "demo", "--once"])

    CliRunner().invoke(main.app(), ["demo", "--once"])

    assert handed == [[sys.executable, "-m", "chimera.cli.server_commands", "demo", "--once"]]


def test_asking_does_not_load_the_swarm() -> None:
    code = "import sys; import chimera.cli.main; print('pydantic_ai' in sys.modules, 'asyncpg' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["False", "False"]
