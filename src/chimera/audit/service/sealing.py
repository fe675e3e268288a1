"""The sealer: puts what was written since into the tenants' transparency logs, and signs where they stand (PRV-4).

One at a time in a database. Rows are taken by the transaction that wrote them, not by their ids or times: everything
below the oldest transaction that still runs is settled and looked at no more; what lies above is taken as it commits,
each row once. So no row is missed, however late it commits, and none is waited for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from chimera.audit.types import MONEY_HEAD, Sealed
from chimera.database.postgres import Connection, Database, queries
from chimera_credentials.log import leaves, merkle, notes
from chimera_credentials.log.leaves import Leaf
from chimera_credentials.log.merkle import Frontier, Subtree
from chimera_credentials.log.notes import Checkpoint, NoteSigner

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("audit/log")

BATCH = 5_000
"""Rows that one transaction seals at most."""

SMALLEST = 8
"""A batch begins with the last row of the one before, and a row of each kind may have the same id."""

_BEFORE_ALL = UUID(int=0)
_LOCK = 4_867_202_612
"""Key of the advisory lock under which logs grow."""


class _Subject(NamedTuple):
    """A row that is to be sealed. They are sealed in this order."""

    tenant_id: UUID
    xact: int
    kind: str
    id: UUID


@dataclass
class _Walk:
    """How far a seal has come. Below `settled` everything was committed when it began, and is met on the way."""

    settled: int
    restored: bool
    xact: int
    id: UUID = _BEFORE_ALL
    goes_on: bool = True


class _Tree(NamedTuple):
    """A tenant's log as it stands."""

    frontier: Frontier
    last: Checkpoint | None


class _Growth:
    """What is added to the logs in one transaction, column by column."""

    def __init__(self) -> None:
        self.leaves: list[tuple[UUID, int, str, UUID, bytes, bytes]] = []
        self.nodes: list[tuple[UUID, int, int, bytes]] = []
        self.checkpoints: list[tuple[UUID, int, bytes, datetime, str]] = []

    def add(self, subject: _Subject, leaf: Leaf, frontier: Frontier) -> None:
        """A leaf, and the blocks that it completes."""
        self.leaves.append((subject.tenant_id, frontier.size, subject.kind, subject.id, leaf.hash, leaf.marks))
        for (level, index), made in frontier.append(leaf.hash):
            self.nodes.append((subject.tenant_id, level, index, made))


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
                if not await connection.fetchval(SQL["alone"], _LOCK):
                    break
                await connection.execute(SQL["by_index"])
                horizon = await connection.fetchrow(SQL["horizon"])
                assert horizon is not None, "the migration puts one row there"
                if walk is None:
                    walk = _Walk(int(horizon["settled"]), horizon["restored"], int(horizon["since"]))
                growth = await self._grow(connection, horizon, walk)
            rows += len(growth.leaves)
            checkpoints += len(growth.checkpoints)
        return Sealed(rows=rows, checkpoints=checkpoints, broken=dict(self._broken))

    async def _grow(self, connection: Connection, horizon: "Record", walk: _Walk) -> _Growth:
        """Seal the next batch, and walk on."""
        page = await connection.fetch(SQL["page"], str(walk.xact), walk.id, horizon["until"], self._batch)
        heads = await connection.fetch(SQL["heads"], list(self._broken))
        subjects = [
            _Subject(row["tenant_id"], int(row["xact"]), row["kind"], row["subject_id"])
            for row in page
            if not row["sealed"] and row["tenant_id"] not in self._broken
        ]
        forms = await self._forms(connection, subjects)
        for row in heads:
            said = {"tenant_id": str(row["tenant_id"]), "sequence": row["sequence"], "hash": row["hash"]}
            subject = _Subject(row["tenant_id"], 0, MONEY_HEAD, UUID(int=row["sequence"]))
            subjects.append(subject)
            forms[subject.kind, subject.id] = leaves.leaf(MONEY_HEAD, said)
        trees = await self._trees(connection, sorted({subject.tenant_id for subject in subjects}))
        growth = _Growth()
        for subject in sorted(each for each in subjects if each.tenant_id in trees and each[2:] in forms):
            growth.add(subject, forms[subject.kind, subject.id], trees[subject.tenant_id].frontier)
        for tenant_id, tree in trees.items():
            self._sign(growth, tenant_id, tree, horizon["at"])
        await _write(connection, growth, self._signer.public_key)
        walk.goes_on = len(page) == self._batch
        if walk.goes_on:
            walk.xact, walk.id = int(page[-1]["xact"]), page[-1]["subject_id"]
        if not self._broken and not (walk.restored and walk.goes_on):
            reached = min(walk.settled, walk.xact) if walk.goes_on else walk.settled
            await connection.execute(SQL["advance"], str(reached), walk.restored)
        return growth

    async def _forms(self, connection: Connection, subjects: Sequence[_Subject]) -> dict[tuple[str, UUID], Leaf]:
        wanted = {(subject.kind, subject.id) for subject in subjects}
        rows = await connection.fetch(SQL["contents"], [subject.id for subject in subjects]) if subjects else []
        return {
            (row["kind"], row["subject_id"]): leaves.leaf(row["kind"], leaves.exact(row["content"]))
            for row in rows
            if (row["kind"], row["subject_id"]) in wanted
        }

    async def _trees(self, connection: Connection, tenants: Sequence[UUID]) -> dict[UUID, _Tree]:
        """The logs of these tenants, without those that are not what was signed."""
        states = await connection.fetch(SQL["states"], tenants)
        wanted = {row["tenant_id"]: merkle.edge(row["size"]) for row in states}
        known = await pieces(connection, wanted)
        trees: dict[UUID, _Tree] = {}
        for row in states:
            tenant_id = row["tenant_id"]
            problem, tree = self._tree(row, known.get(tenant_id, {}))
            if tree is None:
                self._broken[tenant_id] = problem
            else:
                trees[tenant_id] = tree
        return trees

    def _tree(self, row: "Record", known: Mapping[Subtree, bytes]) -> tuple[str, _Tree | None]:
        size: int = row["size"]
        if row["beyond"]:
            return f"it has leaves beyond its last checkpoint, which is of {size}", None
        if size == 0:
            return "", _Tree(Frontier(), None)
        try:
            frontier = Frontier.restore(size, known)
            said = notes.read(row["note"])
        except (KeyError, ValueError) as error:
            return f"its last checkpoint, of {size} leaves, cannot be recomputed: {error}", None
        if (said.size, said.root) != (size, frontier.root().hex()):
            return f"its leaves are not those of its last checkpoint, of {size}", None
        return "", _Tree(frontier, said)

    def _sign(self, growth: _Growth, tenant_id: UUID, tree: _Tree, at: datetime) -> None:
        root = tree.frontier.root()
        said = Checkpoint(
            origin=tree.last.origin if tree.last else f"{self._origin}/{tenant_id}",
            size=tree.frontier.size,
            root=root.hex(),
            time=max(at, tree.last.time) if tree.last else at,
            previous=tree.last.hash if tree.last else notes.FIRST,
        )
        growth.checkpoints.append((tenant_id, said.size, root, said.time, said.signed(self._signer)))


async def pieces(connection: Connection, wanted: Mapping[UUID, Sequence[Subtree]]) -> dict[UUID, dict[Subtree, bytes]]:
    """Stored hashes of tenants' trees; what is not there is left out."""
    asked = [(tenant_id, *piece) for tenant_id, each in wanted.items() for piece in each]
    rows = await connection.fetch(SQL["pieces"], *_columns(asked, 3)) if asked else []
    found: dict[UUID, dict[Subtree, bytes]] = {}
    for row in rows:
        found.setdefault(row["tenant_id"], {})[row["level"], row["idx"]] = row["hash"]
    return found


async def _write(connection: Connection, growth: _Growth, public_key: str) -> None:
    if growth.leaves:
        await connection.execute(SQL["add_leaves"], *_columns(growth.leaves, 6))
    if growth.nodes:
        await connection.execute(SQL["add_nodes"], *_columns(growth.nodes, 4))
    if growth.checkpoints:
        await connection.execute(SQL["add_checkpoints"], *_columns(growth.checkpoints, 5), public_key)


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as columns, as PostgreSQL takes many at once."""
    return [[row[column] for row in rows] for column in range(width)]
