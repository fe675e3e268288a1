"""From a wish for a picture to a signed one on the network: made, compared, approved, lent, kept byte for byte."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import encypher_c2pa
from tests.journeys.fleet import dispatch, fleet_on, result, until

from chimera.settings import Settings
from chimera.wiring import content_hash

LONG = 90.0


async def test_a_picture_is_published_signed_and_a_stranger_can_tell_where_it_comes_from(
    settings: Settings, raw: Any
) -> None:
    async with fleet_on(settings, raw) as fleet, fleet.working():
        await fleet.post("/v1/tasks", dispatch("drawn", parameters={"topic": "AI history", "media": "image"}))
        await fleet.delivered("drawn", patience=LONG)
        (asset,) = await fleet.items("/v1/assets")
        (post,) = await fleet.published_once()
        root = fleet.system.authority.root_pem
    (item,), (shown,) = asset["media"], post["media"]
    path = Path(unquote(urlsplit(shown["url"]).path))
    report = encypher_c2pa.verify(str(path), trust_pem=root, tsa_trust_pem=root, no_default_trust=True)
    assert (report["integrity"], report["hard_binding"]) == ("valid", "match")
    assert shown["sha256"] == item["sha256"] != item["unsigned_sha256"]
    assert asset["content_hash"] == content_hash(asset["parts"], [item["sha256"]])
    assert (asset["resolution"], asset["storage_uri"]) == (item["facts"]["resolution"], item["storage_uri"])
    assert item["character_reference_id"] == "TechInfluencer"


async def test_a_picture_of_somebody_else_does_not_leave(settings: Settings, raw: Any) -> None:
    """The Judge compares with the persona of the task, whatever the maker of the picture says."""
    async with fleet_on(settings, raw) as fleet:
        await fleet.no_second_way()
        async with fleet.working():
            await fleet.post("/v1/tasks", dispatch("other", worker="external"))
            await fleet.post("/v1/tasks/claim", {}, 200)
            made = await fleet.system.tools.call(
                "studio-mcp",
                "generate_image",
                {"kind": "card", "title": "x", "character_reference_id": "somebody-else"},
            )
            stored, facts = await fleet.system.shelf.ingest(made.data["files"][0]["uri"])  # type: ignore[index, call-overload, arg-type]
            item = {
                "storage_uri": stored.storage_uri,
                "sha256": stored.sha256,
                "facts": facts.model_dump(mode="json"),
                "alt": "A card",
                "model": "chimera-studio/1",
                "seed": 1,
                "character_reference_id": "TechInfluencer",
                "shown_at": made.data["files"][0]["uri"],  # type: ignore[index, call-overload]
                "generation_duration_ms": 5,
            }
            artifact = {"type": "text", "content": "AI is reshaping the future", "media": [item]}
            await fleet.post("/v1/tasks/other/result", {**result("other"), "artifact": artifact})
            rejected = await until(
                lambda: fleet.get("/v1/tasks/other"), lambda found: found["status"] == "rejected", LONG
            )
        assert "does not show the influencer's character" in rejected["verdicts"][0]["reasons"][0]
        assert await fleet.items("/v1/publications") == []
