"""Time stamps: an authority of our own, or anybody's by its address (RFC 3161).

Without a stamp, trust in a signature ends with the certificate that made it; with one it lasts.
"""

import hashlib
import secrets
import time
from datetime import datetime
from typing import Annotated, Protocol

import httpx2
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding

from chimera_credentials.authority import Authority, Clock, now
from chimera_credentials.certificates import Credential
from chimera_protocol.errors import ChimeraError

LONGEST = 64 * 1024
"""No request and no answer of this protocol comes near it."""

_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_DIGESTS = {
    _SHA256: 32,
    x509.ObjectIdentifier("2.16.840.1.101.3.4.2.2"): 48,
    x509.ObjectIdentifier("2.16.840.1.101.3.4.2.3"): 64,
}
_ECDSA_SHA256 = x509.ObjectIdentifier("1.2.840.10045.4.3.2")
_SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO = x509.ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE = x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.47")
_POLICY = x509.ObjectIdentifier("2.5.29.32.0")
"""No policy in particular (anyPolicy): our stamps say what this machine's clock says, and no more."""
_GRANTED = 0


class NotStamped(ChimeraError):
    """The time-stamp authority gave no stamp."""

    status = 502
    title = "Not time-stamped"
    remedy = "Look at the address of the time-stamp authority; what is signed meanwhile has no time stamp."


class Stamps(Protocol):
    """Where time stamps come from."""

    def answer(self, query: bytes) -> bytes:
        """The reply of a time-stamp authority to a query, both in DER; raises `NotStamped`."""
        ...


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None = None


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Query:
    version: int
    imprint: _Imprint
    policy: x509.ObjectIdentifier | None = None
    nonce: int | None = None
    with_certificates: Annotated[bool, asn1.Default(value=False)] = False


@asn1.sequence
class _Stamp:
    version: int
    policy: x509.ObjectIdentifier
    imprint: _Imprint
    serial: int
    at: asn1.GeneralizedTime
    nonce: int | None = None


@asn1.sequence
class _CertificateHash:
    digest: bytes


@asn1.sequence
class _SigningCertificate:
    certificates: list[_CertificateHash]


@asn1.sequence
class _KindAttribute:
    kind: x509.ObjectIdentifier
    values: asn1.SetOf[x509.ObjectIdentifier]


@asn1.sequence
class _DigestAttribute:
    kind: x509.ObjectIdentifier
    values: asn1.SetOf[bytes]


@asn1.sequence
class _CertificateAttribute:
    kind: x509.ObjectIdentifier
    values: asn1.SetOf[_SigningCertificate]


_Attributes = asn1.SetOf[_KindAttribute | _DigestAttribute | _CertificateAttribute]


@asn1.sequence
class _Issuer:
    name: asn1.TLV
    serial: int


@asn1.sequence
class _Signature:
    version: int
    issuer: _Issuer
    digest: _Algorithm
    attributes: Annotated[_Attributes, asn1.Implicit(0)]
    algorithm: _Algorithm
    signature: bytes


@asn1.sequence
class _Content:
    kind: x509.ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _SignedData:
    version: int
    digests: asn1.SetOf[_Algorithm]
    content: _Content
    certificates: Annotated[asn1.SetOf[x509.Certificate] | None, asn1.Implicit(0)]
    signatures: asn1.SetOf[_Signature]


@asn1.sequence
class _Token:
    kind: x509.ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


@asn1.sequence
class _Status:
    status: int


@asn1.sequence
class _Reply:
    status: _Status
    token: _Token


class OwnStamps:
    """A time-stamp authority under our own root. It says what this machine's clock says: honest, and no more."""

    def __init__(self, authority: Authority, *, clock: Clock = now) -> None:
        self._authority = authority
        self._clock = clock

    def answer(self, query: bytes) -> bytes:
        """A stamp for the digest in the query."""
        try:
            asked = asn1.decode_der(_Query, query)
        except ValueError as error:
            raise NotStamped(f"the query is none of RFC 3161: {error}") from error
        if asked.version != 1 or _DIGESTS.get(asked.imprint.algorithm.algorithm) != len(asked.imprint.digest):
            raise NotStamped("only digests of SHA-256, SHA-384 and SHA-512 are stamped")
        if asked.policy not in {None, _POLICY}:
            raise NotStamped("stamps are given under our own policy only")
        return _reply(asked, self._authority.stamper(), self._clock())


class RemoteStamps:
    """A time-stamp authority by its address, waited for no longer than `seconds` in all."""

    def __init__(self, url: str, *, seconds: float = 5.0) -> None:
        self._url = url
        self._seconds = seconds

    def answer(self, query: bytes) -> bytes:
        """What the authority answers, as it is: whoever asked checks it."""
        until = time.monotonic() + self._seconds
        kind = {"content-type": "application/timestamp-query"}
        taken = b""
        try:
            with httpx2.stream("POST", self._url, content=query, headers=kind, timeout=self._seconds) as response:
                response.raise_for_status()
                for part in response.iter_bytes():
                    taken += part
                    if len(taken) > LONGEST or time.monotonic() > until:
                        raise NotStamped(f"{self._url} answers too much or too slowly")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotStamped(f"{self._url} gives no time stamp: {str(error)[:200] or type(error).__name__}") from error
        return taken


def _reply(asked: _Query, stamper: Credential, at: datetime) -> bytes:
    stamp = asn1.encode_der(
        _Stamp(
            version=1,
            policy=_POLICY,
            imprint=asked.imprint,
            serial=secrets.randbits(127) + 1,
            at=asn1.GeneralizedTime(at.replace(microsecond=0)),
            nonce=asked.nonce,
        )
    )
    whole = stamper.certificate.public_bytes(Encoding.DER)
    named = _SigningCertificate(certificates=[_CertificateHash(digest=hashlib.sha256(whole).digest())])
    attributes = asn1.SetOf[_KindAttribute | _DigestAttribute | _CertificateAttribute](
        [
            _KindAttribute(kind=_CONTENT_TYPE, values=asn1.SetOf([_TST_INFO])),
            _DigestAttribute(kind=_MESSAGE_DIGEST, values=asn1.SetOf([hashlib.sha256(stamp).digest()])),
            _CertificateAttribute(kind=_SIGNING_CERTIFICATE, values=asn1.SetOf([named])),
        ]
    )
    data = _SignedData(
        version=3,
        digests=asn1.SetOf([_Algorithm(algorithm=_SHA256)]),
        content=_Content(kind=_TST_INFO, content=stamp),
        certificates=asn1.SetOf(list(stamper.chain)) if asked.with_certificates else None,
        signatures=asn1.SetOf([_signature(stamper, attributes)]),
    )
    return asn1.encode_der(_Reply(status=_Status(status=_GRANTED), token=_Token(kind=_SIGNED_DATA, content=data)))


def _signature(stamper: Credential, attributes: _Attributes) -> _Signature:
    unsigned = _Signature(
        version=1,
        issuer=_Issuer(
            name=asn1.decode_der(asn1.TLV, stamper.certificate.issuer.public_bytes()),
            serial=stamper.certificate.serial_number,
        ),
        digest=_Algorithm(algorithm=_SHA256),
        attributes=attributes,
        algorithm=_Algorithm(algorithm=_ECDSA_SHA256),
        signature=b"",
    )
    unsigned.signature = stamper.sign(_as_set(attributes))
    return unsigned


@asn1.sequence
class _Wrapped:
    attributes: _Attributes


def _as_set(attributes: _Attributes) -> bytes:
    """The attributes in the form that is signed: a plain SET OF (RFC 5652, 5.4), out of the box it comes in."""
    boxed = asn1.encode_der(_Wrapped(attributes=attributes))
    length = boxed[1]
    return boxed[2 + (length & 0x7F if length & 0x80 else 0) :]
