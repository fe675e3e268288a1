"""Proofs, checked: a tenant's own pieces down to their leaf in the log, and what strangers bring (PRV-1, PRV-5)."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from chimera.audit.service.log import LogService
from chimera.errors import Conflict, QueueFull
from chimera.media.types import Files, MediaItem
from chimera.provenance.ports import PublicKey
from chimera.provenance.reads import ProvenanceReads
from chimera.provenance.rules import badges, checks
from chimera.provenance.rules.hashes import statement_holds
from chimera.provenance.service.pieces import PieceService
from chimera.provenance.types.proofs import (
    Badge,
    Checked,
    CheckFinding,
    FileProof,
    KnownPiece,
    PieceCheck,
    PieceProof,
    PublishedPiece,
    RootCertificate,
)
from chimera.provenance.types.views import Verification
from chimera_credentials import sandbox as apart
from chimera_credentials.authority import Authority
from chimera_credentials.signing import FileSigner
from chimera_credentials.text_embedding import normal, unwrapped
from chimera_credentials.types import FileStatement, FileVerdict, SignedText
from chimera_credentials.verifying import verify_file
from chimera_protocol.errors import ChimeraError, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 2
"""Checks for strangers that one process makes at a time."""

PATIENCE = 5.0
"""Seconds that a stranger's check waits for its turn."""

KNOWN = 5
"""Pieces that a stranger is told of: a short text may have been said often."""

_OWN_AT_ONCE = 2
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,31}://[\x21-\x7e]{1,1900}", re.IGNORECASE)
_SAID_OF_TEXTS = {"asset_id", "soul_hash", "prompt_hash", "model", "source_type"}


class VerificationService:
    """Checks what this installation has signed, against its own root and keys alone."""

    def __init__(
        self,
        pieces: PieceService,
        reads: ProvenanceReads,
        log: LogService,
        files: Files,
        authority: Authority,
        signer: PublicKey,
        log_key: PublicKey,
        file_signer: FileSigner,
    ) -> None:
        self._pieces = pieces
        self._reads = reads
        self._log = log
        self._files = files
        self._authority = authority
        self._signer = signer
        self._log_key = log_key
        self._file_signer = file_signer
        self._strangers = asyncio.Semaphore(AT_ONCE)
        self._own = asyncio.Semaphore(_OWN_AT_ONCE)

    @property
    def root(self) -> RootCertificate:
        """What a stranger needs to check our files."""
        pem = self._authority.root_pem
        certificate = x509.load_pem_x509_certificate(pem.encode())
        return RootCertificate(
            pem=pem, sha256=certificate.fingerprint(hashes.SHA256()).hex(), good_until=certificate.not_valid_after_utc
        )

    # -- for the tenant

    async def verify(self, tenant_id: UUID, piece: str) -> Verification:
        """Check a piece, named by its asset's id or its post's address, against its signed statement.

        NotFound when there is no such piece.
        """
        named = UUID(piece) if _UUID.fullmatch(piece) else None
        asset = await self._reads.asset(tenant_id, named, None if named else piece)
        public_key = self._signer.public_key
        return Verification(
            asset_id=asset.asset_id,
            url=asset.url,
            holds=statement_holds(asset.statement, asset, asset.cryptographic_signature, public_key),
            content_hash=asset.content_hash,
            cryptographic_signature=asset.cryptographic_signature,
            statement=asset.statement,
            public_key=public_key,
        )

    async def file(self, tenant_id: UUID, name: str) -> MediaItem:
        """A file of the tenant's, by the name under which it is served. NotFound for everybody else's."""
        item = await self._pieces.file(tenant_id, name.partition(".")[0])
        if served_name(item) != name:
            raise NotFound(f"no piece shows a file {name}")
        return item

    async def copy_of(self, item: MediaItem, folder: Path) -> Path:
        """A file of a piece, copied into a folder."""
        return await self._files.materialise(item.storage_uri, folder)

    async def media(self, tenant_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, list[MediaItem]]:
        """What pieces show, by piece."""
        return await self._pieces.media(tenant_id, asset_ids)

    async def proof(self, tenant_id: UUID, asset_id: UUID) -> PieceProof:
        """One piece, looked at now."""
        return await self._proof(await self._piece(tenant_id, asset_id))

    async def text(self, tenant_id: UUID, asset_id: UUID) -> SignedText:
        """What a piece says, with its credentials in it, for places that take long texts.

        Conflict when the piece is no longer what was signed: nothing is vouched for twice.
        """
        piece = await self._piece(tenant_id, asset_id)
        if not self._holds(piece):
            raise Conflict("this is not what was signed", remedy="See what 'chimera audit verify' finds.")
        said = {name: value for name, value in piece.statement.items() if name in _SAID_OF_TEXTS}
        statement = FileStatement.model_validate({**said, "seeds": checks.numbers(piece.statement.get("seeds"))})
        async with self._own:
            return await asyncio.to_thread(self._file_signer.sign_text, "\n\n".join(piece.parts), statement)

    async def _piece(self, tenant_id: UUID, asset_id: UUID) -> PublishedPiece:
        found = await self._pieces.pieces(tenant_id, [asset_id])
        if not found:
            raise NotFound(f"no asset {asset_id}")
        return found[0]

    async def gallery(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> list[PieceProof]:
        """Pieces that show something, newest first, each looked at now."""
        found = await self._pieces.gallery(tenant_id, limit, before)
        return list(await asyncio.gather(*(self._proof(piece) for piece in found)))

    async def check(self, tenant_id: UUID, asset_id: UUID) -> PieceCheck:
        """A piece down to its leaf: content, signature, files, the row in the log, the path to a signed checkpoint."""
        proof = await self.proof(tenant_id, asset_id)
        piece = proof.piece
        files = checks.of_files(piece, proof.files)
        told = "content and statement fit, and the signature is ours" if proof.holds else "this is not what was signed"
        findings = [
            CheckFinding(what="Signed statement", holds=proof.holds, told=told),
            *files,
            *await self._in_log(piece),
        ]
        return PieceCheck(at=datetime.now(UTC), proof=proof, findings=findings)

    async def _in_log(self, piece: PublishedPiece) -> list[CheckFinding]:
        try:
            shown = await self._log.inclusion(piece.tenant_id, "provenance", piece.provenance_id)
        except NotFound:
            return [CheckFinding(what="Transparency log", holds=None, told="it is not sealed yet")]
        except ChimeraError as error:
            return [CheckFinding(what="Transparency log", holds=False, told=error.detail)]
        row = await self._pieces.row(piece.tenant_id, piece.provenance_id)
        return checks.of_log(row, shown, piece.anchor, self._log_key.public_key)

    async def _proof(self, piece: PublishedPiece) -> PieceProof:
        holds = self._holds(piece)
        files = [await self._file(item) for item in piece.media]
        badge = badges.of_piece([file.badge for file in files], holds=holds, anchored=piece.anchor is not None)
        return PieceProof(piece=piece, badge=badge, holds=holds, files=files)

    def _holds(self, piece: PublishedPiece) -> bool:
        return checks.piece_holds(piece, self._signer.public_key)

    async def _file(self, item: MediaItem) -> FileProof:
        """The file as it lies in the store now: its bytes are measured and its credentials read."""
        given = {"storage_uri": item.storage_uri, "sha256": item.sha256}
        try:
            async with self._own:
                verdict = await self._verdict(item)
        except ChimeraError as error:
            return FileProof(**given, badge=Badge.BROKEN, reasons=(f"{error.title}: {error.detail}",))
        return FileProof(**given, badge=badges.of_file(verdict.state), reasons=verdict.reasons, verdict=verdict)

    async def _verdict(self, item: MediaItem) -> FileVerdict:
        with TemporaryDirectory(prefix="chimera-proof-") as folder:
            path = await self._files.materialise(item.storage_uri, Path(folder))
            root, kind = self._authority.root_pem, item.facts.media_type
            return await asyncio.to_thread(verify_file, path, root, media_type=kind)

    # -- for strangers

    async def check_file(self, path: Path, sha256: str) -> Checked:
        """A file that somebody brings, read in a process apart. QueueFull when others are at it."""
        verdict = await self._apart(apart.CheckOrder(path=str(path), sha256=sha256, root_pem=self._authority.root_pem))
        known = await self._known(await self._pieces.shown([sha256], KNOWN))
        return Checked(kind="file", sha256=sha256, verdict=verdict, known=known)

    async def check_text(self, text: str) -> Checked:
        """A text that somebody brings: the credentials that it carries unseen, and whether it was published here.

        A post's address is a question about that post. Nothing is fetched from there.
        """
        if _ADDRESS.fullmatch(text.strip()):
            known = await self._known(await self._pieces.posted(text.strip(), KNOWN))
            return Checked(kind="address", sha256=None, verdict=None, known=known)
        carried = unwrapped(text)
        sha256 = _digest(text)
        verdict = None
        if carried:
            verdict = await self._apart(apart.CheckOrder(text=text, sha256=sha256, root_pem=self._authority.root_pem))
        forms = checks.forms([text, normal(text), *(each.text for each in carried)])
        known = await self._known(await self._pieces.shown([_digest(form) for form in forms], KNOWN))
        return Checked(kind="text", sha256=sha256, verdict=verdict, known=known)

    async def _apart(self, asked: apart.CheckOrder) -> FileVerdict:
        async with self._turn():
            return await apart.check(asked)

    @asynccontextmanager
    async def _turn(self) -> "AsyncIterator[None]":
        try:
            async with asyncio.timeout(PATIENCE):
                await self._strangers.acquire()
        except TimeoutError as error:
            raise QueueFull(f"{AT_ONCE} checks are being made already", remedy="Try again in a few seconds.") from error
        try:
            yield
        finally:
            self._strangers.release()

    async def _known(self, found: Sequence[PublishedPiece]) -> list[KnownPiece]:
        return [
            KnownPiece(
                asset_id=piece.asset_id,
                persona=piece.persona,
                parts=piece.parts,
                files=[item.sha256 for item in piece.media],
                outings=piece.outings,
                holds=self._holds(piece),
                statement=piece.statement,
                cryptographic_signature=piece.cryptographic_signature,
                public_key=self._signer.public_key,
                log=piece.log,
                anchor=piece.anchor,
            )
            for piece in found
        ]


def served_name(item: MediaItem) -> str:
    """The name under which a file is served: its content's hash, and the ending of its kind."""
    return item.storage_uri.rpartition("/")[2]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
