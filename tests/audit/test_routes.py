"""The log over HTTP: anybody of the tenant takes it away, and what is taken away can be checked elsewhere (PRV-4)."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from log.test_notes import Key
from tests.journeys.fleet import Fleet, dispatch, open_fleet

from chimera.database.exports import AT_ONCE
from chimera.provenance.rules.export import verify_export
from chimera.values import KeyRole
from chimera.wiring import System
from chimera_credentials.log import merkle, notes


@pytest.fixture
def key() -> Key:
    return Key()


@pytest.fixture
async def fleet(system: System, key: Key) -> AsyncIterator[Fleet]:
    """A fleet whose beginnings are sealed, in two checkpoints."""
    made = await open_fleet(system, None)
    await system.transparency.seal(key)
    await made.post("/v1/tasks", dispatch("a-task"))
    await system.transparency.seal(key)
    yield made
    await made.client.aclose()


async def test_the_newest_checkpoint_is_a_note_for_anybody_who_knows_the_key(fleet: Fleet, key: Key) -> None:
    newest = await fleet.get("/v1/log/checkpoint", role=KeyRole.AUDITOR)
    assert notes.signed_by(newest["note"], [key.public_key]) == newest["public_key"]
    assert notes.read(newest["note"]).size == newest["size"]
    listed = await fleet.get("/v1/log/checkpoints")
    assert listed[0]["size"] == newest["size"]
    older = await fleet.get(f"/v1/log/checkpoint?size={newest['size'] - 1}")
    assert older == listed[1] == (await fleet.get(f"/v1/log/checkpoints?limit=1&below={newest['size']}"))[0]
    await fleet.get("/v1/log/checkpoint?size=0", 422)


async def test_the_proofs_hold(fleet: Fleet) -> None:
    newest, older = await fleet.get("/v1/log/checkpoints")
    grown = await fleet.get(f"/v1/log/consistency?from={older['size']}")
    roots = bytes.fromhex(older["root"]), bytes.fromhex(newest["root"])
    proof = [bytes.fromhex(each) for each in grown["proof"]]
    assert merkle.verify_consistency(older["size"], newest["size"], *roots, proof)
    (event, *_) = await fleet.items("/v1/audit")
    shown = await fleet.get(f"/v1/log/inclusion?kind=audit_event&id={event['event_id']}")
    path = [bytes.fromhex(each) for each in shown["proof"]]
    leaf = bytes.fromhex(shown["leaf_hash"])
    assert merkle.verify_inclusion(leaf, shown["index"], newest["size"], path, roots[1])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"inclusion?kind=audit_event&id={UUID(int=7)}", 404),
        (f"inclusion?kind=api_key&id={UUID(int=7)}", 422),
        ("inclusion?kind=audit_event&id=x", 422),
        ("consistency?from=0", 422),
        ("consistency?from=1000000", 422),
        ("checkpoint?size=99999999999999999999", 422),
    ],
)
async def test_what_is_not_in_the_log_has_no_proof(fleet: Fleet, path: str, status: int) -> None:
    await fleet.get(f"/v1/log/{path}", status)


async def test_the_export_is_streamed_and_can_be_recomputed(fleet: Fleet, key: Key) -> None:
    answer = await fleet.call("GET", "/v1/audit/export", role=KeyRole.AUDITOR)
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    assert "audit.jsonl" in answer.headers["Content-Disposition"]
    report = verify_export(answer.text.splitlines(), [key.public_key])
    assert (report.findings, report.tenant_id, report.checkpoints) == ([], fleet.tenant_id, 2)


async def test_an_export_that_cannot_begin_is_a_problem_and_no_torn_file(fleet: Fleet) -> None:
    held = [fleet.system.transparency.export(fleet.tenant_id) for _ in range(AT_ONCE)]
    for each in held:
        await anext(each)
    problem = await fleet.get("/v1/audit/export", 503)
    assert "exports" in problem["detail"]
    for each in held:
        await each.aclose()
    await fleet.call("GET", "/v1/audit/export")


async def test_a_stranger_gets_nothing(fleet: Fleet) -> None:
    for path in ("log/checkpoint", "log/checkpoints", "log/consistency?from=1", "audit/export"):
        assert (await fleet.client.get(f"/v1/{path}")).status_code == 401
