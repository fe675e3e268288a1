"""Verdicts in plain words."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from chimera.provenance.page.verify import NOWHERE, PLAIN, VERDICTS, says, tell
from chimera.provenance.types.proofs import Checked
from chimera_credentials.types import PROVENANCE, CredentialState, FileVerdict


def found(assertions: Mapping[str, JsonValue], **more: object) -> FileVerdict:
    return FileVerdict.model_validate(
        {"state": "valid", "reasons": ("r",), "sha256": "0" * 64, "assertions": dict(assertions), **more}
    )


@pytest.mark.parametrize("state", [*CredentialState])
def test_every_state_has_words(state: CredentialState) -> None:
    verdict = found({}, state=state)
    assert tell(Checked(kind="file", sha256="0" * 64, verdict=verdict, known=[])) == VERDICTS[state]


def test_what_carries_nothing_is_known_or_not() -> None:
    assert tell(Checked(kind="text", sha256="0" * 64, verdict=None, known=[])) == PLAIN
    assert tell(Checked(kind="address", sha256=None, verdict=None, known=[])) == NOWHERE


def test_it_says_who_and_when_and_how() -> None:
    ours: dict[str, JsonValue] = {"model": "m", "seeds": ["1", "2"], "source_type": "trainedAlgorithmicMedia"}
    at = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    said = dict(says(found({PROVENANCE: ours}, signed_by="Somebody", stamped_at=at, parents=("a",))))
    assert said == {
        "Signed by": "Somebody",
        "Signed at": "03 February 2026 04:05:00 UTC, by a trusted time stamp",
        "How it was made": "made by a trained model",
        "Model": "m",
        "Seeds": "1, 2",
        "Made from": "1 signed file",
    }


HOSTILE: list[dict[str, JsonValue]] = [
    {PROVENANCE: ["x"]},
    {PROVENANCE: {"model": {"a": 1}, "seeds": "7", "source_type": 3.5, "asset_id": None}},
    {"c2pa.actions.v2": {"actions": "x"}},
    {"c2pa.actions": {"actions": [1, {"digitalSourceType": ["x"]}]}},
    {"c2pa.actions.v2": None},
]


@pytest.mark.parametrize("assertions", HOSTILE)
def test_what_makes_no_sense_is_left_out(assertions: dict[str, JsonValue]) -> None:
    assert list(says(found(assertions))) == []


def test_what_is_too_long_is_cut() -> None:
    said = dict(says(found({PROVENANCE: {"model": "x" * 9_000, "seeds": ["1"] * 999}})))
    assert len(said["Model"]) == 300
    assert said["Seeds"].count("1") == 16
