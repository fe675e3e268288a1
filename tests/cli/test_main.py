"""The `chimera` command itself."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

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


def loaded(code: str) -> set[str]:
    """The packages that a process has loaded once it has run this."""
    code = f"{code}\nimport sys; print('LOADED', *{{name.partition('.')[0] for name in sys.modules}})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(told.stdout.partition("LOADED ")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_list_of_commands_loads_none_of_them(words: list[str]) -> None:
    code = f"from chimera.cli.main import app\ntry: app()({words})\nexcept SystemExit: pass"
    assert not {"rich", "pydantic", "asyncio", "httpx2", "asyncpg"} & loaded(code)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_is_where_the_catalogue_says_and_is_called_what_it_says(name: str) -> None:
    command = main.load(name)

    assert command.name == name
    told = " ".join((command.help or "").split())
    assert told.startswith(main.COMMANDS[name].says.rstrip("."))


def test_a_role_process_loads_neither_the_server_nor_an_sdk_nor_a_codec() -> None:
    unused = {"pydantic_ai", "openai", "anthropic", "genai_prices", "alembic", "sqlalchemy", "fastapi", "uvicorn"}
    unused |= {"mcp", "obstore", "c2pa", "av", "PIL", "jinja2", "chimera_devnet", "httpx2"}
    assert not unused & loaded("from chimera.cli.main import load\nload('work')\nimport chimera.roles.worker")


def test_a_command_that_is_not_there_is_answered_with_the_nearest() -> None:
    told = CliRunner().invoke(main.app(), ["campain"])

    assert told.exit_code == 2
    assert "campaign" in told.output


def test_the_version_is_that_of_the_package() -> None:
    told = CliRunner().invoke(main.app(), ["--version"])

    assert (told.exit_code, told.output) == (0, f"chimera {version('chimera')}\n")


@pytest.mark.parametrize(("typed", "offered"), [("chimera ca", "campaign"), ("chimera campaign st", "start")])
def test_the_shell_completes_commands_and_their_own(typed: str, offered: str) -> None:
    asked = {"_CHIMERA_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    program = Path(sys.executable).with_name("chimera")
    told = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, check=True)

    assert told.stdout.split() == [offered]
