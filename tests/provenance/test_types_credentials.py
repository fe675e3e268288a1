"""What is said about a file, and what a check may say."""

import pytest
from pydantic import ValidationError

from chimera_credentials.types import CredentialState, DataUse, FileStatement, FileVerdict, SourceType

SAID = {"asset_id": "1", "soul_hash": "a" * 64, "model": "composer", "source_type": "algorithmicMedia"}


@pytest.mark.parametrize("source_type", SourceType)
def test_a_source_type_has_the_name_of_the_iptc(source_type: SourceType) -> None:
    assert source_type.uri == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type.value}"


def test_nobody_may_train_on_a_file_unless_it_is_said() -> None:
    assert FileStatement.model_validate(SAID).data_use is DataUse.NOT_ALLOWED


@pytest.mark.parametrize(
    "wrong",
    [
        {"soul_hash": "a"},
        {"source_type": "painting"},
        {"model": ""},
        {"asset_id": "a\0"},
        {"more": 1},
        {"seeds": ["x"]},
    ],
)
def test_a_statement_that_says_nothing_clear_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FileStatement.model_validate(SAID | wrong)


def test_how_a_file_was_made_must_be_said() -> None:
    with pytest.raises(ValidationError):
        FileStatement.model_validate({name: value for name, value in SAID.items() if name != "source_type"})


def test_only_what_is_whole_and_trusted_is_good() -> None:
    good = {state for state in CredentialState if FileVerdict(state=state, reasons=("told",), sha256="a" * 64).good}
    assert good == {CredentialState.VALID, CredentialState.VALID_EXPIRED_WITH_TIMESTAMP}


def test_a_verdict_has_a_reason() -> None:
    with pytest.raises(ValidationError):
        FileVerdict(state=CredentialState.VALID, reasons=(), sha256="a" * 64)
