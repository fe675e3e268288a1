"""The books over HTTP: anybody of the tenant reads them, and what is taken away can be checked elsewhere (FIN-7)."""

import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from tests.journeys.fleet import SEED, Fleet, Json, open_fleet

from chimera.database.exports import AT_ONCE
from chimera.money.rules import evidence
from chimera.money.rules.evidence import Event
from chimera.values import KeyRole
from chimera.wiring import System

REQUEST = SEED["financial_authorization"]["transaction_request"]
FILES = {"journal.csv": "text/csv", "journal.beancount": "text/plain", "evidence.jsonl": "application/jsonl"}


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    """A fleet that has spent 20 USDC, has 50 pending, and was refused 500."""
    made = await open_fleet(system, None)
    for key, amount, status in (("a", "50 USDC", 200), ("b", "20 USDC", 200), ("c", "500 USDC", 403)):
        body = {**REQUEST, "token_amount": amount, "persona": "TechInfluencer", "category": "ads"}
        answer = await made.post("/v1/transactions/authorize", body, status, headers={"Idempotency-Key": key})
        if key == "b":
            await made.post(f"/v1/authorizations/{answer['budget_verification_hash']}/settle", {}, 200)
    yield made
    await made.client.aclose()


def lines(books: Json, currency: str = "USDC") -> dict[tuple[str, str], str]:
    found = next(each for each in books["statements"] if each["currency"] == currency)
    return {(line["section"], line["name"]): line["closing"] for line in [*found["lines"], found["pending"]]}


async def test_the_statement_has_exact_amounts_as_texts(fleet: Fleet) -> None:
    books = await fleet.get("/v1/books", role=KeyRole.AUDITOR)
    assert lines(books) == {
        ("wallet", "TechInfluencer"): "-20",
        ("expense", "ads"): "20",
        ("pending", "Pending"): "50",
    }
    assert lines(await fleet.get(f"/v1/books?agent_id={fleet.agent_id}")) == lines(books)
    apart = await fleet.get("/v1/books/apart?by=influencer")
    assert [(each["name"], lines(each)) for each in apart] == [("TechInfluencer", lines(books))]
    assert await fleet.get("/v1/books/apart?by=campaign") == []


async def test_a_period_is_taken_from_the_address(fleet: Fleet) -> None:
    books = await fleet.get("/v1/books?from=2020-01-01&to=2020-12-31")
    assert (books["first"], books["last"], books["statements"]) == ("2020-01-01", "2020-12-31", [])


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-02-02&to=2026-02-01",
        "to=9999-12-31",
        "agent_id=x",
        f"agent_id={UUID(int=7)}&campaign_id={UUID(int=7)}",
    ],
)
async def test_books_of_nothing_are_refused(fleet: Fleet, query: str) -> None:
    await fleet.get(f"/v1/books?{query}", 422)


async def test_books_of_nobody_are_a_404(fleet: Fleet) -> None:
    await fleet.get(f"/v1/books?campaign_id={uuid4()}", 404)
    await fleet.get("/v1/books/apart?by=planet", 422)


async def test_a_burn_down_has_points_and_an_outlook(fleet: Fleet) -> None:
    day = next(each for each in await fleet.get("/v1/books/burn-down") if each["limit"]["currency"] == "USDC")
    assert day["name"] == "Whole fleet"
    assert [point["used"] for point in day["points"]] == ["50", "70", "70"]
    assert day["outlook"] in {"holds", "runs_out"}


@pytest.mark.parametrize(("name", "media"), FILES.items())
async def test_a_file_is_streamed_under_its_name(fleet: Fleet, name: str, media: str) -> None:
    answer = await fleet.call("GET", f"/v1/books/{name}", role=KeyRole.AUDITOR)
    assert answer.headers["Content-Type"].startswith(media)
    assert name in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.endswith("\n")


async def test_the_exported_evidence_can_be_recomputed(fleet: Fleet) -> None:
    text = (await fleet.call("GET", "/v1/books/evidence.jsonl")).text
    events = [Event.model_validate_json(line) for line in text.splitlines()]
    assert evidence.check(events) == []
    head = await fleet.get("/v1/books/head")
    assert (head["sequence"], head["hash"]) == (len(events), events[-1].hash)
    assert isinstance(json.loads(text.splitlines()[0])["body"], dict)


async def test_an_export_that_cannot_begin_is_a_problem_and_no_torn_file(fleet: Fleet) -> None:
    held = [fleet.system.books.csv(fleet.tenant_id) for _ in range(AT_ONCE)]
    for each in held:
        await anext(each)
    problem = await fleet.get("/v1/books/journal.csv", 503)
    assert "exports" in problem["detail"]
    for each in held:
        await each.aclose()
    await fleet.call("GET", "/v1/books/journal.csv")


async def test_a_stranger_gets_nothing(fleet: Fleet) -> None:
    for name in FILES:
        assert (await fleet.client.get(f"/v1/books/{name}")).status_code == 401
