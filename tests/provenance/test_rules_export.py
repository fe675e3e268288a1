"""An export of the log, recomputed: whatever is changed, taken out, put in or swapped is found, and named (PRV-4)."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.test_notes import Key

from chimera.audit.types import MONEY_HEAD, AuditReport
from chimera.money.rules.evidence import Head, Link, change
from chimera.provenance.rules.export import LATE, LISTED, verify_export
from chimera.provenance.rules.hashes import FORMULA, content_hash
from chimera_credentials.log import leaves, merkle, notes
from chimera_credentials.log.merkle import Frontier
from chimera_credentials.log.notes import Checkpoint

TENANT = UUID(int=7)
ORIGIN = f"example.com/{TENANT}"
START = datetime(2026, 2, 5, tzinfo=UTC)
KEY = Key()
TEXT = "Look up tonight."

Line = dict[str, Any]


def row(number: int, kind: str = "audit_event") -> Line:
    """A row of that kind, of a piece whose rows hang together."""
    at = f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S.%f}Z"
    asset, proof = str(UUID(int=1_000)), str(UUID(int=1_001))
    match kind:
        case "asset":
            return {"asset_id": asset, "created_at": at, "parts": [TEXT], "encoding_format": "text/plain"}
        case "provenance":
            said = content_hash([TEXT])
            statement = {"content_hash": said, "content_formula": FORMULA}
            return {"provenance_id": proof, "asset_id": asset, "content_hash": said, "statement": statement}
        case "publication":
            return {"publication_id": str(UUID(int=1_002)), "asset_id": asset, "published_at": at}
    return {"event_id": str(UUID(int=number)), "at": at, "actor": "judge", "body": {"score": 0.95}}


class Log:
    """A log that is written as the sealer writes it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.frontier = Frontier()
        self.last: Checkpoint | None = None
        self.note = ""
        self.head = Head(tenant_id=TENANT)
        self.events: list[Line] = []

    def leaf(self, kind: str, id: int, said: Line, state: Line | None = None) -> None:
        text = json.dumps(said)
        made = leaves.leaf(kind, leaves.exact(text))
        head = {"type": "leaf", "index": self.frontier.size, "kind": kind, "id": str(UUID(int=id))}
        hashes = {"hash": made.hash.hex(), "marks": made.marks.hex()}
        self.lines.append({**head, **hashes, "row": json.loads(text), "state": state})
        self.frontier.append(made.hash)

    def checkpoint(self, key: Key = KEY) -> None:
        self.last = Checkpoint(
            origin=ORIGIN,
            size=self.frontier.size,
            root=self.frontier.root().hex(),
            time=START + timedelta(seconds=self.frontier.size),
            previous=self.last.hash if self.last else notes.FIRST,
        )
        self.note = self.last.signed(key)
        self.lines.append({"type": "checkpoint", "size": self.last.size, "note": self.note})

    def anchor(self) -> None:
        assert self.last is not None
        own, other = merkle.leaf_hash(self.note.encode()), merkle.leaf_hash(b"another tenant's")
        anchor = {"size": self.last.size, "chain_id": 1, "tx_hash": "0x1", "block": 5, "index": 0, "count": 2}
        proof = {"batch_root": merkle.node_hash(own, other).hex(), "path": [other.hex()]}
        self.lines.append({"type": "anchor", "anchor": {**anchor, **proof, "read_back_at": START.isoformat()}})

    def money(self) -> None:
        """A change of limits, and the seal of where the chain ends by it."""
        limit = {"budget_id": str(UUID(int=5)), "scope": "tenant", "scope_key": str(TENANT), "span": "day"}
        limits = [{**limit, "currency": "USDC", "amount": str(100 + self.head.sequence)}]
        said = {"limits": limits, "time_zone": "UTC", "adopted": [], **change([], [])}
        link = Link.after(self.head, "limits", START, said)  # type: ignore[arg-type]
        self.head = link.head
        event = {"type": "money", "sequence": link.head.sequence, "hash": link.hash, "body": link.text}
        self.events.append(event)
        sealed = {"tenant_id": str(TENANT), "sequence": link.head.sequence, "hash": link.hash}
        self.leaf(MONEY_HEAD, link.head.sequence, sealed)

    def export(self, **changes: Any) -> list[Line]:
        anchored = max([0, *(line["anchor"]["size"] for line in self.lines if line["type"] == "anchor")])
        head = {"type": "log", "version": 1, "tenant_id": str(TENANT), "origin": ORIGIN, "size": self.frontier.size}
        first = {**head, "anchored": anchored, "keys": [KEY.public_key], **changes}
        return ended([first, *self.lines, *self.events])


def ended(lines: list[Line]) -> list[Line]:
    return [*lines, {"type": "end", "lines": len(lines) + 1}]


def full() -> Log:
    """Everything that there is in a log, over several checkpoints, the first of them anchored."""
    log = Log()
    log.leaf("asset", 1_000, row(0, "asset"))
    published = row(4, "publication")["published_at"]
    log.leaf("provenance", 1_001, row(0, "provenance"), {"on_chain_verification": True, "published_at": published})
    log.money()
    log.checkpoint()
    log.anchor()
    log.leaf("publication", 1_002, row(4, "publication"))
    for number in range(5, 9):
        log.leaf("audit_event", number, row(number))
        log.money()
        log.checkpoint()
    return log


def audit(
    lines: list[Line], *, known: list[str] | None = None, keys: tuple[str, ...] = (KEY.public_key,)
) -> AuditReport:
    return verify_export((json.dumps(line) for line in lines), keys, known or [])


def found(lines: list[Line], **given: Any) -> list[str]:
    return [str(each) for each in audit(lines, **given).findings]


def test_what_was_sealed_holds() -> None:
    log = full()
    report = audit(log.export(), known=[log.note])
    assert report.findings == []
    assert (report.holds, report.leaves, report.checkpoints, report.anchors, report.money_events) == (True, 12, 5, 1, 5)
    assert (report.signed_by, report.head, report.tenant_id) == ([KEY.public_key], log.note, TENANT)


def test_an_empty_log_holds() -> None:
    assert audit(Log().export()).findings == []


@pytest.mark.parametrize("number", range(len(full().export())))
def test_a_line_that_was_taken_out_is_noticed_even_when_the_end_was_forged(number: int) -> None:
    lines = full().export()
    assert found(lines[:number] + lines[number + 1 :])
    if number < len(lines) - 2:  # the last money event is behind the last seal only when it is not sealed
        assert found(ended(lines[:number] + lines[number + 1 : -1]))


@pytest.mark.parametrize("number", range(1, len(full().export()) - 1))
def test_a_line_said_twice_or_in_another_place_is_noticed(number: int) -> None:
    lines = full().export()[:-1]
    if lines[number]["type"] == "anchor":
        return  # it speaks of the checkpoint before it, wherever and however often it says so
    assert found(ended([*lines[:number], lines[number], *lines[number:]]))
    if number + 1 < len(lines):
        assert found(ended([*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]))


def test_a_changed_row_is_named_with_its_columns() -> None:
    lines = full().export()
    number = next(n for n, line in enumerate(lines) if line.get("kind") == "audit_event")
    lines[number]["row"]["actor"] = "eve"
    lines[number]["row"]["body"] = {"score": 0.96}
    assert found(lines) == [f"audit_event {UUID(int=5)}: actor, body differs from what was sealed as leaf 4"]


def test_a_row_that_is_gone_is_named() -> None:
    lines = full().export()
    number = next(n for n, line in enumerate(lines) if line.get("kind") == "audit_event")
    lines[number]["row"] = None
    assert found(lines) == [f"audit_event {UUID(int=5)}: it is missing: it was sealed as leaf 4"]


@given(st.data())
def test_any_value_that_is_changed_anywhere_is_noticed(data: st.DataObject) -> None:
    lines = full().export()
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    name = data.draw(st.sampled_from(sorted(set(line) - {"type"})))
    value = line[name]
    path = [line]
    while isinstance(value, dict) and value:
        path.append(value)
        name = data.draw(st.sampled_from(sorted(value)))
        value = value[name]
    if name in {"marks", "keys", "chain_id", "tx_hash", "block", "read_back_at"} or value is None:
        return  # what is not sealed: the marks name columns only, the anchor's place is for the chain to confirm
    changed = {bool: False, int: 77, float: 0.5, str: "x", list: ["x"], dict: {"x": 1}}[type(value)]
    path[-1][name] = changed
    assert found(lines), (name, value)


def test_a_changed_row_whose_leaf_was_changed_with_it_breaks_the_signed_root() -> None:
    log = full()
    lines = log.export()
    forged = {**row(6), "actor": "eve"}
    made = leaves.leaf("audit_event", leaves.exact(json.dumps(forged)))
    number = next(n for n, line in enumerate(lines) if line.get("id") == str(UUID(int=6)))
    lines[number] |= {"row": forged, "hash": made.hash.hex(), "marks": made.marks.hex()}
    (finding,) = found(lines)
    assert f"a leaf from 6 on was changed: audit_event {UUID(int=6)}, money_event 3" in finding


def test_a_log_that_was_written_anew_needs_the_key_or_is_found_by_who_kept_a_checkpoint() -> None:
    kept, anew = full(), Log()
    for number in range(6):
        anew.leaf("audit_event", 50 + number, row(number))
        anew.checkpoint(Key())
    assert any("not signed with a trusted key" in each for each in found(anew.export()))
    stolen = Log()
    for number in range(9):
        stolen.leaf("audit_event", 50 + number, row(number))
        stolen.checkpoint()
    assert found(stolen.export()) == []
    notes_kept = [line["note"] for line in kept.lines if line["type"] == "checkpoint"]
    assert "the log was rewritten" in found(stolen.export(), known=notes_kept[:1])[0]
    assert "never went through it" in found(stolen.export(), known=notes_kept[-1:])[0]
    assert "never went through it" in found(kept.export(), known=["nonsense"])[0]


def test_the_log_of_another_tenant_does_not_pass_for_this_ones() -> None:
    (finding, *_) = found(full().export(tenant_id=str(UUID(int=8))))
    assert "is not that of tenant" in finding


def test_without_a_key_the_one_in_the_file_is_taken_and_named() -> None:
    log = full()
    assert audit(log.export(), keys=()).signed_by == [KEY.public_key]
    assert found(log.export(keys=[Key().public_key]), keys=())


def test_a_row_that_was_added_later_than_it_says_is_named() -> None:
    log = Log()
    log.leaf("audit_event", 1, row(1_000_000))
    log.checkpoint()
    log.last = log.last and log.last.model_copy(update={"time": START + timedelta(hours=3)})
    assert log.last is not None
    log.lines[-1]["note"] = log.last.signed(KEY)
    log.leaf("audit_event", 2, row(2))
    log.last = log.last.model_copy(update={"time": START + timedelta(hours=3) - timedelta(seconds=2)})
    late = found(log.export())
    assert any(each.startswith(f"audit_event {UUID(int=2)}: it was added later than it says") for each in late)


def test_rows_that_are_not_sealed_yet_are_counted_and_old_ones_named() -> None:
    log = full()
    assert log.last is not None
    fresh = {"type": "unsealed", "kind": "audit_event", "id": str(UUID(int=60)), "row": row(60)}
    old = {**row(60), "at": f"{log.last.time - LATE - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%f}Z"}
    lines = log.export()[:-1]
    report = audit(ended([*lines, fresh]))
    assert (report.findings, report.unsealed) == ([], 1)
    assert "behind the log's back" in found(ended([*lines, {**fresh, "row": old}]))[0]


def test_money_that_was_rewritten_is_found_by_the_seal() -> None:
    log, other = full(), Log()
    for number in range(5):
        other.head = other.head.model_copy(update={"sequence": number})
        other.money()
    log.events[2]["body"] = log.events[2]["body"].replace("102", "999")
    named = [each for each in found(log.export()) if each.startswith("money_event 3")]
    assert named == ["money_event 3: its hash does not fit what it says"]
    log = full()
    said = json.loads(log.events[4]["body"])
    said["limits"][0]["amount"] = "5"
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    log.events[4] |= {"body": text, "hash": hashlib.sha256(text.encode()).hexdigest()}
    assert found(log.export()) == ["money_event 5: it is not the one that was sealed"]
    log.events = log.events[:-1]
    assert "money_event 5: it is missing" in found(log.export())[0]


def test_an_unreadable_line_is_named_and_the_rest_is_checked() -> None:
    text = [json.dumps(line) for line in full().export()]
    for broken in ("", "nonsense", "[]", "{}", '{"type":"leaf"}', '{"type":"strange"}', '{"type":"end","lines":NaN}'):
        findings = verify_export([*text[:-1], broken, text[-1]], [KEY.public_key]).findings
        assert any(f"line {len(text)}" in str(each) for each in findings)
    assert verify_export(["nonsense"] * (LISTED + 100)).hidden > 90
    assert not verify_export([]).holds
