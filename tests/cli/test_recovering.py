"""The commands of the desk when something went wrong: questions, dead letters, and why a task was stopped."""

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from stamina import instrumentation
from tests.cli.test_remote import SOUL, chimera
from tests.journeys.fleet import open_fleet
from tests.review.doubts import in_doubt

from chimera.ids import new_id
from chimera.tasks.types.messages import Lease
from chimera.values import KeyRole, Stage, TaskStatus
from chimera.wiring import System

TASK = {
    "execution_id": "run-1",
    "context": {"persona": "Ada", "goal": "Count to three"},
    "tool_call": {"target_mcp": "twitter-mcp", "action": "post_tweet", "parameters": {}},
}


async def dispatched(folder: Path) -> UUID:
    """A task of Ada's, by its id."""
    soul, task = folder / "SOUL.md", folder / "task.json"
    soul.write_text(SOUL)
    task.write_text(json.dumps(TASK))
    await chimera("persona", "import", str(soul))
    answer = await chimera("task", "dispatch", str(task), "--json")
    return UUID(json.loads(answer.output)["task_id"])


async def buried(served: System, folder: Path) -> UUID:
    """A task that was given up."""
    task_id = await dispatched(folder)
    lease = Lease(id=task_id, stream="s", entry="1-0", redelivered=False)
    (task,) = await served.work.claim([lease], new_id(), Stage.WORK)
    await served.work.dead_letter(task, TaskStatus.DEAD_LETTER, "no model answers")
    return task_id


async def test_dead_letters_are_listed_with_their_cause_and_replayed(served: System, tmp_path: Path) -> None:
    assert (await chimera("task", "dead", "--json")).output.strip().startswith("{")
    await buried(served, tmp_path)

    listed = await chimera("task", "dead")

    assert listed.exit_code == 0
    for told in ("run-1", "Ada", "no model answers", "3"):
        assert told in listed.output
    assert (await chimera("task", "replay", "run-1")).exit_code == 0
    assert "run-1" not in (await chimera("task", "dead")).output
    again = await chimera("task", "replay", "run-1")
    assert again.exit_code == 1
    assert "is queued cannot be replayed" in again.output


async def test_a_task_is_stopped_with_a_reason_or_without_one(served: System, tmp_path: Path) -> None:
    await buried(served, tmp_path)

    assert (await chimera("task", "cancel", "run-1", "--reason", "nobody misses it")).exit_code == 0

    shown = json.loads((await chimera("task", "list", "--json")).output)
    (row,) = [each for each in shown["items"] if each["execution_id"] == "run-1"]
    assert row["cause"].endswith(": nobody misses it")
    assert row["status"] == "cancelled"


async def test_a_task_may_be_stopped_without_a_word(served: System, tmp_path: Path) -> None:
    await dispatched(tmp_path)
    assert (await chimera("task", "cancel", "run-1")).exit_code == 0
    assert (await chimera("task", "cancel", "run-1")).exit_code == 1


async def test_a_question_is_listed_and_answered(served: System, monkeypatch: pytest.MonkeyPatch) -> None:
    instrumentation.set_on_retry_hooks([])
    fleet = await open_fleet(served, None)
    monkeypatch.setenv("CHIMERA_KEY", fleet.keys[KeyRole.REVIEWER])
    effect = await in_doubt(fleet)

    listed = await chimera("questions", "list")

    assert str(effect.effect_id) in listed.output.replace("\n", "")
    assert "TechInfluencer" in listed.output
    said = ("questions", "answer", str(effect.effect_id), "it_happened", "--url", "https://social.example/nora/77")
    assert (await chimera(*said)).exit_code == 0
    again = await chimera(*said)
    assert again.exit_code == 1
    assert "it is reconciled" in again.output
    await fleet.client.aclose()


async def test_questions_are_listed_and_an_unknown_one_has_no_answer(served: System) -> None:
    listed = await chimera("questions", "list", "--json")
    assert (listed.exit_code, json.loads(listed.output)) == (0, [])
    answer = await chimera("questions", "answer", str(uuid4()), "give_up", "--note", "gone")
    assert answer.exit_code == 1
    assert "does not exist" in answer.output


async def test_an_answer_is_one_of_four_and_needs_an_address_when_it_happened(served: System) -> None:
    assert (await chimera("questions", "answer", str(uuid4()), "perhaps")).exit_code == 2
    answer = await chimera("questions", "answer", str(uuid4()), "it_happened")
    assert answer.exit_code == 1
    assert "Give the address of the post" in answer.output
