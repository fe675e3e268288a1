"""Our own small certificate authority: root, intermediate, signer and stamper, made at first start (PRV-1)."""

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chimera_credentials.certificates import CertificateRole, Credential, common_name, issue, leads_to, pem
from chimera_protocol.errors import Invalid

Clock = Callable[[], datetime]

_ROOT = "root.pem"
_FILES = {
    CertificateRole.ROOT: "root-key.pem",
    CertificateRole.INTERMEDIATE: "intermediate.pem",
    CertificateRole.SIGNER: "signer.pem",
    CertificateRole.STAMPER: "stamper.pem",
}
_MOVED = "Put the right file back. Moving the whole folder away makes a new root, which old signatures do not fit."


def now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Terms:
    """How long each certificate lives. All but the root are replaced when a third of their life is left."""

    root: timedelta = timedelta(days=20 * 365)
    intermediate: timedelta = timedelta(days=5 * 365)
    signer: timedelta = timedelta(days=90)
    stamper: timedelta = timedelta(days=3 * 365)

    def of(self, role: CertificateRole) -> timedelta:
        """The life of one kind."""
        lives = {
            CertificateRole.ROOT: self.root,
            CertificateRole.INTERMEDIATE: self.intermediate,
            CertificateRole.SIGNER: self.signer,
        }
        return lives.get(role, self.stamper)


class Authority:
    """The keys that sign files, in a folder that only its owner can read. The root's certificate is for everybody.

    Several processes may share the folder: the first makes it whole, and each file holds a key with its full
    chain, so whoever renews one replaces it in one step and nobody reads a key with somebody else's certificate.
    """

    def __init__(self, folder: Path, *, clock: Clock = now, terms: Terms | None = None) -> None:
        self._folder = folder
        self._clock = clock
        self._terms = terms or Terms()
        self._lock = threading.Lock()
        self._held: dict[CertificateRole, Credential] = {}
        if not (folder / _ROOT).exists():
            self._found()
        self._root = _certificates(folder / _ROOT)[0]

    @property
    def root_pem(self) -> str:
        """The root's certificate as text: what a stranger needs to check our files. Not a secret."""
        return pem([self._root])

    def signer(self) -> Credential:
        """The key that signs manifests today."""
        with self._lock:
            return self._current(CertificateRole.SIGNER)

    def stamper(self) -> Credential:
        """The key that signs time stamps today."""
        with self._lock:
            return self._current(CertificateRole.STAMPER)

    def _found(self) -> None:
        """Make all of it beside the folder and move it there in one step: the first of several processes wins."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{self._folder.name}.", dir=self._folder.parent))
        title = f"Chimera {secrets.token_hex(4)}"  # a name of its own: a verifier may hold several of our roots
        made: Credential | None = None
        for role in (CertificateRole.ROOT, CertificateRole.INTERMEDIATE):
            made = issue(role, title, self._clock(), self._terms.of(role), made)
            _write(draft / _FILES[role], made.stored(), 0o600)
            if role is CertificateRole.ROOT:
                _write(draft / _ROOT, made.chain_pem.encode(), 0o644)
        try:
            draft.rename(self._folder)
        except OSError:
            shutil.rmtree(draft)
            if not (self._folder / _ROOT).exists():
                raise Invalid(f"{self._folder.name} is in the way and holds no {_ROOT}", remedy=_MOVED) from None

    def _current(self, role: CertificateRole) -> Credential:
        """What is held, else what is in the file, else what is made now, whichever is not due first."""
        held = self._held.get(role)
        if held and not self._due(held):
            return held
        path = self._folder / _FILES[role]
        found = self._read(path) if path.exists() else None
        if found is None or self._due(found):
            found = self._renew(role, path)
        self._held[role] = found
        return found

    def _renew(self, role: CertificateRole, path: Path) -> Credential:
        if role is CertificateRole.INTERMEDIATE:
            above = self._read(self._folder / _FILES[CertificateRole.ROOT])
        else:
            above = self._current(CertificateRole.INTERMEDIATE)
        title = common_name(self._root.subject).removesuffix(f" {CertificateRole.ROOT.value}")
        fresh = issue(role, title, self._clock(), self._terms.of(role), above)
        _write(path, fresh.stored(), 0o600)
        return fresh

    def _read(self, path: Path) -> Credential:
        found = _load(path)
        if leads_to(found.chain, [self._root]) is None:
            raise Invalid(f"{path.name} does not belong to {_ROOT}", remedy=_MOVED)
        return found

    def _due(self, held: Credential) -> bool:
        begin, end = held.certificate.not_valid_before_utc, held.certificate.not_valid_after_utc
        return self._clock() >= end - (end - begin) / 3


def _load(path: Path) -> Credential:
    try:
        text = path.read_bytes()
        key = serialization.load_pem_private_key(text, password=None)
    except (OSError, ValueError, TypeError) as error:
        raise Invalid(f"{path.name} does not hold a readable key: {str(error)[:200]}", remedy=_MOVED) from error
    chain = _certificates(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or chain[0].public_key() != key.public_key():
        raise Invalid(f"{path.name} holds a key that does not belong to its certificate", remedy=_MOVED)
    return Credential(key, chain[0], tuple(chain[1:]))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Invalid(f"{path.name} does not hold a readable certificate", remedy=_MOVED) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
