"""The board's rooms: they show what is there, to those who may see it, and nothing in them runs or escapes."""

import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from tests.browser.stage import NASTY, Page, browsing, furnish
from tests.fixtures import NewDatabase
from tests.journeys.fleet import EXAMPLES, Fleet, open_fleet

from chimera.board.auth import POLICY
from chimera.settings import Settings
from chimera.values import KeyRole
from chimera.wiring import System

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOMS = ("/", "/approvals", "/judge", "/tasks", "/campaigns", "/publications", "/gallery", "/ledger", "/audit")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(
    new_database: NewDatabase, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fleet]:
    """One furnished fleet for the tests of this file, which only look at it."""
    with new_database() as url:
        state = tmp_path_factory.mktemp("board")
        feeds = EXAMPLES / "feeds" / "feeds.yaml"
        system = System(
            Settings(state=state, database_url=url, redis_url=redis, feeds=feeds, undo_seconds=0, cool_down_seconds=0)
        )
        raw = await asyncpg.connect(url)
        await system.open()
        try:
            made = await open_fleet(system, raw, "acme", f"acme_{uuid4().hex[:12]}")
            await furnish(made)
            yield made
            await made.client.aclose()
        finally:
            await system.close()
            await raw.close()


async def paths(fleet: Fleet) -> list[str]:
    """Every room, and one of everything that has a page of its own."""
    task = (await fleet.items("/v1/publications"))[-1]
    campaigns = await fleet.items("/v1/campaigns")
    tasks = await fleet.items("/v1/tasks")
    return [
        *ROOMS,
        *(f"/campaigns/{row['campaign_id']}" for row in campaigns),
        *(f"/tasks/{row['task_id']}" for row in tasks),
        f"/assets/{task['asset_id']}",
        "/approvals?status=approved",
        "/tasks?status=completed&agent_id=&campaign_id=",
        f"/tasks?campaign_id={campaigns[0]['campaign_id']}",
        f"/audit?subject={tasks[0]['task_id']}",
    ]


@pytest.mark.parametrize("role", [*KeyRole])
async def test_anybody_with_a_key_reads_every_room_and_nothing_in_it_runs(fleet: Fleet, role: KeyRole) -> None:
    async with browsing(fleet, role) as browser:
        for path in await paths(fleet):
            answer = await browser.get(path)
            assert answer.status_code == 200, f"{path}: {answer.text[:500]}"
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"
            page = Page(answer.text)
            assert [
                name for _, attributes in page.tags for name in attributes if re.match(r"on|hx-on|style$", name)
            ] == []
            assert page.all("style") == []
            assert [
                script["src"] for script in page.all("script") if not (script["src"] or "").startswith("/static/")
            ] == []
            assert page.all("script"), path
            assert not [part for part in page.all("link") if not (part["href"] or "").startswith("/static/")]


async def test_the_policy_is_strict() -> None:
    assert POLICY == "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


async def test_every_page_has_its_landmarks_and_names_its_fields(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        for path in await paths(fleet):
            page = Page((await browser.get(path)).text)
            names = [name for name, _ in page.tags]
            assert names.count("main") == names.count("h1") == 1, path
            assert {"header", "nav", "footer"} <= set(names)
            ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
            assert len(ids) == len(set(ids)), path
            assert [svg for svg in page.all("svg") if "aria-hidden" not in svg and "aria-label" not in svg] == []


async def test_the_fleet_shows_who_does_what_with_which_money(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        page = Page((await browser.get("/")).text)
    assert f"TechInfluencer @{fleet.account}" in page.text
    assert "Quiet technology" in page.text
    assert "Whole fleet today 50 of 200 USDC" in page.text
    assert "no living planner" in page.text, "no role is at work, and health says so"
    bars = [svg["aria-label"] for svg in page.all("svg") if "aria-label" in svg]
    assert "50 spent and 0 reserved of 200 USDC" in bars


async def test_the_trace_of_a_refused_spend_shows_the_403_in_full(fleet: Fleet) -> None:
    refused = next(row for row in await fleet.items("/v1/spends") if row["status"] == "refused")
    async with browsing(fleet) as browser:
        text = Page((await browser.get(f"/tasks/{refused['task_id']}")).text).text
    assert "403 Daily spend limit exceeded Requested 500 USDC, limit is 200 USDC" in text
    assert '"window": "tenant:day:' in text


async def test_the_trace_of_a_post_goes_from_dispatch_to_delivery(fleet: Fleet) -> None:
    post = next(row for row in await fleet.items("/v1/publications") if row["kind"] != "promotion")
    asset = (await fleet.get(f"/v1/assets/{post['asset_id']}"))["asset"]
    task = await fleet.get(f"/v1/tasks/{asset['task_id']}")
    async with browsing(fleet) as browser:
        page = Page((await browser.get(f"/tasks/{task['execution_id']}")).text)
        proof = Page((await browser.get(f"/assets/{post['asset_id']}")).text)
        found = await browser.get("/assets", params={"url": post["url"]})
    for part in (
        task["task_dispatch"]["context"]["goal"],
        task["execution_result"]["metadata"]["prompt"]["text"][:60],
        task["execution_result"]["metadata"]["tool_log"][0]["tool"],
        task["verdicts"][0]["reasons"][0].partition(": ")[2],
        task["delivery"]["idempotency_key"],
        post["url"],
    ):
        assert " ".join(part.split()) in page.text, part
    links = {link["href"] for link in page.all("a")}
    assert {f"/assets/{post['asset_id']}", f"/tasks/{task['parent_id']}"} <= links
    assert asset["content_hash"] in proof.text
    assert asset["cryptographic_signature"] in proof.text
    assert found.status_code == 303
    assert found.headers["Location"].startswith("/assets/")


async def test_what_an_agent_wrote_is_text_and_never_markup(fleet: Fleet) -> None:
    nasty = await fleet.get("/v1/tasks/nasty-1")
    async with browsing(fleet) as browser:
        for path in ("/approvals", "/tasks", f"/tasks/{nasty['task_id']}", f"/campaigns/{nasty['campaign_id']}"):
            html = (await browser.get(path)).text
            page = Page(html)
            assert "<script>" not in html
            assert page.all("img") == []
            assert " ".join(NASTY.split())[:40] in page.text, path


async def test_a_held_piece_is_shown_with_all_that_a_reviewer_weighs(fleet: Fleet) -> None:
    held = await fleet.approval(task_id=(await fleet.get("/v1/tasks/nasty-1"))["task_id"])
    async with browsing(fleet) as browser:
        answer = await browser.get("/approvals")
    page = Page(answer.text)
    assert f"the Judge's score yellow, {held['verdict']['score']:.2f}" in page.text
    assert held["persona"] in page.text
    assert held["reasoning"][0] in page.text
    assert f"{held['self_assessment']:.2f}" in page.text
    assert "is-yellow" in answer.text


async def test_lists_go_on_page_by_page_with_their_filter(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chimera.tasks.page.tasks.ROWS", 2)
    seen: list[str] = []
    path: str | None = "/tasks?status=completed"
    async with browsing(fleet) as browser:
        while path:
            page = Page((await browser.get(path)).text)
            seen += [link["href"] or "" for link in page.all("a") if link.get("class") == "title"]
            path = next((link["href"] for link in page.all("a") if link.get("rel") == "next"), None)
            assert path is None or "status=completed" in path
    wanted = [f"/tasks/{row['task_id']}" for row in await fleet.items("/v1/tasks?status=completed")]
    assert seen == wanted
    assert len(wanted) > 2


PATHS = ["/tasks/nobody", *(f"/{kind}/{UUID(int=7)}" for kind in ("tasks", "campaigns", "assets"))]


@pytest.mark.parametrize("path", PATHS)
async def test_what_does_not_exist_is_a_page_that_says_so(fleet: Fleet, path: str) -> None:
    async with browsing(fleet) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 404
    assert Page(answer.text).all("h1")
    assert answer.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("path", ["/campaigns/no-id", "/tasks?status=lost", "/audit?before=x", "/live?see=all"])
async def test_what_cannot_be_is_a_page_that_says_why(fleet: Fleet, path: str) -> None:
    async with browsing(fleet) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 422
    assert "Invalid request" in Page(answer.text).text


async def test_another_tenant_sees_nothing_of_this_one(fleet: Fleet) -> None:
    other = await open_fleet(fleet.system, fleet.raw, "umbrella", f"umbrella_{uuid4().hex[:12]}")
    task = (await fleet.items("/v1/tasks"))[0]
    asset = (await fleet.items("/v1/assets"))[0]
    async with browsing(other) as browser:
        for room in ROOMS:
            text = (await browser.get(room)).text
            assert fleet.account not in text
            assert "Quiet technology" not in text
        for path in (f"/tasks/{task['task_id']}", f"/campaigns/{task['campaign_id']}", f"/assets/{asset['asset_id']}"):
            assert (await browser.get(path)).status_code == 404
    await other.client.aclose()
