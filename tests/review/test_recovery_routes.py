"""Questions and dead letters over HTTP: who may read, answer, replay and close them, and what is no answer (ORC-11)."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from stamina import instrumentation
from tests.journeys.fleet import Fleet, Json, open_fleet
from tests.review.doubts import PIECE, QUESTION, dead_letter, in_doubt

from chimera.tasks.service.dispatch import TaskService
from chimera.values import KeyRole
from chimera.wiring import System

URL = "https://social.example/nora/77"


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    instrumentation.set_on_retry_hooks([])
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def test_a_question_is_listed_and_answered_once(fleet: Fleet) -> None:
    effect = await in_doubt(fleet)
    (question,) = await fleet.get("/v1/questions", role=KeyRole.AUDITOR)
    assert (question["effect_id"], question["question"]) == (str(effect.effect_id), QUESTION)
    assert (question["server"], question["tool"], question["parts"]) == ("twitter-mcp", "post_tweet", [PIECE])
    assert question["account"] == fleet.account
    path = f"/v1/questions/{effect.effect_id}/answer"
    await fleet.post(path, {"answer": "it_happened", "url": URL, "note": "seen"}, 204, KeyRole.REVIEWER)
    assert await fleet.get("/v1/questions") == []
    problem = await fleet.post(path, {"answer": "try_again"}, 409)
    assert problem["detail"] == "there is no open question about it: it is reconciled"
    envelope = await fleet.get("/v1/tasks/one")
    assert (envelope["delivery"]["status"], envelope["delivery"]["url"]) == ("reconciled", URL)
    (event,) = [row for row in await fleet.items("/v1/audit") if row["action"] == "effect.answered"]
    assert (event["actor"], event["body"]) == (
        "reviewer:reviewer",
        {"answer": "it_happened", "url": URL, "note": "seen"},
    )


async def test_of_two_answers_at_once_one_is_a_409(fleet: Fleet) -> None:
    effect = await in_doubt(fleet)
    path = f"/v1/questions/{effect.effect_id}/answer"
    headers = {"Authorization": f"Bearer {fleet.keys[KeyRole.REVIEWER]}"}
    answers = await asyncio.gather(
        *(fleet.client.post(path, json={"answer": said}, headers=headers) for said in ("give_up", "try_again"))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]


@pytest.mark.parametrize("said", ["try_again", "look_again"])
async def test_an_answer_that_goes_on_with_it_puts_it_into_the_queue(fleet: Fleet, said: str) -> None:
    effect = await in_doubt(fleet)
    await fleet.post(f"/v1/questions/{effect.effect_id}/answer", {"answer": said}, 204)
    async with fleet.working():
        await fleet.delivered("one", "done")
    assert [post["text"] for post in await fleet.posts()] == [PIECE]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"answer": "it_happened"}, 422),
        ({"answer": "it_happened", "url": ""}, 422),
        ({"answer": "it_happened", "url": "two words"}, 422),
        ({"answer": "it_happened", "url": "https://x/" + "y" * 2_000}, 422),
        ({"answer": "maybe"}, 422),
        ({}, 422),
        (None, 422),
        ({"answer": "give_up", "note": "x" * 2_001}, 422),
        ({"answer": "give_up", "note": "\x00"}, 422),
        ({"answer": "give_up", "surprise": 1}, 422),
        ({"answer": "give_up"}, 404),
    ],
)
async def test_an_answer_that_is_none_is_refused_and_one_about_nothing_not_found(
    fleet: Fleet, body: Json, status: int
) -> None:
    problem = await fleet.post(f"/v1/questions/{uuid4()}/answer", body, status)
    assert problem["remedy"]


@pytest.mark.parametrize("role", [KeyRole.DEVELOPER, KeyRole.AGENT, KeyRole.AUDITOR])
async def test_only_who_reviews_answers(fleet: Fleet, role: KeyRole) -> None:
    await fleet.post(f"/v1/questions/{uuid4()}/answer", {"answer": "give_up"}, 403, role)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x"])
async def test_a_list_has_its_bounds(fleet: Fleet, query: str) -> None:
    await fleet.get(f"/v1/questions?{query}", 422)
    await fleet.get(f"/v1/dead-letters?{query}", 422)


async def test_dead_letters_are_listed_page_by_page_with_what_can_be_done(fleet: Fleet) -> None:
    made = [await dead_letter(fleet, f"dead-{number}", f"cause {number}") for number in range(3)]
    page = await fleet.get("/v1/dead-letters?limit=2", role=KeyRole.AUDITOR)
    assert [row["task_id"] for row in page["items"]] == made[:0:-1]
    first = page["items"][0]
    assert (first["execution_id"], first["cause"], first["lives_left"]) == ("dead-2", "cause 2", 3)
    assert (first["persona"], first["goal"]) == ("TechInfluencer", "Tell where AI comes from")
    assert first["replayable_at"] == first["buried_at"]
    rest = await fleet.get(f"/v1/dead-letters?limit=2&before={page['next']}")
    assert ([row["task_id"] for row in rest["items"]], rest["next"]) == (made[:1], None)


async def test_a_replay_before_its_time_and_after_the_last_life_says_why_not(fleet: Fleet) -> None:
    task_id = await dead_letter(fleet)
    fleet.system.desk = TaskService(fleet.system.tenants, cool_down_seconds=600)
    problem = await fleet.post("/v1/tasks/dead/replay", status=409)
    (letter,) = await fleet.items("/v1/dead-letters")
    assert problem["replayable_at"][:19] == letter["replayable_at"][:19]
    assert "rests" in problem["detail"]
    fleet.system.desk = TaskService(fleet.system.tenants)
    async with fleet.system.swarm.connection() as connection:
        await connection.execute("UPDATE task SET replays = 3")
    problem = await fleet.post("/v1/tasks/dead/replay", status=409)
    assert (problem["replays"], problem["detail"]) == (3, "this dead letter has had its 3 lives")
    (letter,) = await fleet.items("/v1/dead-letters")
    assert (letter["task_id"], letter["lives_left"], letter["replayable_at"]) == (task_id, 0, None)


async def test_a_dead_letter_is_closed_with_a_reason_or_without_one(fleet: Fleet) -> None:
    for name in ("first", "second"):
        await dead_letter(fleet, name)
    await fleet.post("/v1/tasks/first/cancel", {"reason": "nobody misses it"}, 204, KeyRole.DEVELOPER)
    await fleet.post("/v1/tasks/second/cancel", status=204)
    assert await fleet.items("/v1/dead-letters") == []
    causes = {row["execution_id"]: row["cause"] for row in await fleet.items("/v1/tasks")}
    assert causes == {
        "first": "cancelled by developer:developer: nobody misses it",
        "second": "cancelled by operator:operator",
    }
    await fleet.post("/v1/tasks/first/replay", status=409)


@pytest.mark.parametrize("reason", ["", "x" * 1_001, "\x00", 5])
async def test_a_reason_that_is_none_is_refused(fleet: Fleet, reason: Json) -> None:
    await dead_letter(fleet)
    await fleet.post("/v1/tasks/dead/cancel", {"reason": reason}, 422)
    assert len(await fleet.items("/v1/dead-letters")) == 1
