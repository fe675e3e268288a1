"""How a tenant's log grows: what is added in one transaction, and whether it stands as it was signed (PRV-4)."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chimera_credentials.log import notes
from chimera_credentials.log.leaves import Leaf
from chimera_credentials.log.merkle import Frontier, Subtree
from chimera_credentials.log.notes import Checkpoint, NoteSigner


class Subject(NamedTuple):
    """A row that is to be sealed. They are sealed in this order."""

    tenant_id: UUID
    xact: int
    kind: str
    id: UUID


class Tree(NamedTuple):
    """A tenant's log as it stands."""

    frontier: Frontier
    last: Checkpoint | None


class Broken(NamedTuple):
    """A log that is not what was signed, and why."""

    problem: str


class Growth:
    """What is added to the logs in one transaction, column by column."""

    def __init__(self) -> None:
        self.leaves: list[tuple[UUID, int, str, UUID, bytes, bytes]] = []
        self.nodes: list[tuple[UUID, int, int, bytes]] = []
        self.checkpoints: list[tuple[UUID, int, bytes, datetime, str]] = []

    def add(self, subject: Subject, leaf: Leaf, frontier: Frontier) -> None:
        """A leaf, and the blocks that it completes."""
        self.leaves.append((subject.tenant_id, frontier.size, subject.kind, subject.id, leaf.hash, leaf.marks))
        for (level, index), made in frontier.append(leaf.hash):
            self.nodes.append((subject.tenant_id, level, index, made))

    def sign(self, tenant_id: UUID, tree: Tree, at: datetime, origin: str, signer: NoteSigner) -> None:
        """Where a log stands now. One that has begun keeps its name, and its times never go back."""
        root = tree.frontier.root()
        said = Checkpoint(
            origin=tree.last.origin if tree.last else f"{origin}/{tenant_id}",
            size=tree.frontier.size,
            root=root.hex(),
            time=max(at, tree.last.time) if tree.last else at,
            previous=tree.last.hash if tree.last else notes.FIRST,
        )
        self.checkpoints.append((tenant_id, said.size, root, said.time, said.signed(signer)))


def tree_of(size: int, note: str | None, known: Mapping[Subtree, bytes], *, beyond: bool) -> Tree | Broken:
    """A log by its last checkpoint and the stored hashes; or what is wrong with it, such as leaves `beyond` that."""
    if beyond:
        return Broken(f"it has leaves beyond its last checkpoint, which is of {size}")
    if size == 0 or note is None:
        return Tree(Frontier(), None)
    try:
        frontier = Frontier.restore(size, known)
        said = notes.read(note)
    except (KeyError, ValueError) as error:
        return Broken(f"its last checkpoint, of {size} leaves, cannot be recomputed: {error}")
    if (said.size, said.root) != (size, frontier.root().hex()):
        return Broken(f"its leaves are not those of its last checkpoint, of {size}")
    return Tree(frontier, said)
