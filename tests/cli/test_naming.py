"""Names where ids are asked for, and tables on a narrow terminal."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.cli.test_remote import BRIEF, SOUL, chimera
from typer.testing import CliRunner, Result

from chimera.cli import client
from chimera.cli.main import app
from chimera.wiring import System


@pytest.fixture
async def ada(served: System, tmp_path: Path) -> Path:
    """An influencer with one campaign; the file of its brief."""
    soul, brief = tmp_path / "SOUL.md", tmp_path / "brief.json"
    soul.write_text(SOUL)
    brief.write_text(json.dumps(BRIEF))
    assert (await chimera("persona", "import", str(soul))).exit_code == 0
    assert (await chimera("campaign", "create", str(brief))).exit_code == 0
    return brief


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


async def narrow(*words: str) -> Result:
    """One command on a terminal of 80 columns."""
    return await asyncio.to_thread(CliRunner().invoke, app(), list(words), env={"COLUMNS": "80"})


@pytest.mark.parametrize(
    "words",
    [
        ("campaign", "plan", "Counting"),
        ("halt", "campaign", "--target", "Counting"),
        ("halt", "influencer", "--target", "Ada"),
        ("books", "show", "--agent", "Ada"),
        ("books", "show", "--campaign", "Counting"),
        ("judge", "--agent", "Ada"),
    ],
)
async def test_a_name_does_for_an_id(ada: Path, words: tuple[str, ...]) -> None:
    answer = await chimera(*words)
    assert answer.exit_code == 0, answer.output


async def test_a_halt_by_name_stops_what_the_id_stands_for(ada: Path) -> None:
    await chimera("halt", "influencer", "--target", "Ada", "--reason", "a drill")
    (row,) = json.loads((await chimera("persona", "list", "--json")).output)["items"]
    assert row["agent_id"] in (await chimera("fleet")).output
    assert (await chimera("resume", "influencer", "--target", "Ada")).exit_code == 0


async def test_an_ambiguous_name_is_answered_with_the_ids(ada: Path) -> None:
    await chimera("persona", "import", written(ada, SOUL.replace("Ada", "Bea")))
    brief = written(ada, json.dumps({**BRIEF, "persona": "Bea"}))
    assert (await chimera("campaign", "create", brief)).exit_code == 0
    listed = json.loads((await chimera("campaign", "list", "--json")).output)["items"]
    ids = [row["campaign_id"] for row in listed if row["name"] == "Counting"]

    answer = await chimera("campaign", "plan", "Counting")

    assert (answer.exit_code, "2 campaigns are called Counting" in answer.output) == (1, True)
    assert all(each in answer.output for each in ids)
    assert (await chimera("campaign", "plan", ids[0])).exit_code == 0


async def test_a_name_that_nobody_bears_is_answered_with_where_to_look(served: System) -> None:
    answer = await chimera("keys", "revoke", "nobody")

    assert answer.exit_code == 1
    assert "no key is called nobody" in answer.output
    assert "chimera keys list" in answer.output


async def test_a_key_is_revoked_by_its_name_and_the_name_is_free_again(served: System) -> None:
    for _ in range(2):
        assert (await chimera("keys", "add", "eve", "auditor")).exit_code == 0
        assert (await chimera("keys", "revoke", "eve")).exit_code == 0
    keys = json.loads((await chimera("keys", "list", "--json")).output)
    assert [key["revoked_at"] is None for key in keys if key["name"] == "eve"] == [False, False]


@pytest.mark.parametrize(
    "words", [("campaign", "list"), ("persona", "list"), ("keys", "list"), ("limits",), ("fleet",), ("task", "list")]
)
async def test_what_is_listed_fits_80_columns(ada: Path, words: tuple[str, ...]) -> None:
    await chimera("campaign", "plan", "Counting")
    answer = await narrow(*words)

    assert answer.exit_code == 0
    assert answer.output.strip()
    assert max(len(line) for line in answer.output.splitlines()) <= 80


def test_a_table_that_is_too_wide_becomes_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"task_id": "0" * 36, "effect_id": "1" * 36, "cause": "away", "url": None}
    monkeypatch.setattr(client.out, "width", 80)
    client.show([row], False, ["task_id", "effect_id", "cause", "url"])

    told = capsys.readouterr().out.split()
    assert told == ["0" * 36, "effect_id", "1" * 36, "cause", "away"]
