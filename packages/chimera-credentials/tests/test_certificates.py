"""Certificates: which one leads to which root, and what it may be used for."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from chimera_credentials.certificates import CertificateRole, Credential, common_name, issue, leads_to, may_sign_claims

AT = datetime(2026, 11, 22, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.fixture
def root() -> Credential:
    return issue(CertificateRole.ROOT, "Chimera", AT, YEAR, None)


def under(root: Credential) -> tuple[Credential, Credential]:
    intermediate = issue(CertificateRole.INTERMEDIATE, "Chimera", AT, YEAR, root)
    return intermediate, issue(CertificateRole.SIGNER, "Chimera", AT, YEAR, intermediate)


def test_a_chain_leads_to_its_root_and_to_no_other_of_the_same_name(root: Credential) -> None:
    _, signer = under(root)
    other = issue(CertificateRole.ROOT, "Chimera", AT, YEAR, None)
    assert other.certificate.subject == root.certificate.subject
    assert leads_to(signer.chain, [other.certificate, root.certificate]) == root.certificate
    assert leads_to(signer.chain, [other.certificate]) is None


def test_a_chain_with_a_link_missing_or_out_of_order_leads_nowhere(root: Credential) -> None:
    intermediate, signer = under(root)
    assert leads_to([signer.certificate], [root.certificate]) is None
    assert leads_to([signer.certificate, root.certificate], [root.certificate]) is None
    assert leads_to([], [root.certificate]) is None
    assert leads_to([intermediate.certificate, signer.certificate], [root.certificate]) == root.certificate


def test_one_who_may_not_certify_leads_nobody_to_the_root(root: Credential) -> None:
    """Else every signer could make signers of his own."""
    _, signer = under(root)
    forged = issue(CertificateRole.SIGNER, "Mallory", AT, YEAR, signer)
    assert leads_to(forged.chain, [root.certificate]) is None


def test_only_a_signer_may_sign_claims(root: Credential) -> None:
    intermediate, signer = under(root)
    stamper = issue(CertificateRole.STAMPER, "Chimera", AT, YEAR, intermediate)
    may = {one.name: may_sign_claims(one.certificate) for one in (root, intermediate, signer, stamper)}
    assert [name for name, allowed in may.items() if allowed] == ["Chimera Signer"]


def test_a_plain_signature_is_the_one_in_der_without_its_wrapping(root: Credential) -> None:
    plain = root.sign_plain(b"claim")
    assert len(plain) == 64
    wrapped = encode_dss_signature(int.from_bytes(plain[:32], "big"), int.from_bytes(plain[32:], "big"))
    public = root.key.public_key()
    public.verify(wrapped, b"claim", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(wrapped, b"claim!", ec.ECDSA(hashes.SHA256()))


def test_the_name_is_the_one_that_people_read(root: Credential) -> None:
    assert common_name(root.certificate.subject) == root.name == "Chimera Root"


def test_the_root_stays_out_of_the_chain(root: Credential) -> None:
    intermediate, signer = under(root)
    assert signer.chain == (signer.certificate, intermediate.certificate)
    assert root.chain_pem not in signer.chain_pem
    assert b"PRIVATE KEY" in signer.stored()
