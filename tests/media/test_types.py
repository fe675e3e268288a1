"""Stored files and measured facts say only what can be."""

import pytest
from pydantic import ValidationError

from chimera.media.types import EXTENSIONS, MEDIA_TYPES, Altered, MediaFacts, StoredFile, storage_uri
from chimera_protocol.errors import ChimeraError, Invalid

HASH = "ab" * 32


def test_an_address_names_the_content_and_no_place() -> None:
    assert storage_uri(HASH, "image/jpeg") == f"file:sha256/{HASH}.jpg"


@pytest.mark.parametrize("media_type", ["image/svg+xml", "", "image/PNG", "text/html"])
def test_a_kind_that_is_not_kept_is_refused_with_those_that_are(media_type: str) -> None:
    with pytest.raises(Invalid) as refused:
        storage_uri(HASH, media_type)
    assert "video/mp4" in refused.value.remedy


def test_every_kind_has_an_ending_of_its_own_and_each_ending_leads_back() -> None:
    assert len(set(EXTENSIONS.values())) == len(EXTENSIONS)
    assert all(MEDIA_TYPES[ending] == media_type for media_type, ending in EXTENSIONS.items())
    assert set(MEDIA_TYPES.values()) == set(EXTENSIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"storage_uri": f"file:sha256/../{HASH}.png"},
        {"storage_uri": f"s3://bucket/{HASH}.png"},
        {"sha256": HASH.upper()},
        {"size": -1},
        {"folder": "/tmp"},
    ],
)
def test_a_stored_file_is_what_its_address_says(wrong: dict[str, str | int]) -> None:
    right = {"storage_uri": f"file:sha256/{HASH}.png", "sha256": HASH, "media_type": "image/png", "size": 3}
    assert StoredFile.model_validate(right).size == 3
    with pytest.raises(ValidationError):
        StoredFile.model_validate(right | wrong)


@pytest.mark.parametrize("rate", ["29.97", "30/0", "0", "-30", "30 fps", ""])
def test_a_frame_rate_is_exact(rate: str) -> None:
    assert MediaFacts(media_type="video/mp4", encoding_format="video/mp4", frame_rate="30000/1001").has_audio is False
    with pytest.raises(ValidationError):
        MediaFacts(media_type="video/mp4", encoding_format="video/mp4", frame_rate=rate)


@pytest.mark.parametrize(
    "wrong", [{"resolution": "1080 x 1350"}, {"resolution": "0x10"}, {"width": 0}, {"duration_ms": -1}]
)
def test_facts_that_cannot_be_are_refused(wrong: dict[str, str | int]) -> None:
    with pytest.raises(ValidationError):
        MediaFacts.model_validate({"media_type": "image/png", "encoding_format": "image/png"} | wrong)


def test_facts_do_not_change() -> None:
    facts = MediaFacts(media_type="image/png", encoding_format="image/png", width=4)
    with pytest.raises(ValidationError, match="frozen"):
        facts.width = 5


def test_an_altered_file_is_an_error_of_ours_with_a_remedy() -> None:
    problem = Altered("file:sha256/x.png was changed").problem()
    assert issubclass(Altered, ChimeraError)
    assert problem["status"] == 500
    assert "backup" in str(problem["remedy"])
