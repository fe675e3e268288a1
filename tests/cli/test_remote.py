"""The remote commands against the real API, served on a real port."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chimera.cli.main import app
from chimera.wiring import System

SOUL = """---
id: Ada
name: Ada
account: Ada
voice_traits: [plain]
directives: [Say that you are an AI when asked.]
---
Ada counts things.
"""
BRIEF = {
    "persona": "Ada",
    "name": "Counting",
    "goal": "Count things that are there.",
    "strategy": ["Be exact."],
    "budget": [{"span": "total", "amount": "10 USDC"}],
}


async def chimera(*words: str) -> Result:
    """One command, in a thread, as the server runs in this loop."""
    return await asyncio.to_thread(CliRunner().invoke, app(), list(words), env={"COLUMNS": "200"})


async def test_a_persona_is_imported_and_listed(served: System, tmp_path: Path) -> None:
    soul = tmp_path / "SOUL.md"
    soul.write_text(SOUL)

    assert (await chimera("persona", "import", str(soul))).exit_code == 0
    listed = await chimera("persona", "list")

    assert "Ada" in listed.output
    assert "sleeping" in listed.output


async def test_a_campaign_is_created_from_a_file_and_shown_with_its_limits(served: System, tmp_path: Path) -> None:
    soul, brief = tmp_path / "SOUL.md", tmp_path / "brief.json"
    soul.write_text(SOUL)
    brief.write_text(json.dumps(BRIEF))
    await chimera("persona", "import", str(soul))

    created = await chimera("campaign", "create", str(brief), "--json")
    campaign_id = json.loads(created.output)["campaign_id"]

    assert campaign_id in (await chimera("campaign", "list")).output
    assert "10" in (await chimera("limits")).output
    assert (await chimera("campaign", "plan", campaign_id)).exit_code == 0
    assert (await chimera("task", "list", "--status", "queued")).output.count("plan") == 1


async def test_an_unknown_task_is_told_in_words_with_exit_code_1(served: System) -> None:
    answer = await chimera("task", "show", "nobody-knows")

    assert answer.exit_code == 1
    assert "nobody-knows does not exist" in answer.output


async def test_a_refused_spend_prints_the_seeds_answer_and_fails(served: System) -> None:
    answer = await chimera("authorize", "500 USDC", "0xABCDEF1234567890", "Campaign ad spend")

    assert answer.exit_code == 1
    assert '"status": 403' in answer.output


async def test_halt_and_resume_show_in_the_fleet(served: System) -> None:
    assert (await chimera("halt", "fleet", "--reason", "a drill")).exit_code == 0
    assert "a drill" in (await chimera("fleet")).output
    assert (await chimera("resume", "fleet")).exit_code == 0
    assert "a drill" not in (await chimera("fleet")).output


async def test_health_fails_without_a_living_role(served: System) -> None:
    answer = await chimera("health")

    assert answer.exit_code == 1
    assert "no living worker" in answer.output


async def test_a_key_is_made_used_and_revoked(served: System, monkeypatch: pytest.MonkeyPatch) -> None:
    made = json.loads((await chimera("keys", "add", "eve", "auditor")).output)["key"]
    listed = json.loads((await chimera("keys", "list", "--json")).output)
    key_id = next(row["key_id"] for row in listed if row["name"] == "eve")
    monkeypatch.setenv("CHIMERA_KEY", made)
    assert (await chimera("limits")).exit_code == 0
    assert (await chimera("keys", "list")).exit_code == 1
    monkeypatch.delenv("CHIMERA_KEY")
    assert (await chimera("keys", "revoke", key_id)).exit_code == 0
    monkeypatch.setenv("CHIMERA_KEY", made)

    assert (await chimera("limits")).exit_code == 1


async def test_a_file_that_is_no_yaml_is_refused(served: System, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")

    answer = await chimera("task", "dispatch", str(broken))

    assert answer.exit_code == 1
    assert "neither YAML nor JSON" in answer.output
