"""The Judge from the command line, against the real API on a real port."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from tests.cli.test_remote import chimera
from tests.journeys.fleet import soul
from tests.journeys.judged import Judged

from chimera.personas.types.policy import Policy
from chimera.wiring import System


@pytest.fixture
async def past(served: System, database_url: str) -> AsyncIterator[Judged]:
    """An influencer of the served tenant, all of whose pieces are drawn for a second look."""
    tenant_id = await served.accounts.open_tenant(served.settings.tenant)
    await served.accounts.set_policy(tenant_id, Policy(audit_percent=100), "operator:me")
    influencer = await served.accounts.import_persona(tenant_id, soul("ada"), "operator:me")
    raw = await asyncpg.connect(database_url)
    yield Judged(raw, tenant_id, influencer.agent_id)
    await raw.close()


async def test_calibration_is_a_table_with_its_figures(served: System, past: Judged) -> None:
    await past.reviewed(8, 0.75, "approved")
    await past.reviewed(2, 0.75, "rejected")
    told = await chimera("judge")
    assert told.exit_code == 0, told.output
    for words in ("0.75 to 0.80", "8 = 80 %", "49 % to 94 %", "found good by humans 8 of 10 (80 %)", "error 0.050"):
        assert words in told.output, words
    found = json.loads((await chimera("judge", "--days", "7", "--json")).output)
    assert (found["days"], found["good"]["whole"]) == (7, 10)
    other = await chimera("judge", "--agent", str(UUID(int=1)))
    assert "nothing known yet" in other.output


async def test_audits_are_listed_and_decided(served: System, past: Judged) -> None:
    one, two = map(str, await past.approved(2))
    await served.quality.draw()
    assert one in (await chimera("judge", "audits")).output
    assert (await chimera("judge", "agree", one)).exit_code == 0
    assert (await chimera("judge", "disagree", two, "--note", "too loud")).exit_code == 0
    again = await chimera("judge", "agree", two)
    assert (again.exit_code, "decided already: disagreed" in again.output) == (1, True)
    assert "too loud" in (await chimera("judge", "audits", "--status", "disagreed")).output
    assert json.loads((await chimera("judge", "audits", "--json")).output)["items"] == []
