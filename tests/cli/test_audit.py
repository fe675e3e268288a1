"""`chimera audit`: what was tampered with is named, without a server and without a database (PRV-4)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from log.test_notes import Key
from tests.provenance.test_rules_export import KEY, full
from typer.testing import CliRunner, Result

from chimera.cli.main import app
from chimera.wiring import System


def run(*words: str) -> Result:
    return CliRunner().invoke(app(), ["audit", *words], env={"COLUMNS": "300"})


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return full().export()


def written(tmp_path: Path, lines: list[dict[str, Any]]) -> str:
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return str(file)


def test_an_export_that_holds_is_summed_up(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    answer = run("verify", written(tmp_path, lines), "--key", KEY.public_key)
    assert answer.exit_code == 0, answer.output
    assert "12 rows, 5 checkpoints, 1 anchors, 5 money events, 0 not sealed yet" in answer.output
    assert f"signed by {KEY.public_key}" in answer.output
    assert "taken from the export itself" not in answer.output


def test_without_a_key_it_says_what_is_not_proved(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    answer = run("verify", written(tmp_path, lines))
    assert (answer.exit_code, "not who sealed it" in answer.output) == (0, True)


def test_another_key_is_not_enough(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    answer = run("verify", written(tmp_path, lines), "--key", Key().public_key)
    assert (answer.exit_code, "not signed with a trusted key" in answer.output) == (1, True)


def test_a_tampered_row_is_named(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    number = next(n for n, line in enumerate(lines) if line.get("kind") == "audit_event")
    lines[number]["row"]["actor"] = "[red]eve"
    answer = run("verify", written(tmp_path, lines), "--key", KEY.public_key)
    assert answer.exit_code == 1
    assert f"audit_event {lines[number]['id']}: actor differs from what was sealed as leaf 4" in answer.output
    assert "1 findings" in answer.output


def test_a_checkpoint_that_was_kept_is_held_against_it(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    kept = tmp_path / "kept"
    kept.write_text(full().note, "utf-8")
    assert run("verify", written(tmp_path, lines), "--known", str(kept)).exit_code == 0
    answer = run("verify", written(tmp_path, full().export()[:3]), "--known", str(kept))
    assert (answer.exit_code, "never went through it" in answer.output) == (1, True)


@pytest.mark.parametrize("words", [("--key", "nonsense"), ("--known", "nowhere")])
def test_what_is_no_key_or_no_checkpoint_is_refused(
    tmp_path: Path, lines: list[dict[str, Any]], words: tuple[str, str]
) -> None:
    answer = run("verify", written(tmp_path, lines), *words)
    assert (answer.exit_code, "chimera:" in answer.output) == (1, True)


def test_a_file_that_is_none_or_no_text_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe{}")
    for file in (tmp_path / "nowhere", broken):
        answer = run("verify", str(file))
        assert (answer.exit_code, "cannot be read" in answer.output) == (1, True)


@pytest.mark.parametrize("command", ["verify", "export"])
def test_without_a_file_it_asks_the_chimera_that_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CHIMERA_STATE", str(tmp_path))
    answer = run(command)
    assert (answer.exit_code, "no Chimera is known here" in answer.output) == (1, True)


async def test_what_the_database_says_now_is_held_against_what_was_sealed(served: System, tmp_path: Path) -> None:
    key, file = Key(), tmp_path / "audit.jsonl"
    await served.transparency.seal(key)
    assert (await asyncio.to_thread(run, "export", "-o", str(file))).exit_code == 0
    for words in (("verify", "--key", key.public_key), ("verify", str(file), "--key", key.public_key)):
        answer = await asyncio.to_thread(run, *words)
        assert (answer.exit_code, "0 not sealed yet" in answer.output) == (0, True), answer.output
    connection = await asyncpg.connect(served.settings.database_url)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE audit_event SET actor = 'eve'")
    await connection.close()
    answer = await asyncio.to_thread(run, "verify", "--key", key.public_key)
    assert (answer.exit_code, "actor differs from what was sealed as leaf" in answer.output) == (1, True)
    assert (await asyncio.to_thread(run, "verify", str(file), "--key", key.public_key)).exit_code == 0
