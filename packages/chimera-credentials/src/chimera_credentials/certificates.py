"""The certificates of a small authority: who may sign what, for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""c2pa-kp-claimSigning: what the C2PA asks for; verifiers from before it ask for e-mail protection."""

_BACKDATED = timedelta(minutes=5)
"""A verifier whose clock is a little late must not find a certificate of the future."""
_COORDINATE = 32


class CertificateRole(Enum):
    """What a certificate is for."""

    ROOT = "Root"
    INTERMEDIATE = "Intermediate"
    SIGNER = "Signer"
    STAMPER = "Time Stamps"

    @property
    def certifies(self) -> bool:
        """Whether it may issue other certificates."""
        return self in {CertificateRole.ROOT, CertificateRole.INTERMEDIATE}


@dataclass(frozen=True)
class Credential:
    """A key with its certificate and with those above it, the root left out."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What a verifier needs between the signature and the root."""
        return (self.certificate, *self.above)

    @property
    def chain_pem(self) -> str:
        """The chain as text."""
        return pem(self.chain)

    @property
    def name(self) -> str:
        """Who signs, as people read it."""
        return common_name(self.certificate.subject)

    def sign(self, payload: bytes) -> bytes:
        """An ECDSA signature with SHA-256, in DER."""
        return self.key.sign(payload, ec.ECDSA(hashes.SHA256()))

    def sign_plain(self, payload: bytes) -> bytes:
        """The same signature as two numbers side by side, as COSE wants it (RFC 9053)."""
        first, second = decode_dss_signature(self.sign(payload))
        return first.to_bytes(_COORDINATE, "big") + second.to_bytes(_COORDINATE, "big")

    def stored(self) -> bytes:
        """Key and chain in one text, so that a file is replaced whole."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.chain_pem.encode()


def issue(role: CertificateRole, title: str, at: datetime, life: timedelta, issuer: Credential | None) -> Credential:
    """A new key and its certificate; one without an issuer signs itself. Nothing outlives who vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"{title} {role.value}")
    begin, end = at - _BACKDATED, at + life
    above: tuple[x509.Certificate, ...] = ()
    if issuer:
        begin = max(begin, issuer.certificate.not_valid_before_utc)
        end = min(end, issuer.certificate.not_valid_after_utc)
        above = () if _self_signed(issuer.certificate) else issuer.chain
    signer = issuer.key if issuer else key
    draft = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(
            x509.BasicConstraints(role.certifies, 0 if role is CertificateRole.INTERMEDIATE else None), critical=True
        )
        .add_extension(_usage(role), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if role is CertificateRole.SIGNER:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING]
        draft = draft.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if role is CertificateRole.STAMPER:  # RFC 3161, 2.3: this purpose, alone and critical
        draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return Credential(key, draft.sign(signer, hashes.SHA256()), above)


def common_name(name: x509.Name) -> str:
    """The name in the name."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def pem(certificates: Sequence[x509.Certificate]) -> str:
    """Certificates as text, one under the other."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def leads_to(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The root that the first certificate of a chain hangs from, link by link; the time is not looked at."""
    for at, certificate in enumerate(chain):
        for root in roots:
            if certificate == root or _issued(certificate, root):
                return root
        if at + 1 == len(chain) or not _issued(certificate, chain[at + 1]):
            return None
    return None


def may_sign_claims(certificate: x509.Certificate) -> bool:
    """Whether a certificate is one for content credentials, and not, say, for a web site or another certificate."""
    try:
        purposes = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return not constraints.ca and bool(purposes & {ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING})


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound, ValueError, TypeError):
        return False
    return constraints.ca


def _self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _name(title: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Chimera"), x509.NameAttribute(NameOID.COMMON_NAME, title)]
    )


def _usage(role: CertificateRole) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not role.certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=role.certifies,
        crl_sign=role.certifies,
        encipher_only=False,
        decipher_only=False,
    )
