"""The audit trail is written with what it tells, or not at all (PRV-4)."""

import json
from typing import Any

import pytest

from chimera.audit.service import trail as audit
from chimera_protocol.errors import Invalid


async def events(house: Any) -> list[tuple[str, str, str, Any]]:
    query = "SELECT actor, action, subject, body FROM audit_event WHERE subject LIKE 'subject%' ORDER BY event_id"
    rows = await house.raw.fetch(query)
    return [(row["actor"], row["action"], row["subject"], json.loads(row["body"])) for row in rows]


async def note(house: Any, subject: str = "subject", **body: Any) -> None:
    async with house.system.swarm.transaction() as connection:
        await audit.note(
            connection, house.tenant_id, actor="operator:me", action="door.opened", subject=subject, body=body
        )


async def test_an_event_says_who_did_what_to_whom(house: Any) -> None:
    await note(house, doors=[1, 2], why={"text": 'it\'s "warm" – ünïcode 🚀'})
    said = {"doors": [1, 2], "why": {"text": 'it\'s "warm" – ünïcode 🚀'}}
    assert await events(house) == [("operator:me", "door.opened", "subject", said)]
    assert await house.value("SELECT abs(extract(epoch FROM now() - at)) < 60 FROM audit_event LIMIT 1")


async def test_events_are_read_in_the_order_in_which_they_were_written(house: Any) -> None:
    for number in range(20):
        await note(house, f"subject {number}")
    assert [subject for _, _, subject, _ in await events(house)] == [f"subject {number}" for number in range(20)]


async def test_what_is_rolled_back_is_not_told_either(house: Any) -> None:
    with pytest.raises(Invalid):
        async with house.system.swarm.transaction() as connection:
            await audit.note(connection, house.tenant_id, actor="me", action="a", subject="subject", body={})
            raise Invalid("changed my mind")
    assert await events(house) == []


async def test_a_tenant_cannot_write_into_the_trail_of_another(house: Any, other_tenant: Any) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with house.system.tenants.transaction(other_tenant[0]) as connection:
            await audit.note(connection, house.tenant_id, actor="eve", action="a", subject="subject", body={})
    assert await events(house) == []
