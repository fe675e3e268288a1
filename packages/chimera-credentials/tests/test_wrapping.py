"""Texts with a manifest: a stranger's verifier accepts them, and a changed letter is found."""

import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import encypher_c2pa
import pytest
from credential_setup import GENERATOR
from hypothesis import given
from hypothesis import strategies as st

from chimera_credentials.authority import Authority
from chimera_credentials.signing import FileSigner
from chimera_credentials.text_embedding import SLACK, fitted, normal, size, unwrapped, wrapper
from chimera_credentials.timestamps import OwnStamps
from chimera_credentials.types import PROVENANCE, CredentialState, FileStatement
from chimera_credentials.verifying import verify_text
from chimera_protocol.errors import Invalid

LONG = "How I grow herbs on a balcony. 🌿 Première leçon: ne pas noyer le basilic.\n\n水は朝にやる。 " * 20


def stranger(text: str, root_pem: str, at: datetime | None = None) -> tuple[str, str, str]:
    report = encypher_c2pa.verify(
        text.encode(),
        "text/plain",
        trust_pem=root_pem,
        tsa_trust_pem=root_pem,
        no_default_trust=True,
        validation_time=at.isoformat() if at else None,
    )
    return report["integrity"], report["hard_binding"], report["trust"]["status"]


ACCEPTED = ("valid", "match", "valid_for_supplied_material")


@pytest.mark.parametrize("text", [LONG, "short", "", unicodedata.normalize("NFD", "décomposé " * 30), "❤️ " * 9])
def test_a_stranger_accepts_a_signed_text_and_people_see_no_difference(
    text: str, signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    made = signer.sign_text(text, statement)
    assert stranger(made.text, authority.root_pem) == ACCEPTED
    assert unwrapped(made.text)[0].text == normal(text)
    assert made.stamped_at
    verdict = verify_text(made.text, authority.root_pem)
    assert (verdict.state, verdict.sha256, verdict.manifest) == (CredentialState.VALID, made.sha256, made.manifest)
    assert verdict.assertions[PROVENANCE]["model"] == "studio/card-3"


def test_every_signing_comes_out_whole(signer: FileSigner, statement: FileStatement, authority: Authority) -> None:
    """The lengths in a manifest have some chance in them, and must agree to the byte."""
    for number in range(20):
        made = signer.sign_text(f"{LONG} {number}", statement)
        assert verify_text(made.text, authority.root_pem).good
        assert stranger(made.text, authority.root_pem) == ACCEPTED


def test_a_copy_that_is_spelled_otherwise_is_the_same_text(
    signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    made = signer.sign_text(LONG, statement)
    assert verify_text(unicodedata.normalize("NFD", made.text), authority.root_pem).good


def test_a_changed_letter_and_a_word_after_the_end_are_tampering(
    signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    made = signer.sign_text(LONG, statement)
    for changed in (made.text.replace("herbs", "herds", 1), made.text + " Buy now!", "Buy now! " + made.text):
        verdict = verify_text(changed, authority.root_pem)
        assert verdict.state is CredentialState.TAMPERED
        assert "content is not what was signed" in verdict.reasons[0]
        assert stranger(changed, authority.root_pem)[0] == "invalid"


def test_the_manifest_of_another_text_is_tampering(
    signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    one, two = (signer.sign_text(text, statement) for text in ("x" * 500, "y" * 500))
    swapped = "x" * 500 + two.text[500:]
    assert one.text[:500] == swapped[:500]
    assert verify_text(swapped, authority.root_pem).state is CredentialState.TAMPERED
    assert stranger(swapped, authority.root_pem)[0] == "invalid"


def test_without_its_invisible_part_a_text_is_stripped(
    signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    made = signer.sign_text(LONG, statement)
    assert verify_text(unwrapped(made.text)[0].text, authority.root_pem).state is CredentialState.STRIPPED
    assert verify_text("Love ❤️ \ufeff", authority.root_pem).state is CredentialState.STRIPPED


def test_a_part_of_it_or_two_of_it_is_broken(
    signer: FileSigner, statement: FileStatement, authority: Authority
) -> None:
    made = signer.sign_text(LONG, statement)
    for wrong in (made.text[:-1500], made.text + made.text):
        assert verify_text(wrong, authority.root_pem).state is CredentialState.BROKEN


def test_trust_and_time_are_as_with_files(
    signer: FileSigner, unstamped: FileSigner, statement: FileStatement, authority: Authority, tmp_path: Path
) -> None:
    stamped, bare = signer.sign_text(LONG, statement), unstamped.sign_text(LONG, statement)
    assert bare.unstamped_because == "no time-stamp authority is configured"
    later, other = datetime.now(UTC) + timedelta(days=100), Authority(tmp_path / "other").root_pem
    states = [
        verify_text(stamped.text, authority.root_pem, at=later).state,
        verify_text(bare.text, authority.root_pem).state,
        verify_text(bare.text, authority.root_pem, at=later).state,
        verify_text(stamped.text, other).state,
    ]
    assert states == [
        CredentialState.VALID_EXPIRED_WITH_TIMESTAMP,
        CredentialState.VALID,
        CredentialState.EXPIRED,
        CredentialState.UNTRUSTED,
    ]
    assert stranger(stamped.text, authority.root_pem, later) == ACCEPTED
    assert stranger(bare.text, authority.root_pem, later)[2] == "not_valid_for_supplied_material"


def test_a_text_is_signed_once(signer: FileSigner, statement: FileStatement) -> None:
    made = signer.sign_text(LONG, statement)
    with pytest.raises(Invalid, match="already"):
        signer.sign_text(made.text, statement)


def test_when_the_authority_refuses_a_text_is_signed_without(
    authority: Authority, statement: FileStatement, tmp_path: Path
) -> None:
    class Refusing:
        def answer(self, query: bytes) -> bytes:
            return OwnStamps(authority).answer(query[:-1])

    signer = FileSigner(authority, Refusing(), GENERATOR)
    made = signer.sign_text(LONG, statement)
    assert "RFC 3161" in (made.unstamped_because or "")
    assert stranger(made.text, authority.root_pem) == ACCEPTED
    signer.close()


@given(st.binary(min_size=1, max_size=300), st.text(max_size=40), st.text(max_size=40))
def test_what_is_wrapped_comes_out_again(store: bytes, before: str, after: str) -> None:
    (found,) = unwrapped(before + wrapper(store) + "." + after)
    assert found.store == store
    assert found.text == normal(before) + normal("." + after)
    assert found.length == size(store) == len(wrapper(store).encode())


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    assert all(len(found.text) < len(normal(text)) for found in unwrapped(text))


def test_a_length_that_nothing_fits_is_said() -> None:
    assert fitted(lambda room: b"\x20" * 2000, SLACK) is None
    made = fitted(lambda room: b"\x20" * 10 + bytes(room), size(b"\x20" * 10) + 300)
    assert made
    assert len(made.encode()) == size(b"\x20" * 10) + 300
