"""A badge is the worst of what was found."""

import pytest

from chimera.provenance.rules import badges
from chimera.provenance.types.proofs import Badge
from chimera_credentials.types import CredentialState

GOOD = {CredentialState.VALID, CredentialState.VALID_EXPIRED_WITH_TIMESTAMP}


@pytest.mark.parametrize("state", [*CredentialState])
def test_only_good_credentials_are_signed_and_only_their_absence_is_unsigned(state: CredentialState) -> None:
    expected = Badge.SIGNED if state in GOOD else Badge.BROKEN
    assert badges.of_file(state) is (Badge.UNSIGNED if state is CredentialState.STRIPPED else expected)


@pytest.mark.parametrize(
    ("files", "holds", "anchored", "badge"),
    [
        ([], True, False, Badge.SIGNED),
        ([], True, True, Badge.ANCHORED),
        ([Badge.SIGNED], True, True, Badge.ANCHORED),
        ([Badge.SIGNED, Badge.UNSIGNED], True, True, Badge.UNSIGNED),
        ([Badge.UNSIGNED, Badge.BROKEN], True, True, Badge.BROKEN),
        ([Badge.SIGNED], False, True, Badge.BROKEN),
        ([Badge.UNSIGNED], False, False, Badge.BROKEN),
    ],
)
def test_a_piece_is_as_good_as_its_worst_part(files: list[Badge], holds: bool, anchored: bool, badge: Badge) -> None:
    assert badges.of_piece(files, holds=holds, anchored=anchored) is badge
