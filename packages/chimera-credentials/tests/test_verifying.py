"""The check: each way of tampering has its word, and a stranger's verifier says the same."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from credential_setup import GENERATOR, Media, Report
from PIL import Image

from chimera_credentials.authority import Authority, Terms
from chimera_credentials.signing import FileSigner
from chimera_credentials.timestamps import OwnStamps
from chimera_credentials.types import PROVENANCE, CredentialState, FileStatement, FileVerdict
from chimera_credentials.verifying import verify_file
from chimera_protocol.errors import Invalid

KINDS = ["card.png", "card.jpg", "clip.mp4"]
Stranger = Callable[..., Report]


class Gallery:
    """Signs the media and hands out the signed bytes, and what both verifiers say about others."""

    def __init__(
        self, media: Mapping[str, Media], folder: Path, root_pem: str, stranger: Stranger, statement: FileStatement
    ) -> None:
        self.media = media
        self.folder = folder
        self.root_pem = root_pem
        self.statement = statement
        self._stranger = stranger

    def sign(self, signer: FileSigner, name: str, asset_id: str = "01a") -> bytes:
        target = self.folder / f"signed-{name}"
        said = self.statement.model_copy(update={"asset_id": asset_id})
        signer.sign_file(self.media[name].path, target, self.media[name].media_type, said)
        return target.read_bytes()

    def check(self, name: str, content: bytes, root_pem: str = "", at: datetime | None = None) -> FileVerdict:
        path = self.folder / f"check-{name}"
        path.write_bytes(content)
        return verify_file(path, root_pem or self.root_pem, at=at)

    def stranger(self, name: str, content: bytes, root_pem: str = "", at: datetime | None = None) -> tuple[str, str]:
        path = self.folder / f"check-{name}"
        path.write_bytes(content)
        report = self._stranger(path, self.media[name].media_type, root_pem or self.root_pem, at)
        return report["integrity"], report["trust"]["status"]


@pytest.fixture
def gallery(
    media: Mapping[str, Media], tmp_path: Path, authority: Authority, stranger: Stranger, statement: FileStatement
) -> Gallery:
    return Gallery(media, tmp_path, authority.root_pem, stranger, statement)


def later(days: int = 100) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


TRUSTED, REFUSED = ("valid", "valid_for_supplied_material"), ("valid", "not_valid_for_supplied_material")


@pytest.mark.parametrize("name", [*KINDS, "card.webp", "voice.wav"])
def test_a_signed_file_is_valid_and_tells_its_story(gallery: Gallery, signer: FileSigner, name: str) -> None:
    verdict = gallery.check(name, gallery.sign(signer, name))
    assert (verdict.state, verdict.good) == (CredentialState.VALID, True)
    assert verdict.reasons == ("The content is as it was signed, and who signed it is trusted.",)
    assert verdict.assertions[PROVENANCE]["seeds"] == ["7", "9223372036854775808"]
    assert verdict.stamped_at
    assert verdict.signed_until
    assert timedelta(days=89) < verdict.signed_until - verdict.stamped_at <= timedelta(days=90)
    assert verdict.parents == ()


# Where the pixels and samples are: near the end of a PNG or JPEG, behind the manifest of an MP4.
CONTENT = {"card.png": -60, "card.jpg": -200, "clip.mp4": -2000}


@pytest.mark.parametrize("name", KINDS)
def test_one_flipped_byte_in_the_content_is_tampering(gallery: Gallery, signer: FileSigner, name: str) -> None:
    changed = flipped(gallery.sign(signer, name), CONTENT[name])
    verdict = gallery.check(name, changed)
    assert verdict.state is CredentialState.TAMPERED
    assert "content is not what was signed" in verdict.reasons[0]
    assert gallery.stranger(name, changed)[0] == "invalid"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("said", [b"studio/card-3", b"Chimera", b"notAllowed", b"algorithmicMedia"])
def test_one_flipped_byte_in_the_manifest_is_tampering(
    gallery: Gallery, signer: FileSigner, name: str, said: bytes
) -> None:
    content = gallery.sign(signer, name)
    changed = flipped(content, content.index(said))
    verdict = gallery.check(name, changed)
    assert verdict.state is CredentialState.TAMPERED
    assert gallery.stranger(name, changed)[0] == "invalid"


def test_a_flipped_byte_anywhere_never_changes_what_a_good_file_says(gallery: Gallery, signer: FileSigner) -> None:
    """Nobody signs the names of the boxes (a few bytes), nor the certificates in a time stamp: a stamp with other
    ones is a stamp of somebody unknown."""
    content = gallery.sign(signer, "card.jpg")
    base = gallery.check("card.jpg", content)
    tried = range(3, len(content), 61)
    unnoticed = 0
    for at in tried:
        verdict = gallery.check("card.jpg", flipped(content, at))
        if verdict.good:
            assert (verdict.assertions, verdict.signed_by) == (base.assertions, base.signed_by)
            if verdict.stamped_at is None:
                assert "authority that is not trusted" in verdict.reasons[1]
            else:
                assert verdict.stamped_at == base.stamped_at
                unnoticed += 1
    assert unnoticed < len(tried) / 50


@pytest.mark.parametrize("name", ["card.png", "card.jpg"])
def test_what_is_hidden_in_the_empty_room_of_the_signature_is_found(
    gallery: Gallery, signer: FileSigner, name: str
) -> None:
    """Nobody signs the padding, and a stranger's verifier passes over it: it could carry anything."""
    content = gallery.sign(signer, name)
    changed = flipped(content, content.index(b"\0" * 4000) + 2000)
    verdict = gallery.check(name, changed)
    assert verdict.state is CredentialState.TAMPERED
    assert "room" in verdict.reasons[0]


def test_a_time_stamp_that_was_touched_is_tampering(gallery: Gallery, signer: FileSigner) -> None:
    content = gallery.sign(signer, "card.png")
    year = content.index(datetime.now(UTC).strftime("%Y%m%d").encode())
    verdict = gallery.check("card.png", flipped(content, year + 7))
    assert verdict.state is CredentialState.TAMPERED
    assert "time stamp" in verdict.reasons[0]


def test_without_its_manifest_a_picture_is_stripped(gallery: Gallery, signer: FileSigner) -> None:
    gallery.sign(signer, "card.png")
    with Image.open(gallery.folder / "signed-card.png") as picture:
        picture.save(gallery.folder / "again.png")
    verdict = gallery.check("card.png", (gallery.folder / "again.png").read_bytes())
    assert verdict.state is CredentialState.STRIPPED
    assert verdict.assertions == {}
    assert "no manifest" in verdict.reasons[0]
    assert gallery.stranger("card.png", (gallery.folder / "again.png").read_bytes())[0] == "invalid"


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_was_never_signed_is_the_same(gallery: Gallery, name: str) -> None:
    assert gallery.check(name, gallery.media[name].path.read_bytes()).state is CredentialState.STRIPPED


def test_the_manifest_of_another_picture_is_tampering(gallery: Gallery, signer: FileSigner) -> None:
    """The whole block of one picture before the pixels of another."""
    signed, other = gallery.sign(signer, "card.jpg"), gallery.sign(signer, "other.jpg")
    tables = b"\xff\xdb"
    swapped = signed[: signed.rindex(tables, 0, -1000)] + other[other.rindex(tables, 0, -1000) :]
    assert swapped not in {signed, other}
    verdict = gallery.check("card.jpg", swapped)
    assert verdict.state is CredentialState.TAMPERED
    assert "another file's" in verdict.reasons[0]
    assert gallery.stranger("card.jpg", swapped)[0] == "invalid"


@pytest.mark.parametrize("name", KINDS)
def test_another_root_is_not_trusted(gallery: Gallery, signer: FileSigner, tmp_path: Path, name: str) -> None:
    content, other = gallery.sign(signer, name), Authority(tmp_path / "other").root_pem
    verdict = gallery.check(name, content, other)
    assert verdict.state is CredentialState.UNTRUSTED
    assert verdict.stamped_at is None
    assert "does not belong to the root" in verdict.reasons[0]
    assert gallery.stranger(name, content, other) == REFUSED


@pytest.mark.parametrize("name", KINDS)
def test_a_time_stamp_keeps_a_file_good_after_its_certificate(gallery: Gallery, signer: FileSigner, name: str) -> None:
    content = gallery.sign(signer, name)
    verdict = gallery.check(name, content, at=later())
    assert (verdict.state, verdict.good) == (CredentialState.VALID_EXPIRED_WITH_TIMESTAMP, True)
    assert gallery.stranger(name, content, at=later()) == TRUSTED


@pytest.mark.parametrize("name", KINDS)
def test_without_one_trust_ends_with_the_certificate(gallery: Gallery, unstamped: FileSigner, name: str) -> None:
    content = gallery.sign(unstamped, name)
    now = gallery.check(name, content)
    assert now.state is CredentialState.VALID
    assert "No time stamp" in now.reasons[1]
    then = gallery.check(name, content, at=later())
    assert (then.state, then.good) == (CredentialState.EXPIRED, False)
    assert gallery.stranger(name, content, at=later()) == REFUSED


def test_before_it_was_signed_it_was_not_good_either(gallery: Gallery, signer: FileSigner) -> None:
    assert gallery.check("card.jpg", gallery.sign(signer, "card.jpg"), at=later(-2)).state is CredentialState.EXPIRED


def test_a_certificate_that_really_ended(gallery: Gallery, tmp_path: Path) -> None:
    """By the real clock, so that the library's own reckoning is in it: it calls an expired one untrusted as well."""
    authority = Authority(tmp_path / "brief", terms=Terms(signer=timedelta(seconds=2)))
    signer = FileSigner(authority, OwnStamps(authority), GENERATOR)
    quiet = FileSigner(authority, None, GENERATOR)
    stamped, bare = gallery.sign(signer, "card.jpg"), gallery.sign(quiet, "card.png")
    end = authority.signer().certificate.not_valid_after_utc
    never = threading.Event()
    bound = time.monotonic() + 10
    while datetime.now(UTC) <= end + timedelta(seconds=1) and time.monotonic() < bound:
        never.wait(0.05)
    root, other = authority.root_pem, Authority(tmp_path / "other").root_pem
    assert gallery.check("card.jpg", stamped, root).state is CredentialState.VALID_EXPIRED_WITH_TIMESTAMP
    assert gallery.check("card.png", bare, root).state is CredentialState.EXPIRED
    assert gallery.check("card.png", bare, root, end - timedelta(seconds=1)).state is CredentialState.VALID
    assert gallery.check("card.jpg", stamped, other).state is CredentialState.UNTRUSTED
    assert gallery.check("card.png", bare, other).state is CredentialState.UNTRUSTED
    assert gallery.check("card.png", flipped(bare, -60), root).state is CredentialState.TAMPERED
    assert gallery.stranger("card.jpg", stamped, root) == TRUSTED
    assert gallery.stranger("card.png", bare, root) == REFUSED
    signer.close()


def test_the_stamps_of_another_authority_count_when_its_root_is_given(
    gallery: Gallery, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "stamps")
    signer = FileSigner(authority, OwnStamps(other), GENERATOR, stamp_pem=other.root_pem)
    content = gallery.sign(signer, "card.jpg")
    path = tmp_path / "stamped.jpg"
    path.write_bytes(content)
    known = verify_file(path, authority.root_pem, at=later(), stamp_pem=other.root_pem)
    unknown = verify_file(path, authority.root_pem, at=later())
    assert known.state is CredentialState.VALID_EXPIRED_WITH_TIMESTAMP
    assert unknown.state is CredentialState.EXPIRED
    assert "authority that is not trusted" in unknown.reasons[1]
    signer.close()


def test_whom_we_trust_for_stamps_may_not_sign(gallery: Gallery, signer: FileSigner, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    path.write_bytes(gallery.sign(signer, "card.jpg"))
    ours = Authority(tmp_path / "ours").root_pem
    assert verify_file(path, ours, stamp_pem=gallery.root_pem).state is CredentialState.UNTRUSTED


def test_a_file_signed_with_the_key_for_time_stamps_is_not_trusted(
    gallery: Gallery, authority: Authority, tmp_path: Path
) -> None:
    """The C2PA library lets it pass."""
    authority.stamper()
    authority.signer()
    folder = tmp_path / "credentials"
    (folder / "stamper.pem").replace(folder / "signer.pem")
    content = gallery.sign(FileSigner(Authority(folder), None, GENERATOR), "card.jpg")
    assert gallery.check("card.jpg", content).state is CredentialState.UNTRUSTED
    assert gallery.stranger("card.jpg", content) != TRUSTED


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_broken(gallery: Gallery, content: bytes) -> None:
    verdict = gallery.check("card.jpg", content)
    assert verdict.state in {CredentialState.BROKEN, CredentialState.STRIPPED}
    assert not verdict.good


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", KINDS)
def test_half_a_file_is_never_good(gallery: Gallery, signer: FileSigner, name: str, share: float) -> None:
    content = gallery.sign(signer, name)
    assert not gallery.check(name, content[: int(len(content) * share)]).good


def test_a_manifest_that_cannot_be_read_is_broken(gallery: Gallery, signer: FileSigner) -> None:
    content = gallery.sign(signer, "card.png")
    verdict = gallery.check("card.png", content.replace(b"jumdcbor", b"jumdcxxr"))
    assert verdict.state is CredentialState.BROKEN
    assert "cannot be read" in verdict.reasons[0]


def test_a_root_that_is_none_is_refused(gallery: Gallery, signer: FileSigner) -> None:
    gallery.sign(signer, "card.png")
    with pytest.raises(Invalid, match="root"):
        gallery.check("card.png", (gallery.folder / "signed-card.png").read_bytes(), "no root")
