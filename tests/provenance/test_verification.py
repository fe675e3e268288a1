"""The name that a file is served under says what is in it; everything else of the desk is tried over HTTP."""

from chimera.media.types import MediaFacts, MediaItem, storage_uri
from chimera.wiring import System, served_name


def test_a_file_is_served_under_its_contents_hash() -> None:
    item = MediaItem(
        storage_uri=storage_uri("a" * 64, "video/mp4"),
        sha256="a" * 64,
        facts=MediaFacts(media_type="video/mp4", encoding_format="video/mp4"),
        alt="",
        model="m",
        seed=1,
        character_reference_id="c",
        generation_duration_ms=1,
    )
    assert served_name(item) == f"{'a' * 64}.mp4"


async def test_the_root_is_told_without_its_key(system: System) -> None:
    root = system.proofs.root
    assert root.pem == system.authority.root_pem
    assert "PRIVATE" not in root.model_dump_json()
    assert len(root.sha256) == 64
