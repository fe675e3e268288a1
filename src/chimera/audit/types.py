"""The audit trail and the transparency log as they cross a boundary: events, checkpoints, proofs, what an audit finds
(PRV-2, PRV-4)."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera_protocol.wire import Sha256, Wire

KINDS = (
    "audit_event",
    "asset",
    "generation_log",
    "provenance",
    "publication",
    "transaction_ledger",
    "money_head",
)
"""What a leaf is about: a row of the table of that name, or where the tenant's chain of money events ended."""


MONEY_HEAD = "money_head"
"""Leaves of this kind are named by the number of an event of the money chain, written as a UUID."""


class Anchor(Wire):
    """A transaction on a chain that fixed a checkpoint, together with others of the same batch, and was read back.

    The transaction carries `batch_root`, the root of an RFC 6962 tree over the notes of the batch; `path` proves that
    this checkpoint's note is its leaf number `index` of `count`.
    """

    size: int
    chain_id: int
    tx_hash: str
    block: int
    batch_root: Sha256
    index: int
    count: int
    path: list[Sha256]
    read_back_at: datetime


class CheckpointView(Wire):
    """A signed state of a tenant's log; `note` is its form by C2SP tlog-checkpoint, for other people's software."""

    tenant_id: UUID
    size: int
    root: Sha256
    sealed_at: datetime
    note: str
    public_key: str
    anchors: list[Anchor] = []


class InclusionView(Wire):
    """That a row is in the log: the hashes that lead from its leaf to the root of a checkpoint (RFC 9162)."""

    kind: str
    id: UUID
    index: int
    leaf_hash: Sha256
    proof: list[Sha256]
    checkpoint: CheckpointView


class ConsistencyView(Wire):
    """That the log of a checkpoint begins with the one it was before (RFC 9162)."""

    old_size: int
    old_root: Sha256
    proof: list[Sha256]
    checkpoint: CheckpointView


class Batched(Wire):
    """A checkpoint in a batch that is to be anchored."""

    tenant_id: UUID
    size: int
    path: list[Sha256]


class AnchorBatch(Wire):
    """The newest checkpoints that no anchor covers yet; `root` is what the transaction has to carry.

    The newest of them was sealed at `sealed_until`; with that time the same batch can be had again.
    """

    root: Sha256
    sealed_until: datetime
    checkpoints: list[Batched]


class Sealed(Wire):
    """What a seal did: rows put into logs, checkpoints written, and tenants whose log is not what was signed."""

    rows: int = 0
    checkpoints: int = 0
    broken: dict[UUID, str] = {}


class AuditFinding(Wire):
    """Something that is not as it was sealed: where it is, and what differs."""

    table: str
    id: str
    what: str

    def __str__(self) -> str:
        where = f"{self.table} {self.id}".rstrip()
        return f"{where}: {self.what}"


class AuditReport(Wire):
    """What came of an audit. It holds when nothing was found."""

    tenant_id: UUID | None
    leaves: int
    checkpoints: int
    anchors: int
    unsealed: int
    money_events: int
    head: str | None
    signed_by: list[str]
    findings: list[AuditFinding]
    hidden: int = 0
    """Findings beyond those that are listed."""

    @property
    def holds(self) -> bool:
        """Whether all is as it was sealed."""
        return not self.findings


class AuditEventView(Wire):
    """One event of the audit trail."""

    event_id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    body: dict[str, JsonValue]
