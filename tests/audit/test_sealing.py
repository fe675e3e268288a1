"""The sealer: every committed row once, in whatever order transactions commit, whoever dies in the middle (PRV-4)."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.audit.logs import LogKey, audit, exported, tamper, traded

from chimera.audit.service.log import LogService
from chimera.audit.service.sealing import Sealer
from chimera.database.migrations import migrate
from chimera.database.postgres import Access, Database
from chimera.ids import new_id
from chimera_credentials.log import merkle, notes
from chimera_protocol.errors import NotFound

DYING = Path(__file__).with_name("dying.py")
NOTE = (
    "INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)"
    " SELECT gen_random_uuid(), $1, 'me', 'test', n::text, '{}' FROM generate_series(1, $2) AS n"
)


@pytest.fixture
def key() -> LogKey:
    return LogKey()


@pytest.fixture
def store(house: Any) -> LogService:
    return LogService(house.system.swarm, house.system.tenants)


async def unsealed(raw: Any) -> int:
    missing = (
        "SELECT count(*) FROM log_rows() k WHERE NOT EXISTS (SELECT FROM log_leaf l WHERE"
        " (l.tenant_id, l.subject_id, l.kind) = (k.tenant_id, k.subject_id, k.kind))"
    )
    return int(await raw.fetchval(missing))


async def test_all_that_is_committed_is_sealed_once(house: Any, store: LogService, key: LogKey) -> None:
    await traded(house)
    done = await store.seal(key)
    assert (await unsealed(house.raw), done.checkpoints, done.broken) == (0, 1, {})
    assert done.rows == await house.value("SELECT count(*) FROM log_leaf")
    kinds = await house.raw.fetch("SELECT DISTINCT kind FROM log_leaf")
    assert len(kinds) == 7
    assert (await store.seal(key)).rows == 0, "with nothing new there is no new checkpoint"
    await house.raw.execute(NOTE, house.tenant_id, 3)
    assert (await store.seal(key)).rows == 3
    report = await audit(store, house.tenant_id, key.public_key)
    assert (report.findings, report.leaves, report.checkpoints) == ([], done.rows + 3, 2)


async def test_each_tenant_has_a_log_of_its_own(house: Any, store: LogService, key: LogKey, other_tenant: Any) -> None:
    await house.raw.execute(NOTE, house.tenant_id, 300)
    assert (await store.seal(key)).checkpoints == 2
    mine, theirs = [await store.checkpoint(each) for each in (house.tenant_id, other_tenant[0])]
    assert (mine.size > 300 > theirs.size, mine.root == theirs.root) == (True, False)
    lines = "".join(await exported(store, other_tenant[0]))
    assert str(house.tenant_id) not in lines


async def test_rows_that_commit_in_another_order_than_their_ids_are_all_sealed_and_none_is_waited_for(
    house: Any, store: LogService, key: LogKey
) -> None:
    sealer = Sealer(house.system.swarm, key)
    await sealer.seal()
    slow = await asyncpg.connect(house.system.settings.database_url)
    early = new_id()
    insert = "INSERT INTO audit_event VALUES ($1, $2, now(), 'me', '', '', '{}')"
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(insert, early, house.tenant_id)
    for _ in range(3):
        await house.raw.execute(insert, new_id(), house.tenant_id)
        assert (await sealer.seal()).rows == 1, "what is committed does not wait for what is not"
    await transaction.commit()
    await slow.close()
    assert (await sealer.seal()).rows == 1
    place = await house.raw.fetchrow("SELECT idx FROM log_leaf WHERE subject_id = $1", early)
    assert place["idx"] == (await store.checkpoint(house.tenant_id)).size - 1


async def test_writers_that_commit_out_of_order_while_two_sealers_run_lose_no_row(
    house: Any, store: LogService, key: LogKey
) -> None:
    url, writing = house.system.settings.database_url, asyncio.Event()
    sealers = [Sealer(house.system.swarm, key, batch=8) for _ in range(2)]

    async def write(number: int) -> None:
        connection = await asyncpg.connect(url)
        for turn in range(12):
            async with connection.transaction():
                await connection.execute(NOTE, house.tenant_id, 1 + (number + turn) % 3)
                # Held open for as long as it takes others to commit in between: that many statements of its own.
                for _ in range((number * 5 + turn * 3) % 11):
                    await connection.fetchval("SELECT count(*) FROM generate_series(1, 20000)")
        await connection.close()

    async def seal(sealer: Sealer) -> int:
        rows = 0
        while not writing.is_set():
            rows += (await sealer.seal()).rows
        return rows

    sealing = [asyncio.create_task(seal(sealer)) for sealer in sealers]
    await asyncio.gather(*(write(number) for number in range(8)))
    writing.set()
    await asyncio.gather(*sealing)
    await sealers[0].seal()
    assert await unsealed(house.raw) == 0
    report = await audit(store, house.tenant_id, key.public_key)
    assert (report.findings, report.unsealed) == ([], 0)
    assert report.checkpoints > 3


async def test_a_backlog_is_sealed_in_batches_even_when_one_transaction_wrote_it(
    house: Any, store: LogService, key: LogKey
) -> None:
    await house.raw.execute(NOTE, house.tenant_id, 1_000)
    done = await Sealer(house.system.swarm, key, batch=64).seal()
    assert (done.rows >= 1_000, done.checkpoints >= 15) == (True, True)
    assert (await unsealed(house.raw), (await audit(store, house.tenant_id)).findings) == (0, [])


async def test_only_one_seals_at_a_time(house: Any, store: LogService, key: LogKey) -> None:
    async with house.raw.transaction():
        await house.raw.fetchval("SELECT pg_advisory_xact_lock(4867202612)")
        assert (await store.seal(key)).rows == 0
    assert (await store.seal(key)).rows > 0


async def test_a_checkpoint_is_a_signed_note_that_follows_on_the_one_before(
    house: Any, store: LogService, key: LogKey
) -> None:
    with pytest.raises(NotFound):
        await store.checkpoint(house.tenant_id)
    await store.seal(key)
    await house.raw.execute(NOTE, house.tenant_id, 1)
    await store.seal(key)
    newer, older = await store.checkpoints(house.tenant_id)
    said, before = notes.read(newer.note), notes.read(older.note)
    assert (said.size, said.root, said.time) == (newer.size, newer.root, newer.sealed_at)
    assert (said.previous, before.previous) == (before.hash, notes.FIRST)
    assert notes.signed_by(newer.note, [LogKey().public_key, key.public_key]) == key.public_key
    assert [each.size for each in await store.checkpoints(house.tenant_id, below=newer.size)] == [older.size]


async def test_nothing_is_signed_on_top_of_a_log_that_was_changed_and_other_tenants_go_on(
    house: Any, store: LogService, key: LogKey, other_tenant: Any
) -> None:
    await store.seal(key)
    forged = f"UPDATE log_leaf SET leaf_hash = '\\x{'00' * 32}' WHERE idx = 0 AND tenant_id = '{house.tenant_id}'"  # noqa: S608
    await tamper(house.raw, forged)
    sealer = Sealer(house.system.swarm, key, batch=8)
    for tenant_id in (house.tenant_id, other_tenant[0]):
        await house.raw.execute(NOTE, tenant_id, 12)
    done = await sealer.seal()
    assert (done.rows, list(done.broken)) == (12, [house.tenant_id])
    assert "not those of its last checkpoint" in done.broken[house.tenant_id]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM log_leaf WHERE idx = 1", "cannot be recomputed"),
        ("DELETE FROM log_checkpoint", "beyond its last checkpoint"),
        ("UPDATE log_checkpoint SET note = 'nonsense'", "cannot be recomputed"),
    ],
)
async def test_a_log_that_was_cut_is_told_of(
    house: Any, store: LogService, key: LogKey, change: str, told: str
) -> None:
    await store.seal(key)
    await tamper(house.raw, change)
    await house.raw.execute(NOTE, house.tenant_id, 1)
    assert told in (await store.seal(key)).broken[house.tenant_id]


async def test_a_database_restored_into_another_server_goes_on_where_it_was(
    house: Any, store: LogService, key: LogKey
) -> None:
    """Its rows and its watermark have the numbers of another server's transactions."""
    await house.raw.execute(NOTE, house.tenant_id, 20)
    await store.seal(key)
    await house.raw.execute(NOTE, house.tenant_id, 20)
    await tamper(
        house.raw,
        "UPDATE audit_event SET xact = (xact::text::bigint + 1000000)::text::xid8",
        "UPDATE log_watermark SET sealed_before = (sealed_before::text::bigint + 1000000)::text::xid8",
    )
    await house.raw.execute(NOTE, house.tenant_id, 5)
    assert (await Sealer(house.system.swarm, key, batch=8).seal()).rows == 25
    assert (await unsealed(house.raw), (await audit(store, house.tenant_id)).findings) == (0, [])


@pytest.mark.parametrize("turn", [1, 3])
async def test_a_sealer_killed_in_the_middle_leaves_a_log_that_holds(
    house: Any, store: LogService, key: LogKey, turn: int
) -> None:
    await house.raw.execute(NOTE, house.tenant_id, 100)
    arguments = [sys.executable, str(DYING), house.system.settings.database_url, str(turn)]
    died = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr
    left = await house.value("SELECT count(*) FROM log_leaf")
    # A money head, and all rows of the batches before: the second begins with the last row of the first.
    assert left == {1: 0, 3: 1 + 16 + 15}[turn]
    # The server ends the dead one's transaction, and with it its lock, once it sees the connection gone.
    async with house.raw.transaction():
        await house.raw.fetchval("SELECT pg_advisory_xact_lock(4867202612)")
    await store.seal(key)
    report = await audit(store, house.tenant_id)
    assert (await unsealed(house.raw), report.findings) == (0, [])


async def test_a_log_keeps_its_name_when_logs_are_called_otherwise_later(house: Any, key: LogKey) -> None:
    for origin in ("chimera", "logs.example.com/chimera"):
        store = LogService(house.system.swarm, house.system.tenants, origin)
        await house.raw.execute(NOTE, house.tenant_id, 1)
        await store.seal(key)
        said = notes.read((await store.checkpoint(house.tenant_id)).note)
        assert said.origin == f"chimera/{house.tenant_id}"
    assert (await audit(store, house.tenant_id, key.public_key)).findings == []


async def test_a_key_that_takes_over_is_named_in_the_export(house: Any, store: LogService, key: LogKey) -> None:
    await store.seal(key)
    newer = LogKey()
    await house.raw.execute(NOTE, house.tenant_id, 1)
    await store.seal(newer)
    both = await audit(store, house.tenant_id, key.public_key, newer.public_key)
    assert (both.findings, set(both.signed_by)) == ([], {key.public_key, newer.public_key})
    one = await audit(store, house.tenant_id, newer.public_key)
    assert [each.what for each in one.findings] == ["it is not signed with a trusted key"]


async def test_every_column_of_what_is_sealed_is_part_of_its_leaf(house: Any) -> None:
    """A column that is added later needs a kind of its own: see log_rows() in the schema."""
    gained = {"provenance": {"published_at", "on_chain_verification"}}
    await traded(house)
    for row in await house.raw.fetch("SELECT DISTINCT ON (kind) kind, content FROM log_rows()"):
        found = await house.raw.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1",
            row["kind"],
        )
        columns = {each["column_name"] for each in found} - {"xact"} - gained.get(row["kind"], set())
        sealed = set(await house.raw.fetchval("SELECT array_agg(k) FROM jsonb_object_keys($1) AS k", row["content"]))
        assert sealed - {"postings"} == columns, row["kind"]


async def test_rows_from_before_the_log_are_sealed_too(
    database_url: str, house: Any, store: LogService, key: LogKey
) -> None:
    await house.raw.execute(NOTE, house.tenant_id, 10)
    await tamper(house.raw, "UPDATE audit_event SET xact = '0'")
    await migrate(database_url)
    assert (await store.seal(key)).rows >= 10
    assert await unsealed(house.raw) == 0


async def test_the_tenants_role_reads_its_log_and_cannot_write_it(house: Any, store: LogService, key: LogKey) -> None:
    await store.seal(key)
    async with house.system.tenants.transaction(house.tenant_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM log_leaf") > 0
    for statement in (
        "INSERT INTO log_leaf SELECT tenant_id, idx + 1000, kind, gen_random_uuid(), leaf_hash, marks FROM log_leaf",
        "UPDATE log_checkpoint SET size = size + 1",
        "UPDATE log_watermark SET sealed_before = '0'",
        "DELETE FROM log_node",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.IntegrityConstraintViolationError)):
            async with house.system.tenants.transaction(house.tenant_id) as connection:
                await connection.execute(statement)
    for table in ("log_leaf", "log_checkpoint"):
        for statement in (
            f"UPDATE {table} SET tenant_id = tenant_id",  # noqa: S608
            f"DELETE FROM {table}",  # noqa: S608
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
                await house.raw.execute(statement)


def test_a_batch_that_could_not_go_on_is_refused(key: LogKey) -> None:
    with pytest.raises(ValueError, match="8 rows or more"):
        Sealer(Database("postgresql://nowhere/x", Access.SWARM), key, batch=7)


def test_the_pieces_of_a_log_are_few() -> None:
    assert len(merkle.edge(1_000_000)) <= 3 * 255
