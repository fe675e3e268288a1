"""Checks say no as soon as one thing does not hold, and nothing to check is no fault."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from chimera.provenance.types.proofs import Badge, CheckFinding, PieceCheck, PieceProof, PublishedPiece

PIECE = PublishedPiece(
    asset_id=UUID(int=1),
    tenant_id=UUID(int=2),
    provenance_id=UUID(int=3),
    persona="Nora",
    parts=["one", "two"],
    media=[],
    content_hash="0" * 64,
    cryptographic_signature="x",
    statement={},
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    outings=[],
)


@pytest.mark.parametrize(
    ("found", "holds"), [([True, True], True), ([True, None], True), ([None, False], False), ([False, True], False)]
)
def test_a_check_holds_when_nothing_in_it_does_not(found: list[bool | None], holds: bool) -> None:
    proof = PieceProof(piece=PIECE, badge=Badge.SIGNED, holds=True, files=[])
    findings = [CheckFinding(what="x", holds=each, told="") for each in found]
    assert PieceCheck(at=PIECE.created_at, proof=proof, findings=findings).holds is holds
