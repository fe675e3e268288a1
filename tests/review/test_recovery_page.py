"""The desk's part for what went wrong: it shows all that a human needs, to those who may act, with the API's gates."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from stamina import instrumentation
from tests.browser.stage import Page, browsing
from tests.journeys.fleet import Fleet, open_fleet
from tests.review.doubts import PIECE, dead_letter, in_doubt

from chimera.tasks.service.dispatch import TaskService
from chimera.values import KeyRole
from chimera.wiring import System

URL = "https://social.example/nora/77"
ANSWERS = ("it_happened", "try_again", "give_up", "look_again")


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    instrumentation.set_on_retry_hooks([])
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


async def desk(fleet: Fleet, role: KeyRole = KeyRole.OPERATOR) -> Page:
    async with browsing(fleet, role) as browser:
        answer = await browser.get("/approvals")
    assert answer.status_code == 200
    return Page(answer.text)


async def test_a_desk_where_nothing_went_wrong_says_nothing_of_it(fleet: Fleet) -> None:
    page = await desk(fleet)
    assert "0 to approve" in page.text
    for silent in ("to answer", "Only you can find out", "Dead letters"):
        assert silent not in page.text


async def test_a_question_shows_the_post_where_it_may_be_and_what_is_asked(fleet: Fleet) -> None:
    effect = await in_doubt(fleet)
    page = await desk(fleet, KeyRole.AUDITOR)
    for told in (
        "0 to approve, 1 to answer",
        "Only you can find out 1 may or may not be out there",
        PIECE,
        "Look <b>yourself</b>.",
        f"twitter-mcp, account {fleet.account}",
        "post_tweet",
        effect.idempotency_key,
    ):
        assert told in page.text, told
    async with browsing(fleet) as browser:
        html = (await browser.get("/approvals")).text
        assert "<b>yourself</b>" not in html
        assert "1</b> to answer" in (await browser.get("/")).text, "every page says so"


@pytest.mark.parametrize("role", [*KeyRole])
async def test_each_role_has_the_buttons_that_it_may_press(fleet: Fleet, role: KeyRole) -> None:
    effect, task_id = await in_doubt(fleet), await dead_letter(fleet)
    questions = {f"/questions/{effect.effect_id}/{said}" for said in ANSWERS}
    replay, close = f"/dead-letters/{task_id}/replay", f"/dead-letters/{task_id}/close"
    allowed = {
        KeyRole.OPERATOR: {*questions, replay, close},
        KeyRole.REVIEWER: questions,
        KeyRole.DEVELOPER: {close},
    }.get(role, set())
    every = {*questions, replay, close}
    assert (await desk(fleet, role)).forms & every == allowed
    async with browsing(fleet, role) as browser:
        for path in sorted(every - allowed):
            assert (await browser.post(path)).status_code == 403, path


@pytest.mark.parametrize(
    ("said", "data", "status"),
    [
        ("it_happened", {"url": f" {URL} ", "note": "seen"}, "reconciled"),
        ("try_again", {}, "authorised"),
        ("give_up", {"note": ""}, "failed"),
        ("look_again", {}, "unknown"),
    ],
)
async def test_a_question_is_settled_by_a_form_once(fleet: Fleet, said: str, data: dict[str, str], status: str) -> None:
    effect = await in_doubt(fleet)
    path = f"/questions/{effect.effect_id}/{said}"
    async with browsing(fleet, KeyRole.REVIEWER) as browser:
        answer = await browser.post(path, data=data)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/approvals"), answer.text
        assert PIECE not in (await browser.get("/approvals")).text
        again = await browser.post(path, data={"url": URL})
        assert (again.status_code, "no open question" in again.text) == (409, True)
    envelope = await fleet.get("/v1/tasks/one")
    assert envelope["delivery"]["status"] == status
    if said == "it_happened":
        assert envelope["delivery"]["url"] == URL


@pytest.mark.parametrize("data", [{}, {"url": ""}, {"url": "  "}, {"url": "two words"}, {"url": "x" * 2_001}])
async def test_what_is_said_to_be_out_needs_an_address(fleet: Fleet, data: dict[str, str]) -> None:
    effect = await in_doubt(fleet)
    async with browsing(fleet) as browser:
        answer = await browser.post(f"/questions/{effect.effect_id}/it_happened", data=data)
    assert answer.status_code == 422
    assert Page(answer.text).all("h1")
    assert len(await fleet.get("/v1/questions")) == 1


async def test_htmx_gets_a_notice_and_nonsense_is_told_why_not(fleet: Fleet) -> None:
    effect = await in_doubt(fleet)
    htmx = {"HX-Request": "true"}
    async with browsing(fleet) as browser:
        answer = await browser.post(f"/questions/{effect.effect_id}/try_again", headers=htmx)
        assert (answer.status_code, "It is tried again." in answer.text) == (200, True)
        assert (await browser.post(f"/questions/{effect.effect_id}/perhaps")).status_code == 422
        assert (await browser.post(f"/questions/{uuid4()}/give_up")).status_code == 404


async def test_a_dead_letter_shows_its_cause_and_is_replayed(fleet: Fleet) -> None:
    task_id = await dead_letter(fleet)
    page = await desk(fleet)
    for told in (
        "Dead letters",
        "TechInfluencer",
        "Tell where AI comes from",
        "no <i>model</i> answers",
        "3 lives left.",
    ):
        assert told in page.text, told
    assert f"/tasks/{task_id}" in {link["href"] for link in page.all("a")}
    async with browsing(fleet) as browser:
        answer = await browser.post(f"/dead-letters/{task_id}/replay")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/approvals")
        assert (await browser.post(f"/dead-letters/{task_id}/replay")).status_code == 409
    assert "Dead letters" not in (await desk(fleet)).text
    assert (await fleet.get("/v1/tasks/dead"))["status"] == "queued"


async def test_a_dead_letter_that_rests_or_has_had_its_lives_cannot_be_replayed(fleet: Fleet) -> None:
    task_id = await dead_letter(fleet)
    fleet.system.desk = TaskService(fleet.system.tenants, cool_down_seconds=600)
    page = await desk(fleet)
    assert "3 lives left; it rests until" in page.text
    assert f"/dead-letters/{task_id}/replay" not in page.forms
    async with browsing(fleet) as browser:
        assert (await browser.post(f"/dead-letters/{task_id}/replay")).status_code == 409
    async with fleet.system.swarm.connection() as connection:
        await connection.execute("UPDATE task SET replays = 3")
    page = await desk(fleet)
    assert "It has had all its lives" in page.text
    assert page.forms & {f"/dead-letters/{task_id}/{what}" for what in ("replay", "close")} == {
        f"/dead-letters/{task_id}/close"
    }


@pytest.mark.parametrize(("reason", "kept"), [("nobody misses it", ": nobody misses it"), ("  ", "")])
async def test_a_dead_letter_is_closed_with_its_reason(fleet: Fleet, reason: str, kept: str) -> None:
    task_id = await dead_letter(fleet)
    async with browsing(fleet, KeyRole.DEVELOPER) as browser:
        answer = await browser.post(f"/dead-letters/{task_id}/close", data={"reason": reason})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/approvals")
    (row,) = await fleet.items("/v1/tasks")
    assert (row["status"], row["cause"]) == ("cancelled", f"cancelled by developer:developer{kept}")


async def test_every_field_has_a_name_and_every_id_is_there_once(fleet: Fleet) -> None:
    for name in ("one", "two"):
        await in_doubt(
            fleet, name, f"{PIECE}, {name}" if name == "one" else "Old libraries taught AI how to shelve a thought"
        )
        await dead_letter(fleet, f"dead-{name}")
    page = await desk(fleet)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    fields = [field for field in page.all("input") if field.get("type") != "hidden"]
    assert all(field.get("name") for field in fields)
    assert {section["aria-labelledby"] for section in page.all("section")} == {"h-questions", "h-dead"}
