"""The transparency log to read: checkpoints, proofs, exports; and its anchors on a chain (PRV-2, PRV-4)."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.audit.rules import anchoring
from chimera.audit.rules.anchoring import Due
from chimera.audit.service.sealing import Sealer
from chimera.audit.store import log as store
from chimera.audit.store.sealing import pieces
from chimera.audit.types import (
    KINDS,
    MONEY_HEAD,
    AnchorBatch,
    CheckpointView,
    ConsistencyView,
    InclusionView,
    Sealed,
)
from chimera.database.exports import Exports
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera_credentials.log import merkle
from chimera_credentials.log.notes import NoteSigner
from chimera_protocol.errors import Invalid, NotFound

if TYPE_CHECKING:
    from asyncpg import Record


CHECKPOINTS: TypeAdapter[list[CheckpointView]] = TypeAdapter(list[CheckpointView])

_STEP = 500
_NEWEST = 1


class LogService:
    """One log for each tenant. Reading happens under that tenant; sealing and anchoring in the swarm's role."""

    def __init__(self, swarm: Database, tenants: Database, origin: str = "chimera") -> None:
        self._swarm = swarm
        self._tenants = tenants
        self._origin = origin
        self._exports = Exports(tenants)

    async def seal(self, signer: NoteSigner) -> Sealed:
        """Seal what is committed and not sealed yet, once; a process that goes on sealing keeps a `Sealer`."""
        return await Sealer(self._swarm, signer, self._origin).seal()

    async def checkpoint(self, tenant_id: UUID, size: int | None = None) -> CheckpointView:
        """The newest checkpoint, or the newest of at most so many leaves. NotFound before the first seal."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await _checkpoint(connection, tenant_id, size)

    async def checkpoints(self, tenant_id: UUID, limit: int = 50, below: int | None = None) -> list[CheckpointView]:
        """Checkpoints with fewer leaves than `below`, the newest first."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await _checkpoints(connection, tenant_id, None if below is None else below - 1, limit)

    async def inclusion(self, tenant_id: UUID, kind: str, subject_id: UUID) -> InclusionView:
        """The proof that a row is in the log of the newest checkpoint.

        NotFound when it is not sealed, Invalid for a kind that never is.
        """
        if kind not in KINDS:
            raise Invalid(f"nothing of the kind {kind[:64]!r} is sealed", remedy=f"Known: {', '.join(KINDS)}.")
        async with self._tenants.transaction(tenant_id) as connection:
            place = await store.place(connection, tenant_id, kind, subject_id)
            if place is None:
                raise NotFound(f"{kind} {subject_id} is not in the log", remedy="What is new is sealed within seconds.")
            newest = await _checkpoint(connection, tenant_id)
            proof = await _hashes(connection, tenant_id, merkle.inclusion(place["idx"], newest.size))
        return InclusionView(
            kind=kind,
            id=subject_id,
            index=place["idx"],
            leaf_hash=place["leaf_hash"].hex(),
            proof=proof,
            checkpoint=newest,
        )

    async def consistency(self, tenant_id: UUID, old_size: int) -> ConsistencyView:
        """The proof that the log only grew since it had so many leaves. Invalid for a size that it never had."""
        async with self._tenants.transaction(tenant_id) as connection:
            newest = await _checkpoint(connection, tenant_id)
            if not 0 < old_size <= newest.size:
                raise Invalid(f"the log has {newest.size} leaves, and never had {old_size}")
            proof = await _hashes(connection, tenant_id, merkle.consistency(old_size, newest.size))
            known = (await pieces(connection, {tenant_id: merkle.edge(old_size)})).get(tenant_id, {})
        old_root = merkle.Frontier.restore(old_size, known).root().hex()
        return ConsistencyView(old_size=old_size, old_root=old_root, proof=proof, checkpoint=newest)

    async def export(self, tenant_id: UUID) -> AsyncGenerator[str, None]:
        """The whole log, a line of JSON for each thing, with what the database says now of every row that was sealed.

        It shows one moment, however long it is read; `provenance.rules.export.verify_export` checks it.
        """
        async with self._exports.snapshot(tenant_id) as connection:
            outline = await store.outline(connection, tenant_id)
            head = {
                "type": "log",
                "version": 1,
                "tenant_id": str(tenant_id),
                "origin": outline["origin"] or f"{self._origin}/{tenant_id}",
                "size": outline["size"],
                "anchored": outline["anchored"],
                "keys": outline["keys"],
            }
            yield f"{json.dumps(head)}\n"
            count = 1
            async for line in _sealed(connection, tenant_id):
                yield line
                count += 1
            async for row in store.unsealed(connection, tenant_id):
                said = f'"kind":"{row["kind"]}","id":"{row["subject_id"]}","row":{row["content"]}'
                yield f'{{"type":"unsealed",{said}}}\n'
                count += 1
            async for row in store.money(connection, tenant_id):
                said = f'"sequence":{row["sequence"]},"hash":{json.dumps(row["hash"])},"body":{json.dumps(row["body"])}'
                yield f'{{"type":"money",{said}}}\n'
                count += 1
            yield f'{{"type":"end","lines":{count + 1}}}\n'

    async def due_anchor(self, limit: int = 1_000, until: datetime | None = None) -> AnchorBatch | None:
        """What to anchor next, the newest checkpoints of all tenants in one batch; None when all is anchored.

        With a time it is the batch that was next then, as long as nothing of it has been anchored: checkpoints are
        committed in the order of their times, one seal after the other.
        """
        async with self._swarm.connection() as connection:
            rows = await store.due_anchor(connection, limit, until)
        return anchoring.batch([Due(**dict(row)) for row in rows])

    async def unanchored_seconds(self) -> float | None:
        """How long the oldest checkpoint that no anchor covers has waited; None when all are covered."""
        async with self._swarm.connection() as connection:
            return await store.unanchored(connection)

    async def anchored(self, batch: AnchorBatch, read_back: bytes, *, chain_id: int, tx_hash: str, block: int) -> int:
        """Keep that a batch is on a chain, and mark the pieces that it covers; how many.

        `read_back` is what the chain gave back for the transaction. Conflict when that is not the batch's root.
        """
        if read_back != bytes.fromhex(batch.root):
            raise Conflict(f"transaction {tx_hash} carries something else than what was to be anchored")
        marked = 0
        async with self._swarm.transaction() as connection:
            for index, each in enumerate(batch.checkpoints):
                path = [bytes.fromhex(step) for step in each.path]
                place = (read_back, index, len(batch.checkpoints))
                marked += await store.anchor(
                    connection, each.tenant_id, each.size, (chain_id, tx_hash, block), place, path
                )
        return marked


async def _sealed(connection: Connection, tenant_id: UUID) -> AsyncIterator[str]:
    """Leaves with the rows they are about, each checkpoint after the last leaf that it covers."""
    size = 0
    while rows := await store.leaves(connection, tenant_id, size, _STEP):
        begin, size = size, rows[-1]["idx"] + 1
        now = await _rows(connection, tenant_id, rows)
        signed = await store.signed(connection, tenant_id, begin, size)
        anchors = await store.anchors(connection, tenant_id, begin + 1, size)
        for row in rows:
            index, kind, id = row["idx"], row["kind"], row["subject_id"]
            content, state = now.get((kind, id), ("null", None))
            said = f'"index":{index},"kind":{json.dumps(kind)},"id":"{id}","hash":"{row["hash"]}"'
            yield f'{{"type":"leaf",{said},"marks":"{row["marks"]}","state":{state or "null"},"row":{content}}}\n'
            if index + 1 in signed:
                yield f'{{"type":"checkpoint","size":{index + 1},"note":{json.dumps(signed[index + 1])}}}\n'
            for each in anchors.get(index + 1, []):
                yield f'{{"type":"anchor","anchor":{each.model_dump_json()}}}\n'


async def _rows(
    connection: Connection, tenant_id: UUID, sealed: "Sequence[Record]"
) -> dict[tuple[str, UUID], tuple[str, str | None]]:
    """What the database says now of what was sealed."""
    ids = [row["subject_id"] for row in sealed if row["kind"] != MONEY_HEAD]
    found = {
        (row["kind"], row["subject_id"]): (row["content"], row["state"])
        for row in await store.rows(connection, tenant_id, ids)
    }
    heads = [row["subject_id"].int for row in sealed if row["kind"] == MONEY_HEAD]
    for row in await store.head_rows(connection, tenant_id, heads):
        found[MONEY_HEAD, UUID(int=row["sequence"])] = row["content"], None
    return found


async def _checkpoint(connection: Connection, tenant_id: UUID, size: int | None = None) -> CheckpointView:
    found = await _checkpoints(connection, tenant_id, size, _NEWEST)
    if not found:
        raise NotFound("the log has no such checkpoint", remedy="What is new is sealed within seconds.")
    return found[0]


async def _checkpoints(connection: Connection, tenant_id: UUID, size: int | None, limit: int) -> list[CheckpointView]:
    rows = await store.checkpoints(connection, tenant_id, size, limit)
    if not rows:
        return []
    anchors = await store.anchors(connection, tenant_id, rows[-1]["size"], rows[0]["size"])
    return CHECKPOINTS.validate_python([{**row, "anchors": anchors.get(row["size"], [])} for row in map(dict, rows)])


async def _hashes(connection: Connection, tenant_id: UUID, path: Sequence[tuple[int, int]]) -> list[str]:
    """The roots of these subtrees, out of what is stored."""
    wanted = [piece for begin, end in path for piece in merkle.pieces(begin, end)]
    known = (await pieces(connection, {tenant_id: wanted})).get(tenant_id, {})
    try:
        return [merkle.subtree(begin, end, known).hex() for begin, end in path]
    except KeyError as error:
        raise Conflict("hashes of the log are missing in the database", remedy="Run 'chimera audit verify'.") from error
