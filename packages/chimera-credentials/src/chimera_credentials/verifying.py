"""The check of a file's credentials, offline and against one root (PRV-1, PRV-5)."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from pydantic import JsonValue

from chimera_credentials.certificates import common_name, leads_to, may_sign_claims
from chimera_credentials.reading import ManifestFinding, NoManifest, Reading, UnreadableManifest, read, read_store
from chimera_credentials.text_embedding import Wrapped, unwrapped
from chimera_credentials.types import CredentialState, FileVerdict
from chimera_protocol.errors import Invalid

_TRUST = {"signingCredential.untrusted", "signingCredential.invalid"}
_TIME = {"signingCredential.expired", "claimSignature.outsideValidity"}
_CONTENT = ("assertion.dataHash.", "assertion.bmffHash.", "assertion.boxesHash.", "assertion.collectionHash.")
_CHANGED = (".mismatch", ".missing", ".undeclared", ".duplicate")

Judgement = tuple[CredentialState, list[str]]


def verify_file(
    path: Path,
    root_pem: str,
    *,
    at: datetime | None = None,
    media_type: str | None = None,
    stamp_pem: str = "",
) -> FileVerdict:
    """Check a file as of a moment (now, if none is said), with this root as the only one that is trusted.

    `stamp_pem` holds the roots of time-stamp authorities besides our own. The kind of the file is found in it when
    `media_type` is not told.
    """
    roots = _roots(root_pem)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        found = read(path, media_type, root_pem, stamp_pem)
    except NoManifest:
        return _stripped("file", sha256)
    except UnreadableManifest as error:
        return _broken(f"The manifest, or the file round it, is damaged and cannot be read: {error}", sha256)
    return _verdict(found, roots, at, sha256)


def verify_text(text: str, root_pem: str, *, at: datetime | None = None, stamp_pem: str = "") -> FileVerdict:
    """The same check for a text that carries its manifest in invisible characters."""
    roots = _roots(root_pem)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    carried = unwrapped(text)
    if not carried:
        return _stripped("text", sha256)
    if len(carried) > 1 or not carried[0].store:
        return _broken("The text carries a manifest that is cut short, or more than one.", sha256)
    try:
        found = read_store(carried[0].store, root_pem, stamp_pem)
    except UnreadableManifest as error:
        return _broken(f"The manifest in the text is damaged and cannot be read: {error}", sha256)
    if not _fits(carried[0], found.content_hash):
        found = replace(found, failures=(*found.failures, ManifestFinding(code="assertion.dataHash.mismatch")))
    return _verdict(found, roots, at, sha256)


def _fits(carried: Wrapped, said: JsonValue) -> bool:
    """Whether the hash in the manifest is the text's, all of it but the wrapper."""
    if not isinstance(said, dict):
        return False
    digest = base64.b64encode(hashlib.sha256(carried.text.encode()).digest()).decode()
    place: JsonValue = [{"start": carried.start, "length": carried.length}]
    return (said.get("alg"), said.get("hash"), said.get("exclusions")) == ("sha256", f"b64'{digest}'", place)


def _roots(root_pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(root_pem.encode())
    except ValueError as error:
        raise Invalid("the root is not a certificate", remedy="Give the text of root.pem.") from error


def _stripped(what: str, sha256: str) -> FileVerdict:
    told = f"The {what} carries no manifest: it was never signed, or the manifest was taken away."
    return FileVerdict(state=CredentialState.STRIPPED, reasons=(told,), sha256=sha256)


def _broken(told: str, sha256: str) -> FileVerdict:
    return FileVerdict(state=CredentialState.BROKEN, reasons=(told,), sha256=sha256)


def _verdict(found: Reading, roots: Sequence[x509.Certificate], at: datetime | None, sha256: str) -> FileVerdict:
    state, reasons = _judge(found, roots, at or datetime.now(UTC))
    leaf = found.signature.chain[0] if found.signature else None
    return FileVerdict(
        state=state,
        reasons=tuple(reasons),
        sha256=sha256,
        manifest=found.label,
        signed_by=found.signed_by,
        signed_until=leaf.not_valid_after_utc if leaf else None,
        stamped_at=found.stamped_at if found.stamp_trusted else None,
        assertions=dict(found.assertions),
        parents=found.parents,
    )


def _judge(found: Reading, roots: Sequence[x509.Certificate], at: datetime) -> Judgement:
    """First what was signed, then by whom, then when."""
    damage = [finding for finding in found.failures if finding.code not in _TRUST | _TIME]
    if damage:
        return _damaged(damage)
    if found.signature is None:
        return CredentialState.BROKEN, ["The signature cannot be read."]
    if not found.signature.clean:
        return CredentialState.TAMPERED, ["Something was written into the room that the signature leaves empty."]
    if found.signature.stamped and not found.stamped_at:
        return CredentialState.TAMPERED, ["The time stamp is damaged, or belongs to another signature."]
    chain = found.signature.chain
    root = leads_to(chain, roots)
    codes = {finding.code for finding in found.failures}
    # The library calls an expired certificate untrusted as well; whether it is, the chain says.
    refused = bool(codes & _TRUST) and not codes & _TIME
    if root is None or refused or not may_sign_claims(chain[0]):
        who = common_name(chain[0].subject)
        return CredentialState.UNTRUSTED, [f"It is signed by {who!r}, who does not belong to the root that is trusted."]
    return _timed(found, [*chain, root], at)


def _damaged(damage: Sequence[ManifestFinding]) -> Judgement:
    reasons = []
    changed = False
    for finding in damage:
        changed = changed or finding.code.endswith(_CHANGED)
        if finding.code.startswith(_CONTENT) and finding.code.endswith(_CHANGED):
            reasons.append("The content is not what was signed: it was changed, or the manifest is another file's.")
        elif finding.code == "claimSignature.mismatch":
            reasons.append("The claim is not what was signed: the manifest was changed.")
        elif finding.code.endswith(_CHANGED):
            reasons.append(f"A statement in the manifest is not what was signed ({finding.code}).")
        else:
            reasons.append(f"The manifest breaks the rules of C2PA ({finding.code}): {finding.explanation}")
    return (CredentialState.TAMPERED if changed else CredentialState.BROKEN), list(dict.fromkeys(reasons))


def _timed(found: Reading, chain: Sequence[x509.Certificate], at: datetime) -> Judgement:
    stamp = found.stamped_at if found.stamp_trusted else None
    moment = stamp if stamp and stamp <= at else at
    for certificate in chain:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begin <= moment <= end:
            told = f"The certificate of {common_name(certificate.subject)!r} is good from {begin:%d %B %Y %H:%M} to"
            return CredentialState.EXPIRED, [f"{told} {end:%d %B %Y %H:%M} UTC.", _no_stamp(found)]
    end = chain[0].not_valid_after_utc
    if at > end:
        told = f"It was signed at {moment:%d %B %Y %H:%M} UTC, by a trusted time stamp; the certificate ended later."
        return CredentialState.VALID_EXPIRED_WITH_TIMESTAMP, [told]
    reasons = ["The content is as it was signed, and who signed it is trusted."]
    return CredentialState.VALID, reasons if stamp else [
        *reasons,
        f"{_no_stamp(found)} It is good until {end:%d %B %Y}.",
    ]


def _no_stamp(found: Reading) -> str:
    if found.stamped_at:
        return "Its time stamp is of an authority that is not trusted."
    return "No time stamp says when it was signed."
