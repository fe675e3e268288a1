"""The Judge's room: the curve with its table, and audits decided by buttons, with the API's gates before them."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.browser.stage import NASTY, Page, browsing
from tests.journeys.fleet import LIMITLESS, Fleet, open_fleet
from tests.journeys.judged import Judged

from chimera.values import KeyRole
from chimera.wiring import System


@pytest.fixture
async def fleet(system: System, database_url: str) -> AsyncIterator[Fleet]:
    """A fleet with decided approvals, and two nasty pieces that wait for a second look."""
    raw = await asyncpg.connect(database_url)
    made = await open_fleet(system, raw)
    await made.put("/v1/policy", {**LIMITLESS, "audit_percent": 100})
    past = Judged(raw, made.tenant_id, UUID(made.agent_id))
    for count, score, status in (
        (8, 0.75, "approved"),
        (2, 0.75, "rejected"),
        (9, 0.85, "approved"),
        (1, 0.92, "edited"),
    ):
        await past.reviewed(count, score, status)
    await past.approved(2, text=NASTY)
    await system.quality.draw()
    yield made
    await made.client.aclose()
    await raw.close()


async def audit_ids(fleet: Fleet) -> list[str]:
    return [row["audit_id"] for row in await fleet.items("/v1/judge/audits")]


async def test_the_room_shows_the_curve_its_table_and_what_waits(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        html = (await browser.get("/judge")).text
    page = Page(html)
    for told in (
        "Nobody has looked at what the Judge approved by itself. 2 wait.",
        "0.75 to 0.80 10 0.75 8 80 % 49 % to 94 %",
        "0.90 to 0.95 1 0.92 0 0 % 0 % to 79 %",
        "85 % 17 of 20, 95 % interval 64 % to 95 %",
        "33 % 1 of 3",
        "nothing of what it rejected",
        "100 % of what the Judge approves by itself",
    ):
        assert told in page.text, told
    (label,) = [svg["aria-label"] for svg in page.all("svg") if "aria-label" in svg]
    assert label is not None and label.startswith("Reliability curve over 20 pieces")
    assert NASTY in page.text
    assert "<img src=x" not in html


async def test_an_empty_room_says_so(system: System) -> None:
    fleet = await open_fleet(system, None)
    async with browsing(fleet) as browser:
        text = Page((await browser.get("/judge?agent_id=&days=&before=")).text).text
        assert "No human has said anything about a scored piece yet." in text
        assert "Nothing waits for a second look." in text
    await fleet.client.aclose()


async def test_the_curve_is_narrowed_by_form_and_nonsense_is_a_page(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        assert "17 of 20" in (await browser.get(f"/judge?agent_id={fleet.agent_id}&days=30")).text
        assert "17 of 20" not in (await browser.get(f"/judge?agent_id={uuid4()}")).text
        for query in ("days=x", "days=0", "status=lost", "agent_id=x"):
            answer = await browser.get(f"/judge?{query}")
            assert (answer.status_code, bool(Page(answer.text).all("h1"))) == (422, True)


@pytest.mark.parametrize("role", [*KeyRole])
async def test_each_role_has_the_buttons_that_it_may_press(fleet: Fleet, role: KeyRole) -> None:
    paths = {f"/judge/audits/{id}/{verb}" for id in await audit_ids(fleet) for verb in ("agree", "disagree")}
    async with browsing(fleet, role) as browser:
        shown = Page((await browser.get("/judge")).text).forms & paths
        if role in (KeyRole.OPERATOR, KeyRole.REVIEWER):
            assert shown == paths
            return
        assert shown == set()
        for path in paths:
            assert (await browser.post(path)).status_code == 403


async def test_audits_are_decided_by_buttons_and_a_disagreement_shows(fleet: Fleet) -> None:
    newer, older = await audit_ids(fleet)
    async with browsing(fleet, KeyRole.REVIEWER) as browser:
        answer = await browser.post(f"/judge/audits/{newer}/agree", headers={"HX-Request": "true"})
        assert (answer.status_code, "notice good" in answer.text) == (200, True)
        assert "People agreed with the one piece that" in Page((await browser.get("/judge")).text).text
        answer = await browser.post(f"/judge/audits/{older}/disagree", data={"note": "Not\r\nours"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/judge")
        text = Page((await browser.get("/judge")).text).text
        assert "People disagreed with 1 of 2 pieces" in text
        assert "Nothing waits for a second look." in text
        text = Page((await browser.get("/judge?status=disagreed")).text).text
        assert "Disagreed by reviewer" in text
        assert "Not ours" in text
        again = await browser.post(f"/judge/audits/{older}/agree")
        assert (again.status_code, "decided already" in again.text) == (409, True)
    (one,) = await fleet.items("/v1/judge/audits?status=disagreed")
    assert one["note"] == "Not\nours"


@pytest.mark.parametrize(("verb", "note", "status"), [("agree", "x" * 2_001, 422), ("like", "", 422)])
async def test_an_unfit_verdict_is_a_page_that_says_why(fleet: Fleet, verb: str, note: str, status: int) -> None:
    audit_id = (await audit_ids(fleet))[0]
    async with browsing(fleet) as browser:
        answer = await browser.post(f"/judge/audits/{audit_id}/{verb}", data={"note": note})
    assert answer.status_code == status
    assert Page(answer.text).all("h1")


async def test_a_page_is_turned_within_one_state(fleet: Fleet, database_url: str) -> None:
    assert fleet.raw is not None
    await Judged(fleet.raw, fleet.tenant_id, UUID(fleet.agent_id)).approved(20)
    await fleet.system.quality.draw()
    async with browsing(fleet) as browser:
        links = [link["href"] or "" for link in Page((await browser.get("/judge")).text).all("a")]
        (older,) = [link for link in links if link.startswith("/judge?before=")]
        assert len([form for form in Page((await browser.get(older)).text).forms if form.endswith("/agree")]) == 2
