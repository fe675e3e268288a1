"""The money room: the books, what burns down, and what waits for a human, with the API's gates in front of it."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from tests.browser.stage import Page, browsing
from tests.journeys.fleet import LIMITLESS, SEED, Fleet, Json, open_fleet

from chimera.values import KeyRole
from chimera.wiring import System

REQUEST = SEED["financial_authorization"]["transaction_request"]


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    """A fleet with a bill, something pending, a doubt, a refusal, a flag, and a change that waits."""
    made = await open_fleet(system, None)
    for number in range(8):
        await ask(made, f"small-{number}", "1 USDC")
    await made.post(f"/v1/authorizations/{await ask(made, 'ad', '3 USDC', category='ads')}/settle", {}, 200)
    await ask(made, "big", "60 USDC", 403)
    await ask(made, "huge", "500 USDC", 403)
    await ask(made, "lost", "2 USDC", purpose="Lost <b>call</b>")
    lost = next(row for row in await made.items("/v1/spends") if row["request"]["purpose"].startswith("Lost"))
    await system.treasury.mark_unknown(UUID(lost["reservation_id"]), "nobody answered")
    await made.put("/v1/policy", {**LIMITLESS, "limits": [{"span": "day", "amount": "900 USDC"}]})
    yield made
    await made.client.aclose()


async def ask(fleet: Fleet, key: str, amount: str, status: int = 200, **change: Json) -> str:
    body = {**REQUEST, "persona": "TechInfluencer", "token_amount": amount, **change}
    answer = await fleet.post("/v1/transactions/authorize", body, status, headers={"Idempotency-Key": key})
    return str(answer.get("budget_verification_hash"))


async def forms(fleet: Fleet) -> dict[str, str]:
    """The forms of the room by what they do."""
    flag = (await fleet.items("/v1/flags"))[0]["flag_id"]
    change = (await fleet.items("/v1/limit-changes"))[0]["change_id"]
    doubt = (await fleet.items("/v1/spends?doubt=true"))[0]["reservation_id"]
    return {
        "accept": f"/flags/{flag}/accept",
        "dismiss": f"/flags/{flag}/dismiss",
        "confirm": f"/limit-changes/{change}/confirm",
        "withdraw": f"/limit-changes/{change}/withdraw",
        "settle": f"/spends/{doubt}/settle",
        "void": f"/spends/{doubt}/void",
    }


async def second_operator(fleet: Fleet) -> None:
    made = await fleet.post("/v1/keys", {"name": "second", "role": "operator"}, 201)
    fleet.keys[KeyRole.OPERATOR] = made["key"]


async def test_the_room_shows_the_books_with_what_is_pending_and_how_limits_burn_down(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        page = Page((await browser.get("/ledger")).text)
    for told in (
        "Every transaction sums to zero",
        "TechInfluencer 0 -3 -3",
        "ads 0 3 3",
        "Result 0 -3 -3",
        "Pending 0 10 10",
        "Whole fleet today 187 left of 200 USDC",
        "Daily spend limit exceeded: Requested 500 USDC, limit is 200 USDC",
        '"window": "tenant:day:',
    ):
        assert told in page.text, told
    labels = [svg["aria-label"] or "" for svg in page.all("svg") if "aria-label" in svg]
    assert any(label.startswith("Whole fleet: 187 of 200 USDC left; ") for label in labels)
    links = {link["href"] for link in page.all("a")}
    assert {f"/v1/books/{name}" for name in ("journal.csv", "journal.beancount", "evidence.jsonl")} <= links


async def test_the_books_are_taken_away_with_the_boards_cookie(fleet: Fleet) -> None:
    async with browsing(fleet, KeyRole.AUDITOR) as browser:
        answer = await browser.get("/v1/books/journal.beancount")
    assert "balance Expenses:Ads:TechInfluencer:General  3 ~ 0 USDC" in answer.text


async def test_another_period_is_chosen_by_form_and_nonsense_is_a_page(fleet: Fleet) -> None:
    async with browsing(fleet) as browser:
        page = Page((await browser.get("/ledger?from=2020-01-01&to=2020-02-01&before=")).text)
        assert "Nothing is booked in this time or before it." in page.text
        assert (await browser.get("/ledger?from=&to=")).status_code == 200
        for query in ("from=x", "from=2026-02-02&to=2026-02-01"):
            assert (await browser.get(f"/ledger?{query}")).status_code == 422


@pytest.mark.parametrize("role", [*KeyRole])
async def test_each_role_has_the_buttons_that_it_may_press(fleet: Fleet, role: KeyRole) -> None:
    there = await forms(fleet)
    async with browsing(fleet, role) as browser:
        html = (await browser.get("/ledger")).text
        shown = Page(html).forms & set(there.values())
        if role is KeyRole.OPERATOR:
            assert shown == set(there.values()) - {there["confirm"]}, "whoever proposes does not confirm"
            assert "A second operator has to confirm it." in html
            return
        assert shown == set()
        for path in there.values():
            assert (await browser.post(path)).status_code == 403
    assert "<b>call</b>" not in html


async def test_what_waits_is_decided_by_buttons(fleet: Fleet) -> None:
    there = await forms(fleet)
    await second_operator(fleet)
    async with browsing(fleet) as browser:
        assert there["confirm"] in Page((await browser.get("/ledger")).text).forms
        for name, data in (("confirm", {}), ("dismiss", {}), ("settle", {"amount": " 1.5 USDC ", "reference": "bill"})):
            answer = await browser.post(there[name], data=data)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/ledger"), answer.text
        assert "For a human to decide" not in (await browser.get("/ledger")).text
    assert [row["status"] for row in await fleet.items("/v1/limit-changes")] == ["confirmed"]
    assert [row["status"] for row in await fleet.items("/v1/flags")] == ["dismissed"]
    assert (await fleet.get("/v1/books"))["statements"][0]["lines"][-1]["closing"] == "1.5"


async def test_the_other_buttons_work_as_well_and_htmx_gets_a_notice(fleet: Fleet) -> None:
    there = await forms(fleet)
    async with browsing(fleet) as browser:
        for name in ("withdraw", "accept", "void"):
            answer = await browser.post(there[name], headers={"HX-Request": "true"})
            assert (answer.status_code, "notice good" in answer.text) == (200, True)
    assert [row["status"] for row in await fleet.items("/v1/limit-changes")] == ["withdrawn"]


@pytest.mark.parametrize("data", [{"amount": "many"}, {"amount": "9 USDC"}, {"amount": "1 EUR"}, {"reference": "\x00"}])
async def test_an_unfit_settlement_is_a_page_that_says_why(fleet: Fleet, data: dict[str, str]) -> None:
    there = await forms(fleet)
    async with browsing(fleet) as browser:
        answer = await browser.post(there["settle"], data=data)
    assert answer.status_code == 422
    assert Page(answer.text).all("h1")
