"""Deciding, halting and ordering by forms: what the API does, with the API's gates in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from stamina import instrumentation
from tests.browser.stage import Page, browsing, hold
from tests.journeys.fleet import EXAMPLES, Fleet, brief, dispatch, open_fleet, until

from chimera.review.service.approvals import ReviewService
from chimera.values import HaltScope, KeyRole, Role
from chimera.wiring import System

PIECE = "AI is reshaping the future of quiet standards"


@pytest.fixture
async def fleet(system: System, database_url: str) -> AsyncIterator[Fleet]:
    """A tenant with one influencer and a key for each role; nobody is at work."""
    system.settings.feeds = EXAMPLES / "feeds" / "feeds.yaml"
    instrumentation.set_on_retry_hooks([])
    raw = await asyncpg.connect(database_url)
    made = await open_fleet(system, raw, "acme", f"acme_{uuid4().hex[:12]}")
    yield made
    await made.client.aclose()
    await raw.close()


async def actor(fleet: Fleet, role: KeyRole) -> str:
    """How the trail names the holder of a role's key."""
    return next(f"{role.value}:{key['name']}" for key in await fleet.get("/v1/keys") if key["role"] == role.value)


async def test_approving_by_form_hands_the_piece_to_the_judge(fleet: Fleet) -> None:
    async with browsing(fleet, KeyRole.REVIEWER) as browser, fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
        answer = await browser.post(f"/approvals/{held['approval_id']}/approve", data={"note": ""})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/approvals")
        task = await fleet.task("one", "completed")
        assert PIECE not in (await browser.get("/approvals")).text
        decided = Page((await browser.get("/approvals?status=approved")).text).text
    assert PIECE in decided
    assert f"Approved by {await actor(fleet, KeyRole.REVIEWER)}" in decided
    assert task["delivery"]


async def test_an_edit_by_form_is_judged_afresh_with_plain_line_ends(fleet: Fleet) -> None:
    async with browsing(fleet) as browser, fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
        words = {"part": f"{PIECE}\r\n\r\nand of slow ones", "note": "two lines"}
        answer = await browser.post(f"/approvals/{held['approval_id']}/edit", data=words)
        assert answer.status_code == 303, answer.text
        again = await until(
            lambda: fleet.items("/v1/approvals"), lambda rows: rows and rows[0]["approval_id"] != held["approval_id"]
        )
    assert again[0]["content"] == [f"{PIECE}\n\nand of slow ones"]


async def test_a_thread_is_edited_post_by_post(fleet: Fleet) -> None:
    async with browsing(fleet) as browser, fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", [PIECE, f"{PIECE}, again"])
        form = f"/approvals/{held['approval_id']}/edit"
        page = Page((await browser.get("/approvals")).text)
        assert [field["name"] for field in page.all("textarea")] == ["part", "part", "note"]
        assert (await browser.post(form, data={"part": [PIECE]})).status_code == 422
        assert (await browser.post(form, data={"part": [PIECE, f"{PIECE} twice"]})).status_code == 303
        again = await until(
            lambda: fleet.items("/v1/approvals"), lambda rows: rows and rows[0]["approval_id"] != held["approval_id"]
        )
    assert again[0]["content"] == [PIECE, f"{PIECE} twice"]


async def test_a_rejection_keeps_its_note(fleet: Fleet) -> None:
    async with browsing(fleet, KeyRole.REVIEWER) as browser, fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
        answer = await browser.post(f"/approvals/{held['approval_id']}/reject", data={"note": "Say it <i>plainly</i>"})
        assert answer.status_code == 303
        await fleet.task("one", "rejected")
        html = (await browser.get("/approvals?status=rejected")).text
    assert "Say it &lt;i&gt;plainly&lt;/i&gt;" in html


async def test_htmx_gets_a_notice_and_a_second_decision_is_told_why_not(fleet: Fleet) -> None:
    async with browsing(fleet) as browser, fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
        form = f"/approvals/{held['approval_id']}/approve"
        first = await browser.post(form, headers={"HX-Request": "true"})
        second = await browser.post(form, headers={"HX-Request": "true"})
    assert (first.status_code, second.status_code) == (200, 409)
    for answer, word in ((first, "Approved."), (second, "decided already")):
        assert answer.text.startswith('<hx-partial hx-target="#notice"')
        assert word in answer.text


@pytest.mark.parametrize("role", [*KeyRole])
async def test_buttons_are_there_for_those_who_may_press_them_and_for_nobody_else(fleet: Fleet, role: KeyRole) -> None:
    async with fleet.working(Role.JUDGE, Role.PLANNER):
        held = await hold(fleet, "one", PIECE)
        campaign_id = await fleet.start(brief())
        await fleet.post("/v1/tasks", dispatch("open", worker="external"))
        task_id = (await fleet.get("/v1/tasks/open"))["task_id"]
    await fleet.system.fleet.halt(fleet.tenant_id, HaltScope.TOOL, "news-mcp", "a test", "nobody")
    approval = f"/approvals/{held['approval_id']}"
    gates = {
        f"{approval}/approve": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        f"{approval}/claim": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        f"{approval}/snooze": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        f"{approval}/edit": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        f"{approval}/reject": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        "/halt": {KeyRole.OPERATOR, KeyRole.REVIEWER},
        "/resume": {KeyRole.OPERATOR},
        f"/campaigns/{campaign_id}/pause": {KeyRole.OPERATOR, KeyRole.DEVELOPER},
        f"/campaigns/{campaign_id}/cancel": {KeyRole.OPERATOR, KeyRole.DEVELOPER},
        f"/tasks/{task_id}/cancel": {KeyRole.OPERATOR, KeyRole.DEVELOPER},
    }
    async with browsing(fleet, role) as browser:
        shown: set[str] = set()
        for path in ("/", "/approvals", f"/campaigns/{campaign_id}", f"/tasks/{task_id}"):
            shown |= Page((await browser.get(path)).text).forms
        assert shown == {form for form, roles in gates.items() if role in roles}
        for form in sorted(gates.keys() - shown):
            assert (await browser.post(form, data={"scope": "tenant", "reason": "x"})).status_code == 403, form


async def test_a_halt_is_on_every_page_until_it_is_lifted(fleet: Fleet) -> None:
    author = await actor(fleet, KeyRole.REVIEWER)
    rooms = ("/", "/approvals", "/tasks", "/campaigns", "/publications", "/ledger", "/audit")
    async with browsing(fleet, KeyRole.REVIEWER) as reviewer, browsing(fleet) as operator:
        answer = await reviewer.post("/halt", data={"scope": "tenant", "reason": "Too <b>loud</b>"})
        assert answer.status_code == 303
        for room in rooms:
            html = (await reviewer.get(room)).text
            assert "Too &lt;b&gt;loud&lt;/b&gt;" in html
            assert author in html
            assert "/resume" not in Page(html).forms
            assert "/resume" in Page((await operator.get(room)).text).forms
        assert (await reviewer.post("/halt", data={"scope": "tenant", "reason": "again"})).status_code == 409
        assert (await reviewer.post("/resume", data={"scope": "tenant"})).status_code == 403
        assert (await operator.post("/resume", data={"scope": "tenant", "target": "*"})).status_code == 303
        for room in rooms:
            assert "Too &lt;b&gt;" not in (await operator.get(room)).text or room == "/audit"


async def test_one_influencer_is_halted_by_name(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        order = {"scope": "influencer", "target": fleet.agent_id, "reason": "a rest"}
        assert (await browser.post("/halt", data=order)).status_code == 303
        page = Page((await browser.get("/")).text)
    assert "Influencer TechInfluencer is halted: a rest" in page.text
    assert "Stopped by an operator." in page.text


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"scope": "fleet", "reason": "x"}, 403),
        ({"scope": "tenant", "reason": ""}, 422),
        ({"scope": "tenant", "reason": "   "}, 422),
        ({"scope": "tenant"}, 422),
        ({"scope": "galaxy", "reason": "x"}, 422),
        ({"scope": "tenant", "reason": "x" * 1_001}, 422),
    ],
)
async def test_an_unfit_halt_is_refused(fleet: Fleet, order: dict[str, str], status: int) -> None:
    async with browsing(fleet) as browser:
        assert (await browser.post("/halt", data=order)).status_code == status
    assert await fleet.get("/v1/halts") == []


async def test_a_campaign_is_planned_started_paused_resumed_and_cancelled_by_buttons(fleet: Fleet) -> None:
    campaign_id = (await fleet.post("/v1/campaigns", brief(), 201))["campaign_id"]
    here = f"/campaigns/{campaign_id}"
    async with browsing(fleet, KeyRole.DEVELOPER) as browser:
        assert {f"{here}/plan", f"{here}/cancel"} <= Page((await browser.get(here)).text).forms
        async with fleet.working(Role.PLANNER):
            assert (await browser.post(f"{here}/plan")).headers["Location"] == here
            await fleet.campaign(campaign_id, "planned")
        page = Page((await browser.get(here)).text)
        plan = await fleet.get(f"/v1/campaigns/{campaign_id}/plan")
        assert [node["key"] for node in plan["draft"]["nodes"] if node["key"] not in page.text] == []
        assert "not started" in page.text
        for order, status in (("start", "running"), ("pause", "paused"), ("start", "running"), ("cancel", "cancelled")):
            assert f"{here}/{order}" in Page((await browser.get(here)).text).forms
            assert (await browser.post(f"{here}/{order}")).status_code == 303
            assert (await fleet.get(f"/v1/campaigns/{campaign_id}"))["status"] == status
        assert (await browser.post(f"{here}/start")).status_code == 409
        assert (await browser.post(f"{here}/explode")).status_code == 422


async def test_a_task_is_cancelled_and_a_dead_letter_replayed(fleet: Fleet) -> None:
    await fleet.post("/v1/tasks", dispatch("open", worker="external"))
    task_id = (await fleet.get("/v1/tasks/open"))["task_id"]
    async with browsing(fleet) as browser:
        assert (await browser.post(f"/tasks/{task_id}/cancel")).headers["Location"] == f"/tasks/{task_id}"
        assert (await browser.post(f"/tasks/{task_id}/cancel")).status_code == 409
        await fleet.raw.execute("UPDATE task SET status = 'dead_letter' WHERE task_id = $1", UUID(task_id))
        assert f"/tasks/{task_id}/replay" in Page((await browser.get(f"/tasks/{task_id}")).text).forms
        assert (await browser.post(f"/tasks/{task_id}/replay")).status_code == 303
    assert (await fleet.get("/v1/tasks/open"))["status"] == "queued"


async def test_an_approval_of_another_tenant_does_not_exist(fleet: Fleet, tmp_path: Path) -> None:
    other = await open_fleet(fleet.system, fleet.raw, "umbrella", f"umbrella_{uuid4().hex[:12]}")
    async with fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
    async with browsing(other) as browser:
        for act in ("approve", "edit", "reject"):
            answer = await browser.post(f"/approvals/{held['approval_id']}/{act}", data={"part": PIECE})
            assert answer.status_code == 404
    await other.client.aclose()


async def test_a_reviewer_takes_puts_off_and_takes_back_on_the_board(fleet: Fleet) -> None:
    async with fleet.working(Role.JUDGE):
        held = await hold(fleet, "one", PIECE)
    approval = f"/approvals/{held['approval_id']}"
    fleet.system.review = ReviewService(fleet.system.tenants, undo_seconds=60)
    async with browsing(fleet, KeyRole.REVIEWER) as browser:
        assert (await browser.post(f"{approval}/claim")).status_code < 400
        assert "is looking at it" in (await browser.get("/approvals")).text
        assert (await browser.post(f"{approval}/approve", data={"note": ""})).status_code < 400
        assert f"{approval}/undo" in Page((await browser.get("/approvals")).text).forms
        assert (await browser.post(f"{approval}/undo")).status_code < 400
        assert f"{approval}/approve" in Page((await browser.get("/approvals")).text).forms
        assert (await browser.post(f"{approval}/snooze")).status_code < 400
        assert approval not in (await browser.get("/approvals")).text
