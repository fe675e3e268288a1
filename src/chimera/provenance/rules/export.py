"""Whether an export of the transparency log is what was sealed: every row, root, signature and anchor (PRV-4).

An export is a line of JSON for each thing, in this order: the log; its leaves by index, each with the row that the
database has now, and between them the checkpoints and their anchors; rows that are not sealed yet; the chain of money
events; the end. It is checked in one pass, and takes no server and no database.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from chimera.audit.types import MONEY_HEAD, Anchor, AuditFinding, AuditReport
from chimera.money.rules import evidence
from chimera.money.rules.evidence import Event
from chimera.provenance.rules.pieces import Pieces
from chimera_credentials.log import leaves, merkle, notes
from chimera_credentials.log.merkle import Frontier
from chimera_credentials.log.notes import Checkpoint

LISTED = 200
"""Findings that a report lists; more are counted."""

LATE = timedelta(minutes=10)
"""A row is sealed seconds after it was written; one that says it is older was not written when it says."""

STAMPS = {
    "audit_event": "at",
    "asset": "created_at",
    "generation_log": "created_at",
    "provenance": "created_at",
    "transaction_ledger": "timestamp",
}
"""Where a row says when it was written."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Log(_Line):
    type: Literal["log"]
    version: Literal[1]
    tenant_id: UUID
    origin: str
    size: int
    anchored: int
    keys: list[str]


class _Leaf(_Line):
    type: Literal["leaf"]
    index: int
    kind: str
    id: UUID
    hash: str
    marks: str
    row: dict[str, JsonValue] | None
    state: dict[str, JsonValue] | None = None


class _Checkpoint(_Line):
    type: Literal["checkpoint"]
    size: int
    note: str


class _Anchor(_Line):
    type: Literal["anchor"]
    anchor: Anchor


class _Unsealed(_Line):
    type: Literal["unsealed"]
    kind: str
    id: UUID
    row: dict[str, JsonValue]


class _Money(_Line):
    type: Literal["money"]
    sequence: int
    hash: str
    body: str


class _End(_Line):
    type: Literal["end"]
    lines: int


_Any = _Log | _Leaf | _Checkpoint | _Anchor | _Unsealed | _Money | _End
_LINE: TypeAdapter[_Any] = TypeAdapter(Annotated[_Any, Field(discriminator="type")])


def verify_export(lines: Iterable[str], keys: Collection[str] = (), known: Sequence[str] = ()) -> AuditReport:
    """Recompute an export. `keys` are the public keys that are trusted; without any, those that it names itself.

    `known` are notes of checkpoints that were kept elsewhere: the log must have gone through each of them.
    """
    return _Audit(keys, known).run(lines)


def name(kind: str, id: UUID) -> tuple[str, str]:
    """The table of a row, and how it is called there."""
    return ("money_event", str(id.int)) if kind == MONEY_HEAD else (kind, str(id))


class _Audit:
    """What an export has said so far."""

    def __init__(self, keys: Collection[str], known: Sequence[str]) -> None:
        self._keys = list(keys)
        self._given = bool(keys)
        self._known = [(note, self._kept(note)) for note in known]
        self._log: _Log | None = None
        self._frontier = Frontier()
        self._last: Checkpoint | None = None
        self._note = ""
        self._held = 0
        self._broken = False
        self._since: list[str] = []
        self._heads: dict[int, str] = {}
        self._pieces = Pieces()
        self._signers: set[str] = set()
        self._counts = {"leaf": 0, "checkpoint": 0, "anchor": 0, "unsealed": 0, "money": 0}
        self._anchored = 0
        self._findings: list[AuditFinding] = []
        self._hidden = 0

    def run(self, lines: Iterable[str]) -> AuditReport:
        stream = self._stream(lines)
        for line in stream:
            following: _Any | None = line
            if isinstance(following, _Money):
                following = self._money(following, stream)
            if following is not None:
                self._take(following)
        self._finish()
        return AuditReport(
            tenant_id=self._log.tenant_id if self._log else None,
            leaves=self._counts["leaf"],
            checkpoints=self._counts["checkpoint"],
            anchors=self._counts["anchor"],
            unsealed=self._counts["unsealed"],
            money_events=self._counts["money"],
            head=self._note or None,
            signed_by=sorted(self._signers),
            findings=self._findings,
            hidden=self._hidden,
        )

    def _find(self, table: str, id: str, what: str) -> None:
        if len(self._findings) < LISTED:
            self._findings.append(AuditFinding(table=table, id=id, what=what))
        else:
            self._hidden += 1

    def _stream(self, lines: Iterable[str]) -> "Iterator[_Any]":
        ended, count = False, 0
        for count, text in enumerate(lines, 1):
            line = self._parsed(count, text)
            ended = isinstance(line, _End) and line.lines == count
            if line is not None and not isinstance(line, _End):
                yield line
        if not ended:
            self._find("export", "", f"it was cut, or lines were taken out or put in: it ends at line {count}")

    def _parsed(self, number: int, text: str) -> _Any | None:
        try:
            line = _LINE.validate_python(leaves.exact(text))
        except ValidationError as error:
            self._find("export", f"line {number}", f"it cannot be read: {error.errors()[0]['msg'][:200]}")
            return None
        except ValueError as error:
            self._find("export", f"line {number}", f"it cannot be read: {str(error)[:200]}")
            return None
        if isinstance(line, _Log) != (number == 1):
            self._find("export", f"line {number}", "an export begins with its log, once")
            return None
        self._counts[line.type] = self._counts.get(line.type, 0) + 1
        return line

    def _take(self, line: "_Any") -> None:
        match line:
            case _Log():
                self._begin(line)
            case _Leaf():
                self._leaf(line)
            case _Checkpoint():
                self._checkpoint(line)
            case _Anchor():
                self._anchor(line.anchor)
            case _Unsealed():
                self._unsealed(line)
            case _Money() | _End():
                self._find("export", "", "the chain of money events is in more than one place")

    def _begin(self, log: _Log) -> None:
        self._log = log
        if not log.origin.endswith(f"/{log.tenant_id}"):
            self._find("export", "", f"the log {log.origin} is not that of tenant {log.tenant_id}")
        if not self._given:
            self._keys = list(log.keys)

    def _leaf(self, line: _Leaf) -> None:
        table, id = name(line.kind, line.id)
        expected = self._frontier.size
        if line.index != expected:
            self._find("leaf", str(expected), f"it is missing; the next one is leaf {line.index}, {table} {id}")
            self._broken = True
        self._frontier.append(_digest(line.hash))
        self._since.append(f"{table} {id}")
        if line.row is None:
            self._find(table, id, f"it is missing: it was sealed as leaf {line.index}")
            return
        self._compare(line, line.row, table, id)
        if line.kind == MONEY_HEAD:
            self._heads[line.id.int] = str(line.row.get("hash"))
        stamp = _stamp(line.kind, line.row)
        if self._last is not None and stamp is not None and stamp < self._last.time - LATE:
            self._find(table, id, f"it was added later than it says: it was not there at checkpoint {self._last.size}")
        anchored = line.index < (self._log.anchored if self._log else 0)
        for what in self._pieces.take(line.kind, line.row, line.state, anchored=anchored):
            self._find(table, id, what)

    def _compare(self, line: _Leaf, row: dict[str, JsonValue], table: str, id: str) -> None:
        try:
            if leaves.leaf(line.kind, row).hash == _digest(line.hash):
                return
            columns = leaves.differing(row, _digest(line.marks))
        except ValueError as error:
            self._find(table, id, f"it has no such form as is sealed: {str(error)[:200]}")
            return
        if columns == ["postings"]:
            self._find("ledger_posting", id, f"the postings of this transaction are not those of leaf {line.index}")
            return
        which = ", ".join(columns) if columns else "what it says"
        self._find(table, id, f"{which} differs from what was sealed as leaf {line.index}")

    def _checkpoint(self, line: _Checkpoint) -> None:
        where = str(line.size)
        try:
            said = notes.read(line.note)
        except ValueError as error:
            self._find("checkpoint", where, f"{error}")
            return
        signer = notes.signed_by(line.note, self._keys)
        if signer is None:
            self._find("checkpoint", where, "it is not signed with a trusted key")
        else:
            self._signers.add(signer)
        if self._log is not None and (said.origin, said.size) != (self._log.origin, line.size):
            self._find("checkpoint", where, f"it is of another log, or state: {said.origin}, {said.size}")
        if said.size != self._frontier.size:
            self._find("checkpoint", where, f"it stands after {self._frontier.size} leaves")
        if said.previous != (self._last.hash if self._last else notes.FIRST):
            self._find("checkpoint", where, "it does not follow on the one before it: one is missing or another")
        if self._last is not None and said.time < self._last.time:
            self._find("checkpoint", where, "it says it is older than the one before it")
        self._rooted(said)
        for note, kept in [each for each in self._known if each[1] is not None and each[1].size == said.size]:
            if kept is not None and kept.text != said.text:
                self._find("checkpoint", where, "it is not the one that was kept elsewhere: the log was rewritten")
            self._known.remove((note, kept))
        self._last, self._note, self._since = said, line.note, []

    def _rooted(self, said: Checkpoint) -> None:
        """Whether the leaves give the root that was signed; of a rewritten past every later root is wrong too."""
        if self._broken:
            return
        if self._frontier.root().hex() != said.root:
            self._broken = True
            among = ", ".join(self._since[:5]) + (", …" if len(self._since) > 5 else "")
            before = self._last.size if self._last else 0
            self._find(
                "checkpoint",
                str(said.size),
                f"the leaves do not give the root that was signed: a leaf from {before} on was changed: {among}",
            )
            return
        self._held = said.size

    def _anchor(self, anchor: Anchor) -> None:
        where = f"{anchor.chain_id}/{anchor.tx_hash}"
        note = merkle.leaf_hash(self._note.encode())
        path = [_digest(each) for each in anchor.path]
        fits = merkle.verify_inclusion(note, anchor.index, anchor.count, path, _digest(anchor.batch_root))
        if self._last is None or anchor.size != self._last.size or not fits:
            self._find("anchor", where, f"it does not lead from checkpoint {anchor.size} to what is on the chain")
            return
        self._anchored = max(self._anchored, anchor.size)

    def _unsealed(self, line: _Unsealed) -> None:
        table, id = name(line.kind, line.id)
        for what in self._pieces.take(line.kind, line.row, None, anchored=False):
            self._find(table, id, what)
        stamp = _stamp(line.kind, line.row)
        if self._last is not None and stamp is not None and stamp < self._last.time - LATE:
            self._find(table, id, "it was added behind the log's back: it is older than the last checkpoint")

    def _money(self, first: _Money, stream: "Iterator[_Any]") -> "_Any | None":
        """The chain of money: in itself, and against where it ended each time the log was sealed. The line after it."""
        after: list[_Any] = []

        def events() -> Iterator[Event]:
            for line in chain([first], stream):
                if not isinstance(line, _Money) or self._log is None:
                    after.append(line)
                    return
                if self._heads.pop(line.sequence, line.hash) != line.hash:
                    self._find("money_event", str(line.sequence), "it is not the one that was sealed")
                yield Event(
                    tenant_id=self._log.tenant_id, sequence=line.sequence, hash=line.hash, body=_object(line.body)
                )

        for problem in evidence.check(events()):
            number, _, what = problem.removeprefix("event ").partition(": ")
            self._find("money_event", number, what)
        return after[0] if after else None

    def _finish(self) -> None:
        log = self._log
        if log is None:
            self._find("export", "", "it names no log")
            return
        if self._frontier.size != log.size or (self._last.size if self._last else 0) != log.size:
            self._find("export", "", f"the log has {log.size} leaves, which no checkpoint here covers all")
        if self._anchored != log.anchored:
            self._find(
                "export", "", f"it says that {log.anchored} leaves are anchored, and shows it for {self._anchored}"
            )
        for _, kept in self._known:
            size = kept.size if kept is not None else "?"
            self._find("checkpoint", str(size), "it was kept elsewhere, and this log never went through it")
        for number, sealed in sorted(self._heads.items()):
            self._find("money_event", str(number), f"it is missing: it was sealed with the hash {sealed}")
        for table, id, what in self._pieces.rest():
            self._find(table, id, what)

    @staticmethod
    def _kept(note: str) -> Checkpoint | None:
        try:
            return notes.read(note)
        except ValueError:
            return None


def _object(text: str) -> dict[str, JsonValue]:
    """A JSON object; an empty one, which nothing was ever hashed as, when it is none."""
    try:
        return leaves.exact(text)
    except ValueError:
        return {}


def _digest(text: str) -> bytes:
    """The bytes of a hexadecimal text; nothing that fits anything when it is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _stamp(kind: str, row: dict[str, JsonValue]) -> datetime | None:
    """When a row says it was written."""
    said = row.get(STAMPS.get(kind, ""))
    try:
        return datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
