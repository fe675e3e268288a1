"""The sealer: puts what was written since into the tenants' transparency logs, and signs where they stand (PRV-4).

One at a time in a database. Rows are taken by the transaction that wrote them, not by their ids or times: everything
below the oldest transaction that still runs is settled and looked at no more; what lies above is taken as it commits,
each row once. So no row is missed, however late it commits, and none is waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.audit.rules.growth import Broken, Growth, Subject, Tree, tree_of
from chimera.audit.store import sealing as store
from chimera.audit.types import MONEY_HEAD, Sealed
from chimera.database.postgres import Connection, Database
from chimera_credentials.log import leaves, merkle
from chimera_credentials.log.leaves import Leaf
from chimera_credentials.log.notes import NoteSigner

if TYPE_CHECKING:
    from asyncpg import Record


BATCH = 5_000
"""Rows that one transaction seals at most."""

SMALLEST = 8
"""A batch begins with the last row of the one before, and a row of each kind may have the same id."""

_BEFORE_ALL = UUID(int=0)
_LOCK = 4_867_202_612
"""Key of the advisory lock under which logs grow."""


@dataclass
class _Walk:
    """How far a seal has come. Below `settled` everything was committed when it began, and is met on the way."""

    settled: int
    restored: bool
    xact: int
    id: UUID = _BEFORE_ALL
    goes_on: bool = True


class Sealer:
    """Seals in the swarm's role, with a key of its own. Any number of processes may run one."""

    def __init__(self, swarm: Database, signer: NoteSigner, origin: str = "chimera", batch: int = BATCH) -> None:
        """`origin` begins the name of every log, which the tenant's id ends: best a domain of the operator's.

        A log that has begun keeps its name.
        """
        if batch < SMALLEST:
            raise ValueError(f"a batch has {SMALLEST} rows or more")
        self._swarm = swarm
        self._signer = signer
        self._origin = origin
        self._batch = batch
        self._broken: dict[UUID, str] = {}

    async def seal(self) -> Sealed:
        """Seal all that is committed and not sealed yet. Does nothing while another process seals.

        A log that is not what was signed is left alone and told of: nothing is ever signed on top of it.
        """
        rows = checkpoints = 0
        walk: _Walk | None = None
        while walk is None or walk.goes_on:
            async with self._swarm.transaction() as connection:
                if not await store.alone(connection, _LOCK):
                    break
                await store.by_index(connection)
                horizon = await store.horizon(connection)
                if walk is None:
                    walk = _Walk(int(horizon["settled"]), horizon["restored"], int(horizon["since"]))
                growth = await self._grow(connection, horizon, walk)
            rows += len(growth.leaves)
            checkpoints += len(growth.checkpoints)
        return Sealed(rows=rows, checkpoints=checkpoints, broken=dict(self._broken))

    async def _grow(self, connection: Connection, horizon: "Record", walk: _Walk) -> Growth:
        """Seal the next batch, and walk on."""
        page = await store.page(connection, walk.xact, walk.id, horizon["until"], self._batch)
        heads = await store.heads(connection, self._broken)
        subjects = [
            Subject(row["tenant_id"], int(row["xact"]), row["kind"], row["subject_id"])
            for row in page
            if not row["sealed"] and row["tenant_id"] not in self._broken
        ]
        forms = await self._forms(connection, subjects)
        for row in heads:
            said = {"tenant_id": str(row["tenant_id"]), "sequence": row["sequence"], "hash": row["hash"]}
            subject = Subject(row["tenant_id"], 0, MONEY_HEAD, UUID(int=row["sequence"]))
            subjects.append(subject)
            forms[subject.kind, subject.id] = leaves.leaf(MONEY_HEAD, said)
        trees = await self._trees(connection, sorted({subject.tenant_id for subject in subjects}))
        growth = Growth()
        for subject in sorted(each for each in subjects if each.tenant_id in trees and each[2:] in forms):
            growth.add(subject, forms[subject.kind, subject.id], trees[subject.tenant_id].frontier)
        for tenant_id, tree in trees.items():
            growth.sign(tenant_id, tree, horizon["at"], self._origin, self._signer)
        await _write(connection, growth, self._signer.public_key)
        walk.goes_on = len(page) == self._batch
        if walk.goes_on:
            walk.xact, walk.id = int(page[-1]["xact"]), page[-1]["subject_id"]
        if not self._broken and not (walk.restored and walk.goes_on):
            reached = min(walk.settled, walk.xact) if walk.goes_on else walk.settled
            await store.advance(connection, reached, walk.restored)
        return growth

    async def _forms(self, connection: Connection, subjects: Sequence[Subject]) -> dict[tuple[str, UUID], Leaf]:
        wanted = {(subject.kind, subject.id) for subject in subjects}
        rows = await store.contents(connection, [subject.id for subject in subjects]) if subjects else []
        return {
            (row["kind"], row["subject_id"]): leaves.leaf(row["kind"], leaves.exact(row["content"]))
            for row in rows
            if (row["kind"], row["subject_id"]) in wanted
        }

    async def _trees(self, connection: Connection, tenants: Sequence[UUID]) -> dict[UUID, Tree]:
        """The logs of these tenants, without those that are not what was signed."""
        states = await store.states(connection, tenants)
        wanted = {row["tenant_id"]: merkle.edge(row["size"]) for row in states}
        known = await store.pieces(connection, wanted)
        trees: dict[UUID, Tree] = {}
        for row in states:
            tenant_id = row["tenant_id"]
            tree = tree_of(row["size"], row["note"], known.get(tenant_id, {}), beyond=row["beyond"])
            if isinstance(tree, Broken):
                self._broken[tenant_id] = tree.problem
            else:
                trees[tenant_id] = tree
        return trees


async def _write(connection: Connection, growth: Growth, public_key: str) -> None:
    await store.add_leaves(connection, growth.leaves)
    await store.add_nodes(connection, growth.nodes)
    await store.add_checkpoints(connection, growth.checkpoints, public_key)
