"""The shelf: content-addressed, written whole, and read from nowhere else."""

import hashlib
import os
from pathlib import Path

import pytest

from chimera_studio.rules import MOST_IMAGE_BYTES, StudioError
from chimera_studio.studio import Studio


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "out")


def test_a_file_is_named_by_its_content_and_kept_once(studio: Studio) -> None:
    one, two = studio.keep(b"hello", "png"), studio.keep(b"hello", "png")
    assert one == two
    assert one.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert one.path == studio.out / f"{one.sha256}.png"
    assert (one.media_type, one.size) == ("image/png", 5)
    assert [path.name for path in studio.out.iterdir()] == [one.path.name]
    assert studio.read(one.uri) == b"hello"


def test_a_finished_file_is_moved_in(studio: Studio) -> None:
    made = studio.out / "made.tmp"
    made.write_bytes(b"clip")
    kept = studio.keep_file(made, "mp4")
    assert kept.sha256 == hashlib.sha256(b"clip").hexdigest()
    assert not made.exists()
    assert studio.read(kept.uri) == b"clip"


def test_nothing_half_written_stays_when_writing_fails(studio: Studio) -> None:
    with pytest.raises(StudioError, match=r"^invalid: the studio keeps no \.exe files"):
        studio.keep(b"x", "exe")
    (studio.out / f"{hashlib.sha256(b'y').hexdigest()}.png").mkdir()
    studio.keep(b"z", "png")
    assert not [path for path in studio.out.iterdir() if path.name.startswith(".new-")]


@pytest.mark.parametrize(
    ("uri", "refusal"),
    [
        ("https://example.com/a.png", "invalid"),
        ("file://elsewhere/a.png", "invalid"),
        ("/etc/passwd", "invalid"),
        ("file:///etc/passwd", "outside"),
        ("file://{out}/../secret.png", "outside"),
        ("file://{out}/%2e%2e/secret.png", "outside"),
        ("file://{out}/sub/a.png", "outside"),
        ("file://{out}/a%00.png", "outside"),
        ("file://{out}/", "outside"),
        ("file://{out}/missing.png", "unknown_file"),
        ("file://{out}/link.png", "outside"),
        ("file://{out}/folder.png", "outside"),
        ("file://{out}/pipe.png", "outside"),
        ("file://{out}/a.png?x=1", "invalid"),
    ],
)
def test_only_plain_files_of_the_shelf_are_read(studio: Studio, uri: str, refusal: str) -> None:
    (studio.out.parent / "secret.png").write_bytes(b"secret")
    (studio.out / "sub").mkdir()
    (studio.out / "sub" / "a.png").write_bytes(b"x")
    (studio.out / "a.png").write_bytes(b"x")
    (studio.out / "link.png").symlink_to(studio.out.parent / "secret.png")
    (studio.out / "folder.png").mkdir()
    os.mkfifo(studio.out / "pipe.png")
    with pytest.raises(StudioError) as caught:
        studio.read(uri.format(out=studio.out))
    assert str(caught.value).split(":")[0] == refusal


def test_a_huge_file_is_not_read(studio: Studio) -> None:
    with (studio.out / "huge.png").open("wb") as file:
        file.truncate(MOST_IMAGE_BYTES + 1)
    with pytest.raises(StudioError, match=r"^too_large: "):
        studio.read((studio.out / "huge.png").as_uri())
