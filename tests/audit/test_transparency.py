"""The log over real rows: proofs, anchors, and every way to tamper with history as a superuser (PRV-2, PRV-4)."""

from typing import Any
from uuid import UUID

import pytest
from tests.audit.logs import LogKey, audit, exported, tamper, traded

from chimera.audit.service.log import LogService
from chimera.database.exports import AT_ONCE
from chimera.errors import Conflict, Unavailable
from chimera.ids import new_id
from chimera.provenance.rules.export import verify_export
from chimera_credentials.log import merkle, notes
from chimera_protocol.errors import Invalid, NotFound

NOTE = (
    "INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)"
    " SELECT gen_random_uuid(), $1, 'me', 'test', n::text, '{}' FROM generate_series(1, $2) AS n"
)
CHAIN = {"chain_id": 1_337, "tx_hash": "0xabc", "block": 12}


@pytest.fixture
def key() -> LogKey:
    return LogKey()


@pytest.fixture
async def sealed(house: Any, key: LogKey) -> Any:
    """A house in which something of everything has happened and is sealed."""
    house.log = LogService(house.system.swarm, house.system.tenants, "example.com/log")
    await traded(house)
    await house.log.seal(key)
    await house.authorise("7 USDC", "later")
    await house.log.seal(key)
    assert (await audit(house.log, house.tenant_id, key.public_key)).findings == []
    return house


async def anchor(house: Any, **changes: Any) -> int:
    batch = await house.log.due_anchor()
    return int(await house.log.anchored(batch, bytes.fromhex(batch.root), **{**CHAIN, **changes}))


FIRST = "ORDER BY 1 LIMIT 1"
CHANGED = [
    ("audit_event", "event_id", "actor = 'eve'", "actor"),
    ("audit_event", "event_id", "body = body || '{\"x\": 1}'", "body"),
    ("audit_event", "event_id", "at = at - interval '1 day'", "at"),
    ("asset", "asset_id", "parts = ARRAY['Something else.']", "parts"),
    ("asset", "asset_id", "model_version = 'another'", "model_version"),
    ("asset", "asset_id", "seed_values = '{}', sketch = '{1}'", "seed_values, sketch"),
    ("generation_log", "log_id", "worker_output_prompt = 'another'", "worker_output_prompt"),
    ("generation_log", "log_id", "judge_validation_score = 0.951", "judge_validation_score"),
    ("provenance", "provenance_id", "cryptographic_signature = 'x'", "cryptographic_signature"),
    ("provenance", "provenance_id", "statement = '{}'", "statement"),
    ("provenance", "provenance_id", "content_hash = repeat('0', 64)", "content_hash"),
    ("publication", "publication_id", "url = 'https://elsewhere.example'", "url"),
    ("transaction_ledger", "transaction_id", "amount = amount + 0.000000000000000001", "amount"),
    ("transaction_ledger", "transaction_id", "cfo_judge_verification = 'x'", "cfo_judge_verification"),
    ("transaction_ledger", "transaction_id", "compute_tokens_used = compute_tokens_used + 1", "compute_tokens_used"),
]


@pytest.mark.parametrize(("table", "id", "change", "columns"), CHANGED)
async def test_a_changed_row_is_named_with_its_columns(
    sealed: Any, key: LogKey, table: str, id: str, change: str, columns: str
) -> None:
    which = await sealed.value(f"SELECT {id} FROM {table} {FIRST}")  # noqa: S608
    await tamper(sealed.raw, f"UPDATE {table} SET {change} WHERE {id} = '{which}'")  # noqa: S608
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (findings[0].table, findings[0].id) == (table, str(which))
    assert findings[0].what.startswith(f"{columns} differs from what was sealed as leaf")


@pytest.mark.parametrize("table", sorted({table for table, *_ in CHANGED}))
async def test_a_deleted_row_is_named(sealed: Any, key: LogKey, table: str) -> None:
    id = next(id for name, id, *_ in CHANGED if name == table)
    which = await sealed.value(f"SELECT {id} FROM {table} {FIRST}")  # noqa: S608
    await tamper(sealed.raw, f"DELETE FROM {table} WHERE {id} = '{which}'")  # noqa: S608
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (findings[0].table, findings[0].id) == (table, str(which))
    assert "it is missing: it was sealed as leaf" in findings[0].what


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_posting SET amount = amount + 1 WHERE (transaction_id, account) IN"
        " (SELECT transaction_id, account FROM ledger_posting ORDER BY 1 LIMIT 1)",
        "DELETE FROM ledger_posting WHERE transaction_id IN"
        " (SELECT transaction_id FROM ledger_posting ORDER BY 1 LIMIT 1)",
        "INSERT INTO ledger_posting"
        " SELECT transaction_id, 'secret', 5, tenant_id FROM ledger_posting ORDER BY 1 LIMIT 1",
    ],
)
async def test_postings_that_were_changed_are_named_by_their_transaction(sealed: Any, key: LogKey, change: str) -> None:
    which = await sealed.value("SELECT transaction_id FROM ledger_posting ORDER BY 1 LIMIT 1")
    await tamper(sealed.raw, change)
    (finding,) = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (finding.table, finding.id) == ("ledger_posting", str(which))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE money_event SET body = replace(body, 'USDC', 'ETH') WHERE sequence = 2", "does not fit what it says"),
        ("UPDATE money_event SET body = 'nonsense' WHERE sequence = 2", "cannot be read"),
        ("UPDATE money_event SET hash = repeat('0', 64) WHERE sequence = 2", "does not fit what it says"),
    ],
)
async def test_money_events_that_were_changed_are_named(sealed: Any, key: LogKey, change: str, told: str) -> None:
    await tamper(sealed.raw, change)
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert any((each.table, each.id) == ("money_event", "2") and told in each.what for each in findings)


async def test_money_events_that_were_deleted_are_named_even_the_last_ones(sealed: Any, key: LogKey) -> None:
    last = await sealed.value("SELECT max(sequence) FROM money_event")
    gone = f"DELETE FROM money_event WHERE sequence = {last}"  # noqa: S608
    await tamper(sealed.raw, gone, "UPDATE treasury SET sequence = 1")
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (findings[0].table, findings[0].id) == ("money_event", str(last))


async def test_what_a_proof_gained_afterwards_is_held_against_what_is_sealed(sealed: Any, key: LogKey) -> None:
    which = await sealed.value("SELECT provenance_id FROM provenance WHERE published_at IS NOT NULL")
    for change, told in (
        ("published_at = published_at + interval '1 second'", "published"),
        ("published_at = NULL", "published"),
        ("on_chain_verification = true", "no anchor covers it"),
    ):
        before = await sealed.raw.fetchrow(
            "SELECT published_at, on_chain_verification FROM provenance WHERE provenance_id = $1", which
        )
        await tamper(sealed.raw, f"UPDATE provenance SET {change} WHERE provenance_id = '{which}'")  # noqa: S608
        (finding,) = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
        assert (told in finding.what, str(which) in str(finding)) == (True, True)
        async with sealed.raw.transaction():
            await sealed.raw.execute("SET LOCAL session_replication_role = replica")
            await sealed.raw.execute(
                "UPDATE provenance SET published_at = $2, on_chain_verification = $3 WHERE provenance_id = $1",
                which,
                *before,
            )


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("DELETE FROM log_leaf WHERE idx = 3", "leaf"),
        (
            "DELETE FROM log_checkpoint WHERE size = (SELECT min(size) FROM log_checkpoint)",
            "checkpoint",
        ),
        ("UPDATE log_leaf SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE idx = 3", "checkpoint"),
        (
            "UPDATE log_leaf SET kind = 'asset' WHERE idx = (SELECT min(idx) FROM log_leaf WHERE kind = 'audit_event')",
            "asset",
        ),
        ("UPDATE log_checkpoint SET note = replace(note, 'time 2', 'time 1')", "checkpoint"),
    ],
)
async def test_a_log_that_was_changed_itself_is_found(sealed: Any, key: LogKey, change: str, table: str) -> None:
    await tamper(sealed.raw, change)
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert table in {each.table for each in findings}


async def test_a_row_that_was_slipped_in_behind_the_log_is_named(sealed: Any, key: LogKey) -> None:
    slipped = new_id()
    said = f"'{slipped}', '{sealed.tenant_id}', now() - interval '1 day', 'eve', 'x', 'x', '{{}}', '0'"
    insert = f"INSERT INTO audit_event VALUES ({said})"  # noqa: S608
    await tamper(sealed.raw, insert)
    await sealed.log.seal(key)
    (finding,) = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (finding.id, "behind the log's back" in finding.what) == (str(slipped), True)


async def test_a_row_with_a_false_time_is_sealed_and_named(sealed: Any, key: LogKey) -> None:
    added = new_id()
    insert = "INSERT INTO audit_event VALUES ($1, $2, now() - interval '1 day', 'eve', 'x', 'x', '{}')"
    await sealed.raw.execute(insert, added, sealed.tenant_id)
    await sealed.log.seal(key)
    (finding,) = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (finding.id, "later than it says" in finding.what) == (str(added), True)


async def test_a_row_given_to_another_tenant_is_missed_here_and_found_there(
    sealed: Any, key: LogKey, other_tenant: Any
) -> None:
    await sealed.log.seal(key)
    which = await sealed.value(
        "SELECT event_id FROM audit_event WHERE tenant_id = $1 ORDER BY 1 LIMIT 1", sealed.tenant_id
    )
    given = f"UPDATE audit_event SET tenant_id = '{other_tenant[0]}' WHERE event_id = '{which}'"  # noqa: S608
    await tamper(sealed.raw, given)
    findings = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert [(each.table, each.id) for each in findings] == [("audit_event", str(which))]
    assert (await audit(sealed.log, other_tenant[0], key.public_key)).unsealed == 1


async def test_every_sealed_row_has_a_proof_that_others_can_verify(sealed: Any) -> None:
    newest = await sealed.log.checkpoint(sealed.tenant_id)
    for row in await sealed.raw.fetch(
        "SELECT kind, subject_id, idx FROM log_leaf WHERE tenant_id = $1", sealed.tenant_id
    ):
        view = await sealed.log.inclusion(sealed.tenant_id, row["kind"], row["subject_id"])
        proof = [bytes.fromhex(each) for each in view.proof]
        root = bytes.fromhex(notes.read(view.checkpoint.note).root)
        assert merkle.verify_inclusion(bytes.fromhex(view.leaf_hash), row["idx"], newest.size, proof, root)


async def test_every_state_of_the_log_is_a_beginning_of_the_newest(sealed: Any) -> None:
    newest = await sealed.log.checkpoint(sealed.tenant_id)
    for older in await sealed.log.checkpoints(sealed.tenant_id):
        view = await sealed.log.consistency(sealed.tenant_id, older.size)
        assert view.old_root == older.root
        roots = bytes.fromhex(older.root), bytes.fromhex(newest.root)
        assert merkle.verify_consistency(older.size, newest.size, *roots, [bytes.fromhex(each) for each in view.proof])


async def test_what_is_not_in_the_log_has_no_proof(sealed: Any, other_tenant: Any) -> None:
    row = await sealed.raw.fetchrow(
        "SELECT subject_id, kind FROM log_leaf WHERE tenant_id = $1 LIMIT 1", sealed.tenant_id
    )
    with pytest.raises(NotFound):
        await sealed.log.inclusion(sealed.tenant_id, row["kind"], new_id())
    with pytest.raises(NotFound):
        await sealed.log.inclusion(other_tenant[0], row["kind"], row["subject_id"])
    with pytest.raises(Invalid, match="api_key"):
        await sealed.log.inclusion(sealed.tenant_id, "api_key", row["subject_id"])
    for size in (0, 10_000):
        with pytest.raises(Invalid):
            await sealed.log.consistency(sealed.tenant_id, size)
    await tamper(sealed.raw, "DELETE FROM log_leaf WHERE idx = 5")
    with pytest.raises(Conflict, match="missing"):
        await sealed.log.inclusion(sealed.tenant_id, row["kind"], row["subject_id"])


async def test_pieces_are_on_the_chain_once_the_anchor_was_read_back(
    sealed: Any, key: LogKey, other_tenant: Any
) -> None:
    await sealed.log.seal(key)
    flagged = "SELECT count(*) FROM provenance WHERE on_chain_verification"
    batch = await sealed.log.due_anchor()
    assert batch is not None
    assert {each.tenant_id for each in batch.checkpoints} == {sealed.tenant_id, other_tenant[0]}
    with pytest.raises(Conflict, match="something else"):
        await sealed.log.anchored(batch, bytes(32), **CHAIN)
    assert await sealed.value(flagged) == 0
    marked = await sealed.log.anchored(batch, bytes.fromhex(batch.root), **CHAIN)
    assert marked == await sealed.value("SELECT count(*) FROM provenance") == await sealed.value(flagged)
    assert await sealed.log.due_anchor() is None
    for tenant_id in (sealed.tenant_id, other_tenant[0]):
        report = await audit(sealed.log, tenant_id, key.public_key)
        assert (report.findings, report.anchors) == ([], 1)
    (anchor,) = (await sealed.log.checkpoint(sealed.tenant_id)).anchors
    assert (anchor.chain_id, anchor.tx_hash, anchor.block, anchor.batch_root) == (1_337, "0xabc", 12, batch.root)


async def test_a_later_anchor_covers_what_came_since_and_nothing_that_came_after(sealed: Any, key: LogKey) -> None:
    assert await anchor(sealed) == 2
    made = await sealed.running(name="another")
    await sealed.approved(made["a"], "Mars is near.")
    batch = await sealed.log.due_anchor()
    assert batch is None, "it is not sealed yet"
    await sealed.log.seal(key)
    batch = await sealed.log.due_anchor()
    made = await sealed.running(name="third")
    await sealed.approved(made["a"], "Venus is hot.")
    await sealed.log.seal(key)
    assert await sealed.log.anchored(batch, bytes.fromhex(batch.root), **{**CHAIN, "tx_hash": "0xdef"}) == 1
    assert await sealed.log.anchored(batch, bytes.fromhex(batch.root), **{**CHAIN, "tx_hash": "0xdef"}) == 0
    assert (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings == []
    assert await anchor(sealed, tx_hash="0x123") == 1


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM log_anchor",
        "UPDATE log_anchor SET batch_root = decode(repeat('00', 32), 'hex')",
        "UPDATE provenance SET on_chain_verification = false",
    ],
)
async def test_an_anchor_that_was_tampered_with_is_found(sealed: Any, key: LogKey, change: str) -> None:
    await anchor(sealed)
    await tamper(sealed.raw, change)
    assert not (await audit(sealed.log, sealed.tenant_id, key.public_key)).holds


async def test_what_anybody_may_write_into_an_event_is_sealed_and_exported_whole(sealed: Any, key: LogKey) -> None:
    body = '{"n": 123456789012345678901234567890, "f": 1e400, "$ref": "x", "text": "a\\u2028b\\"\\n😀", "deep": [[{}]]}'
    insert = "INSERT INTO audit_event VALUES ($1, $2, now(), E'a\\nb', 'x', 'x', $3)"
    which = new_id()
    await sealed.raw.execute(insert, which, sealed.tenant_id, body)
    await sealed.log.seal(key)
    assert (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings == []
    more = "body = jsonb_set(body, '{n}', '123456789012345678901234567891')"
    await tamper(sealed.raw, f"UPDATE audit_event SET {more} WHERE event_id = '{which}'")  # noqa: S608
    (finding,) = (await audit(sealed.log, sealed.tenant_id, key.public_key)).findings
    assert (finding.id, finding.what.split()[0]) == (str(which), "body")


async def test_an_export_shows_one_moment_and_many_at_once_are_refused(sealed: Any, key: LogKey) -> None:
    reading = sealed.log.export(sealed.tenant_id)
    lines = [await anext(reading)]
    await sealed.raw.execute(NOTE, sealed.tenant_id, 700)
    await sealed.log.seal(key)
    lines += [line async for line in reading]
    assert verify_export(lines, [key.public_key]).findings == []
    assert len(await exported(sealed.log, sealed.tenant_id)) > len(lines) + 700
    held = [sealed.log.export(sealed.tenant_id) for _ in range(AT_ONCE)]
    for each in held:
        await anext(each)
    with pytest.raises(Unavailable, match="exports"):
        await anext(sealed.log.export(sealed.tenant_id))
    for each in held:
        await each.aclose()


async def test_a_large_log_is_exported_and_proven_over_its_stored_blocks(sealed: Any, key: LogKey) -> None:
    await sealed.raw.execute(NOTE, sealed.tenant_id, 1_500)
    await sealed.log.seal(key)
    assert await sealed.value("SELECT count(*) FROM log_node") >= 5
    newest = await sealed.log.checkpoint(sealed.tenant_id)
    for index in (0, 255, 256, 1_000, newest.size - 1):
        row = await sealed.raw.fetchrow("SELECT kind, subject_id FROM log_leaf WHERE idx = $1", index)
        view = await sealed.log.inclusion(sealed.tenant_id, row["kind"], row["subject_id"])
        proof = [bytes.fromhex(each) for each in view.proof]
        assert merkle.verify_inclusion(
            bytes.fromhex(view.leaf_hash), index, newest.size, proof, bytes.fromhex(newest.root)
        )
    assert (await audit(sealed.log, sealed.tenant_id, key.public_key)).leaves == newest.size


async def test_a_log_that_was_never_sealed_is_exported_too(house: Any) -> None:
    log = LogService(house.system.swarm, house.system.tenants)
    report = await audit(log, house.tenant_id)
    assert (report.leaves, report.unsealed > 0, report.findings) == (0, True, [])
    assert (await log.due_anchor(), await log.checkpoints(house.tenant_id)) == (None, [])
    assert (await audit(log, UUID(int=1))).findings == []
