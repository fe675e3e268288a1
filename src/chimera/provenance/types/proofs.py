"""What proves a piece, and what a check of it comes to: for its owners, and for strangers (PRV-1, PRV-5)."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from chimera.media.types import MediaItem, StorageUri
from chimera_credentials.types import FileVerdict
from chimera_protocol.wire import Sha256, Wire


class Badge(StrEnum):
    """What the proofs of a piece or of a file come to, found by checking them and not by what a column says."""

    ANCHORED = "anchored"
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    BROKEN = "broken"


class LogRef(Wire):
    """Where a piece's signed statement is in the transparency log, and the first checkpoint that covers it."""

    index: int
    leaf_hash: Sha256
    size: int
    root: Sha256
    sealed_at: datetime
    public_key: str = Field(description="Of the log; Ed25519, base64url.")


class AnchorRef(Wire):
    """The transaction that fixed a checkpoint over the piece on a chain, after it was read back."""

    chain_id: int
    tx_hash: str
    block: int
    read_back_at: datetime


class Publication(Wire):
    """Where and when a piece was published."""

    server: str
    url: str
    published_at: datetime


class PublishedPiece(Wire):
    """A piece with everything that proves it, as the database has it."""

    asset_id: UUID
    tenant_id: UUID
    provenance_id: UUID
    persona: str
    parts: list[str]
    media: list[MediaItem]
    content_hash: Sha256
    cryptographic_signature: str
    statement: dict[str, JsonValue]
    created_at: datetime
    outings: list[Publication]
    log: LogRef | None = None
    anchor: AnchorRef | None = None


class FileProof(Wire):
    """A file of a piece as it is in the store now. Without a verdict, `reasons` say why there is none."""

    storage_uri: StorageUri
    sha256: Sha256
    badge: Badge
    reasons: tuple[str, ...]
    verdict: FileVerdict | None = None


class PieceProof(Wire):
    """A piece, its files, and what a look at them found."""

    piece: PublishedPiece
    badge: Badge
    holds: bool = Field(description="Its content is what the signed statement says, and the signature is good.")
    files: list[FileProof]


class CheckFinding(Wire):
    """One thing that was checked: whether it holds, and in words what was found. None: there is nothing to check."""

    what: str
    holds: bool | None
    told: str


class PieceCheck(Wire):
    """A check of a piece down to its leaf in the log, done anew."""

    at: datetime
    proof: PieceProof
    findings: list[CheckFinding]

    @property
    def holds(self) -> bool:
        """Whether nothing was found that does not hold."""
        return all(finding.holds is not False for finding in self.findings)


class KnownPiece(Wire):
    """What this installation tells anybody about something that it has published, and nothing that is nobody's
    business: with the statement, the signature and the key a stranger can check it."""

    asset_id: UUID
    persona: str
    parts: list[str]
    files: list[Sha256]
    outings: list[Publication]
    holds: bool
    statement: dict[str, JsonValue]
    cryptographic_signature: str = Field(description="Detached JWS over the RFC 8785 form of the statement.")
    public_key: str = Field(description="Ed25519, base64url: `x` of RFC 8037.")
    log: LogRef | None = None
    anchor: AnchorRef | None = None


class Checked(Wire):
    """The answer to a stranger: what the credentials in a file or a text come to, and whether we know it.

    A text without credentials has no verdict. What was not published is as unknown as what never was.
    """

    kind: Literal["file", "text", "address"]
    sha256: Sha256 | None
    verdict: FileVerdict | None
    known: list[KnownPiece]


class RootCertificate(Wire):
    """The certificate that everything here is signed under: all that somebody else's software needs."""

    pem: str
    sha256: Sha256 = Field(description="Of the certificate's bytes (DER).")
    good_until: datetime
