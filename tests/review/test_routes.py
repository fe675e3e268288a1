"""Approvals over HTTP: input that is none. The decisions themselves are in tests/journeys/test_reviews.py."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.journeys.fleet import Fleet, Json, open_fleet

from chimera.wiring import System


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("approve", {"note": "x" * 2_001}),
        ("approve", {"content": "x"}),
        ("approve", None),
        ("reject", {"note": 5}),
        ("edit", {}),
        ("edit", {"content": ""}),
        ("edit", {"content": []}),
        ("edit", {"content": ["x"] * 26}),
        ("edit", {"content": ["x", ""]}),
        ("edit", {"content": "x" * 20_001}),
    ],
)
async def test_a_decision_that_is_none_is_refused(fleet: Fleet, verb: str, body: Json) -> None:
    await fleet.post(f"/v1/approvals/{uuid4()}/{verb}", body, 422)


@pytest.mark.parametrize(("verb", "body"), [("approve", {}), ("reject", {"note": "n"}), ("edit", {"content": "x"})])
async def test_a_decision_about_nothing_is_a_404(fleet: Fleet, verb: str, body: Json) -> None:
    await fleet.post(f"/v1/approvals/{uuid4()}/{verb}", body, 404)
    await fleet.post(f"/v1/approvals/not-an-id/{verb}", body, 422)


async def test_approvals_are_listed_by_state(fleet: Fleet) -> None:
    for status in ("waiting", "approved", "rejected", "edited", "stale"):
        assert await fleet.items(f"/v1/approvals?status={status}") == []
    await fleet.get("/v1/approvals?status=lost", 422)
