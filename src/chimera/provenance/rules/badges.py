"""What proofs come to in one word (PRV-1)."""

from collections.abc import Sequence

from chimera.provenance.types.proofs import Badge
from chimera_credentials.types import CredentialState


def of_file(state: CredentialState) -> Badge:
    """A file's badge: what nobody can vouch for is broken, what carries nothing is unsigned."""
    match state:
        case CredentialState.VALID | CredentialState.VALID_EXPIRED_WITH_TIMESTAMP:
            return Badge.SIGNED
        case CredentialState.STRIPPED:
            return Badge.UNSIGNED
        case _:
            return Badge.BROKEN


def of_piece(files: Sequence[Badge], *, holds: bool, anchored: bool) -> Badge:
    """A piece's badge: the worst of its statement's and its files'; anchored only when all of that is good."""
    if not holds or Badge.BROKEN in files:
        return Badge.BROKEN
    if Badge.UNSIGNED in files:
        return Badge.UNSIGNED
    return Badge.ANCHORED if anchored else Badge.SIGNED
