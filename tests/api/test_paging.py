"""Bounds and marks that all lists share."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.journeys.fleet import Fleet, open_fleet

from chimera.wiring import System

PAGED = ["tasks", "influencers", "campaigns", "approvals", "transactions", "spends", "assets", "publications", "audit"]
PAGED += ["limit-changes", "flags"]


@pytest.fixture
async def fleet(system: System) -> AsyncIterator[Fleet]:
    made = await open_fleet(system, None)
    yield made
    await made.client.aclose()


@pytest.mark.parametrize("name", PAGED)
async def test_a_list_takes_a_limit_and_a_mark_and_nothing_else_in_their_place(fleet: Fleet, name: str) -> None:
    for limit in (1, 500):
        page = await fleet.get(f"/v1/{name}?limit={limit}")
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= limit
    assert (await fleet.get(f"/v1/{name}?before=00000000-0000-0000-0000-000000000000"))["items"] == []
    await fleet.get(f"/v1/{name}?before={uuid4()}")
    for query in ("limit=0", "limit=501", "limit=x", "before=x", "before=%00"):
        await fleet.get(f"/v1/{name}?{query}", 422)
