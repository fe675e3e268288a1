"""What a file's content credentials say, and what a check of them finds (PRV-1, MED-4)."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from chimera_protocol.wire import Name, Sha256, Wire

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

PROVENANCE = "org.chimera.provenance"
"""The label of our own assertion in a manifest."""


class SourceType(StrEnum):
    """How a picture or clip came to be, in the words of the IPTC: a model drew it, a rule drew it, or both."""

    TRAINED_ALGORITHMIC_MEDIA = "trainedAlgorithmicMedia"
    ALGORITHMIC_MEDIA = "algorithmicMedia"
    COMPOSITE_SYNTHETIC = "compositeSynthetic"

    @property
    def uri(self) -> str:
        """The name that every verifier knows it by."""
        return _SOURCE_TYPES + self.value


class DataUse(StrEnum):
    """Whether somebody may train models on a file or mine it."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "notAllowed"


class FileStatement(Wire):
    """What Chimera says about a file and signs into it: which asset, made by what, under which persona."""

    asset_id: Name
    soul_hash: Sha256
    prompt_hash: Sha256 | None = None
    model: Name
    seeds: tuple[int, ...] = Field((), max_length=64)
    source_type: SourceType
    data_use: DataUse = DataUse.NOT_ALLOWED
    title: Name | None = None


class SignedFile(Wire):
    """What came out of a signing. `stamped_at` is the word of the time-stamp authority; without it,
    `unstamped_because` says why."""

    sha256: Sha256
    manifest: Name
    algorithm: Name
    signed_by: Name
    stamped_at: datetime | None = None
    unstamped_because: str | None = None
    parent: Name | None = Field(None, description="The manifest that the file already carried; it is kept.")


class SignedText(SignedFile):
    """The same for a text: it carries its manifest in characters that nobody sees. The hash is of its UTF-8 form."""

    text: str


class CredentialState(StrEnum):
    """What a check of a file's credentials comes to; the first word that fits, from the bottom up."""

    VALID = "valid"
    VALID_EXPIRED_WITH_TIMESTAMP = "valid_expired_with_timestamp"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"
    TAMPERED = "tampered"
    BROKEN = "broken"
    STRIPPED = "stripped"


class FileVerdict(Wire):
    """What a check found, in one word, with the reasons in plain ones, and what the file says about itself.

    The assertions of a file that is not `good` are shown for the reader who looks into it: nobody vouches for them.
    """

    state: CredentialState
    reasons: tuple[str, ...] = Field(min_length=1)
    sha256: Sha256
    manifest: str | None = None
    signed_by: str | None = None
    signed_until: datetime | None = Field(None, description="The end of the signing certificate.")
    stamped_at: datetime | None = Field(None, description="Only from a time-stamp authority that is trusted.")
    assertions: dict[str, JsonValue] = {}
    parents: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the file is as it was signed, by whom we trust."""
        return self.state in {CredentialState.VALID, CredentialState.VALID_EXPIRED_WITH_TIMESTAMP}
