"""Batches of checkpoints that one transaction on a chain fixes (PRV-2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chimera.audit.types import AnchorBatch, Batched
from chimera_credentials.log import merkle


class Due(NamedTuple):
    """A checkpoint that is to be anchored."""

    tenant_id: UUID
    size: int
    note: str
    sealed_at: datetime


def batch(due: Sequence[Due]) -> AnchorBatch | None:
    """These checkpoints under one root, each with the path to it; None when there is none."""
    if not due:
        return None
    tree = [merkle.leaf_hash(each.note.encode()) for each in due]
    return AnchorBatch(
        root=merkle.root(tree).hex(),
        sealed_until=max(each.sealed_at for each in due),
        checkpoints=[
            Batched(
                tenant_id=each.tenant_id,
                size=each.size,
                path=[merkle.root(tree[begin:end]).hex() for begin, end in merkle.inclusion(n, len(tree))],
            )
            for n, each in enumerate(due)
        ],
    )
