"""The Judge, judged over HTTP: input that is none, who may do what, and what a verdict comes to."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.journeys.fleet import LIMITLESS, Fleet, Json, open_fleet
from tests.journeys.judged import Judged

from chimera.values import KeyRole
from chimera.wiring import System


@pytest.fixture
async def fleet(system: System, database_url: str) -> AsyncIterator[Fleet]:
    raw = await asyncpg.connect(database_url)
    made = await open_fleet(system, raw)
    await made.put("/v1/policy", {**LIMITLESS, "audit_percent": 100})
    yield made
    await made.client.aclose()
    await raw.close()


def judged(fleet: Fleet) -> Judged:
    assert fleet.raw is not None
    return Judged(fleet.raw, fleet.tenant_id, UUID(fleet.agent_id))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("calibration?days=0", 422),
        ("calibration?days=3651", 422),
        ("calibration?bins=7", 422),
        ("calibration?agent_id=x", 422),
        ("calibration?days=30&bins=10", 200),
        ("audits?status=lost", 422),
        ("audits?limit=501", 422),
        ("audits?before=x", 422),
        ("audits?status=disagreed", 200),
    ],
)
async def test_a_question_that_is_none_is_refused(fleet: Fleet, path: str, status: int) -> None:
    await fleet.get(f"/v1/judge/{path}", status)


@pytest.mark.parametrize("verb", ["agree", "disagree"])
@pytest.mark.parametrize("body", [{"note": "x" * 2_001}, {"content": "x"}, None, {"note": 5}])
async def test_a_verdict_that_is_none_is_refused(fleet: Fleet, verb: str, body: Json) -> None:
    await fleet.post(f"/v1/judge/audits/{uuid4()}/{verb}", body, 422)


@pytest.mark.parametrize("verb", ["agree", "disagree"])
async def test_a_verdict_about_nothing_is_a_404(fleet: Fleet, verb: str) -> None:
    await fleet.post(f"/v1/judge/audits/{uuid4()}/{verb}", {}, 404)
    await fleet.post(f"/v1/judge/audits/not-an-id/{verb}", {}, 422)


@pytest.mark.parametrize("role", [*KeyRole])
async def test_everybody_reads_and_reviewers_decide(fleet: Fleet, role: KeyRole) -> None:
    (audit_id,) = await judged(fleet).approved(1)
    await fleet.system.quality.draw()
    await fleet.get("/v1/judge/calibration", role=role)
    await fleet.get("/v1/judge/audits", role=role)
    allowed = role in (KeyRole.OPERATOR, KeyRole.REVIEWER)
    await fleet.post(f"/v1/judge/audits/{audit_id}/agree", {}, 204 if allowed else 403, role)


async def test_an_audit_is_listed_decided_once_and_counts(fleet: Fleet) -> None:
    right, wrong = await judged(fleet).approved(2, score=0.93)
    await fleet.system.quality.draw()
    listed = await fleet.get("/v1/judge/audits?limit=1")
    assert [row["audit_id"] for row in listed["items"]] == [listed["next"]] == [str(wrong)]
    (older,) = await fleet.items(f"/v1/judge/audits?before={listed['next']}")
    assert (older["audit_id"], older["parts"], older["score"]) == (str(right), ["Look up tonight."], 0.93)

    await fleet.post(f"/v1/judge/audits/{right}/agree", {"note": None}, 204)
    await fleet.post(f"/v1/judge/audits/{wrong}/disagree", {"note": "too loud"}, 204)
    refused = await fleet.post(f"/v1/judge/audits/{wrong}/agree", {}, 409)

    assert refused["decided_by"]
    assert "decided already: disagreed" in refused["detail"]
    (one,) = await fleet.items("/v1/judge/audits?status=disagreed")
    assert (one["note"], one["decided_by"]) == ("too loud", refused["decided_by"])
    (event,) = [row for row in await fleet.items("/v1/audit") if row["action"] == "audit.disagreed"]
    assert (event["subject"], event["body"]["note"]) == (str(wrong), "too loud")
    found = await fleet.get("/v1/judge/calibration?bins=10")
    assert (found["audits"]["part"], found["audits"]["whole"]) == (1, 2)
    assert found["brier"] == pytest.approx((0.07**2 + 0.93**2) / 2)
    assert found["expected_error"] == pytest.approx(0.43)
    assert [each["good"]["whole"] for each in found["bins"]] == [0] * 9 + [2]


async def test_calibration_of_one_influencer_is_told_apart(fleet: Fleet) -> None:
    await judged(fleet).reviewed(3, 0.75, "approved")
    whole = await fleet.get("/v1/judge/calibration")
    own = await fleet.get(f"/v1/judge/calibration?agent_id={fleet.agent_id}&days=1")
    other = await fleet.get(f"/v1/judge/calibration?agent_id={uuid4()}")
    assert [found["good"]["whole"] for found in (whole, own, other)] == [3, 3, 0]
    assert (own["agent_id"], own["days"]) == (fleet.agent_id, 1)
    assert (other["brier"], other["expected_error"], other["good"]["share"]) == (None, None, None)
