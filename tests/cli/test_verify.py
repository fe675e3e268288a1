"""`chimera verify`: money without a server and without a database, and pieces as before (PRV-1, PRV-4)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chimera.cli.main import app
from chimera.ids import new_id
from chimera.money.rules.evidence import Head, Link, change

TENANT = new_id()
LIMIT = {"budget_id": str(new_id()), "scope": "tenant", "scope_key": str(TENANT), "span": "day", "currency": "USDC"}


@pytest.fixture
def export() -> list[dict[str, Any]]:
    """A chain: a limit of 200 that becomes one of 100."""
    at = datetime(2026, 2, 5, tzinfo=UTC)
    said = {"time_zone": "UTC", "adopted": [], **change([], [])}
    first = Link.after(Head(tenant_id=TENANT), "limits", at, {"limits": [{**LIMIT, "amount": "200"}], **said})
    second = Link.after(first.head, "limits", at, {"limits": [{**LIMIT, "amount": "100"}], **said})
    return [
        {"tenant_id": str(TENANT), "sequence": n, "hash": link.head.hash, "body": json.loads(link.text)}
        for n, link in enumerate((first, second), 1)
    ]


def verify(tmp_path: Path, events: list[dict[str, Any]], *more: str) -> Result:
    file = tmp_path / "evidence.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    return CliRunner().invoke(app(), ["verify", "budget", str(file), *more], env={"COLUMNS": "200"})


def test_a_chain_that_holds_is_summed_up(tmp_path: Path, export: list[dict[str, Any]]) -> None:
    answer = verify(tmp_path, export, "--head", export[-1]["hash"])
    assert answer.exit_code == 0
    assert answer.output == f"2 events, chain holds, head hash {export[-1]['hash']}\n"


def test_it_reads_standard_input(export: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(event) + "\n" for event in export)
    answer = CliRunner().invoke(app(), ["verify", "budget", "-"], input=text)
    assert (answer.exit_code, "2 events, chain holds" in answer.output) == (0, True)


def test_what_was_changed_is_named_by_its_event(tmp_path: Path, export: list[dict[str, Any]]) -> None:
    export[1]["body"]["limits"][0]["amount"] = "900"
    answer = verify(tmp_path, export)
    assert answer.exit_code == 1
    assert "event 2:" in answer.output
    assert "chain holds" not in answer.output


def test_what_was_left_out_is_noticed(tmp_path: Path, export: list[dict[str, Any]]) -> None:
    answer = verify(tmp_path, export[1:])
    assert (answer.exit_code, "number 1 is missing" in answer.output) == (1, True)


def test_a_chain_that_was_cut_is_noticed_by_whoever_knows_its_head(
    tmp_path: Path, export: list[dict[str, Any]]
) -> None:
    answer = verify(tmp_path, export[:1], "--head", export[1]["hash"])
    assert (answer.exit_code, "was cut" in answer.output) == (1, True)


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense\n", "{}\n", '{"tenant_id": 1}\n', "[" * 5_000_000])
def test_what_is_no_evidence_holds_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "evidence.jsonl"
    file.write_text(text, "utf-8")
    answer = CliRunner().invoke(app(), ["verify", "budget", str(file)])
    assert (answer.exit_code, isinstance(answer.exception, SystemExit)) == (1, True)


def test_a_file_that_is_none_or_no_text_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe{}")
    for file in (tmp_path / "nowhere", broken):
        answer = CliRunner().invoke(app(), ["verify", "budget", str(file)], env={"COLUMNS": "200"})
        assert (answer.exit_code, "cannot be read" in answer.output) == (1, True)


@pytest.mark.parametrize("words", [["verify", "piece", "social://x/1"], ["verify", "social://x/1"]])
def test_a_piece_is_verified_under_its_old_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("CHIMERA_STATE", str(tmp_path))
    answer = CliRunner().invoke(app(), words)
    assert (answer.exit_code, "no Chimera is known here" in answer.output) == (1, True)
