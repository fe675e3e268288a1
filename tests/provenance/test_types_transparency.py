"""What crosses a boundary about the log: a report holds when nothing was found, and a finding reads as a sentence."""

from uuid import UUID

import pytest
from log.test_notes import Key
from pydantic import ValidationError

from chimera.audit.types import AuditFinding, AuditReport, Batched
from chimera_credentials.log.notes import NoteSigner

FINDING = AuditFinding(table="audit_event", id="5", what="it is missing")


def report(*findings: AuditFinding) -> AuditReport:
    counts = dict.fromkeys(("leaves", "checkpoints", "anchors", "unsealed", "money_events"), 0)
    return AuditReport(tenant_id=None, head=None, signed_by=[], findings=list(findings), **counts)


def test_a_report_holds_when_nothing_was_found() -> None:
    assert report().holds
    assert not report(FINDING).holds


def test_a_finding_names_table_and_row() -> None:
    assert str(FINDING) == "audit_event 5: it is missing"
    assert str(AuditFinding(table="export", id="", what="it was cut")) == "export: it was cut"


def test_a_path_is_made_of_hashes() -> None:
    with pytest.raises(ValidationError):
        Batched(tenant_id=UUID(int=1), size=1, path=["no hash"])


def test_a_key_that_signs_bare_bytes_is_a_signer_of_notes() -> None:
    signer: NoteSigner = Key()
    assert len(signer.sign_raw(b"note")) == 64
