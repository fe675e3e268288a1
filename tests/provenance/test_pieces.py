"""Pieces with their proofs: a tenant's own for the tenant, and what was published for everybody (PRV-1, DAT-4)."""

import hashlib
import json
from uuid import UUID, uuid4

import pytest
from tests.house import House

from chimera.accounts.service import Influencer
from chimera.media.types import MediaFacts, MediaItem, storage_uri
from chimera.provenance.rules.hashes import content_hash
from chimera.provenance.service.pieces import PieceService
from chimera.provenance.store import SQL
from chimera.values import Stage
from chimera_protocol.errors import NotFound

TEXT = "Look up tonight."
FILE = "f" * 64
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def store(house: House) -> PieceService:
    return PieceService(house.system.swarm, house.system.tenants)


def item() -> MediaItem:
    return MediaItem(
        storage_uri=storage_uri(FILE, "image/png"),
        sha256=FILE,
        facts=MediaFacts(media_type="image/png", encoding_format="image/png"),
        alt="",
        model="m",
        seed=1,
        character_reference_id="nora",
        generation_duration_ms=1,
    )


async def approved(house: House, *, media: bool = True) -> tuple[UUID, UUID]:
    """A piece that shows a file: its effect and its asset."""
    running = await house.running()
    piece = await house.piece(running["a"], TEXT)
    hashed = content_hash([TEXT], [FILE] if media else [])
    judgement = house.judgement(piece, effect=house.effect(piece, content_hash=hashed))
    assert judgement.asset is not None
    if media:
        judgement = judgement.model_copy(update={"asset": judgement.asset.model_copy(update={"media": [item()]})})
    house.take_queued()
    await house.system.judging.commit(judgement)
    assert judgement.asset is not None
    return house.queued[Stage.PUBLISH][0], judgement.asset.asset_id


async def published(house: House) -> UUID:
    effect_id, asset_id = await approved(house)
    effect = await house.begin(effect_id)
    await house.system.effects.finish(effect, house.receipt())
    return asset_id


async def test_a_file_is_found_by_its_tenant_and_by_nobody_else(
    house: House, store: PieceService, other_tenant: tuple[UUID, Influencer]
) -> None:
    await approved(house)
    assert await store.file(house.tenant_id, FILE) == item()
    for tenant, sha256 in ((other_tenant[0], FILE), (house.tenant_id, "e" * 64), (house.tenant_id, DIGEST)):
        with pytest.raises(NotFound):
            await store.file(tenant, sha256)


async def test_strangers_find_what_was_published_by_text_file_and_address(house: House, store: PieceService) -> None:
    asset_id = await published(house)
    for found in (
        await store.shown([DIGEST], 5),
        await store.shown(["0" * 64, FILE], 5),
        await store.posted("https://social.example/1", 5),
    ):
        assert [piece.asset_id for piece in found] == [asset_id]
        assert [out.url for out in found[0].outings] == ["https://social.example/1"]
    assert await store.shown([], 5) == await store.posted("https://social.example/2", 5) == []


async def test_strangers_do_not_find_what_was_not_published(house: House, store: PieceService) -> None:
    _, asset_id = await approved(house)
    assert await store.shown([DIGEST, FILE], 5) == []
    (own,) = await store.pieces(house.tenant_id, [asset_id])
    assert (own.outings, own.log, own.anchor) == ([], None, None)


async def test_a_piece_knows_its_leaf_and_its_first_anchor(house: House, store: PieceService) -> None:
    asset_id, system = await published(house), house.system
    await system.transparency.seal(system.log_key)
    (sealed,) = await store.pieces(house.tenant_id, [asset_id])
    assert sealed.log is not None
    assert sealed.anchor is None
    shown = await system.transparency.inclusion(house.tenant_id, "provenance", sealed.provenance_id)
    assert (sealed.log.index, sealed.log.leaf_hash) == (shown.index, shown.leaf_hash)
    assert (sealed.log.size, sealed.log.root) == (shown.checkpoint.size, shown.checkpoint.root)
    batch = await system.transparency.due_anchor()
    assert batch is not None
    await system.transparency.anchored(batch, bytes.fromhex(batch.root), chain_id=1, tx_hash="0x1", block=5)
    (anchored,) = await store.pieces(house.tenant_id, [asset_id])
    assert anchored.anchor is not None
    assert (anchored.anchor.chain_id, anchored.anchor.tx_hash, anchored.anchor.block) == (1, "0x1", 5)
    assert json.loads(await store.row(house.tenant_id, sealed.provenance_id))["asset_id"] == str(asset_id)


async def test_the_gallery_has_what_shows_something(
    house: House, store: PieceService, other_tenant: tuple[UUID, Influencer]
) -> None:
    _, asset_id = await approved(house)
    assert [piece.asset_id for piece in await store.gallery(house.tenant_id, 10)] == [asset_id]
    assert await store.gallery(house.tenant_id, 10, asset_id) == []
    assert await store.gallery(other_tenant[0], 10) == []
    assert await store.media(house.tenant_id, [asset_id, uuid4()]) == {asset_id: [item()]}
    assert await store.pieces(other_tenant[0], [asset_id]) == []
    with pytest.raises(NotFound):
        await store.row(other_tenant[0], uuid4())


async def test_a_piece_without_media_is_in_no_gallery(house: House, store: PieceService) -> None:
    await approved(house, media=False)
    assert await store.gallery(house.tenant_id, 10) == []


@pytest.mark.parametrize("name", ["shown", "posted", "kept"])
async def test_what_strangers_ask_reads_no_table_from_end_to_end(house: House, name: str) -> None:
    await house.raw.execute("SET enable_seqscan = off")
    await house.raw.execute("SET plan_cache_mode = force_generic_plan")
    await house.raw.execute(f"PREPARE asked AS {SQL[name].removesuffix(';')}")
    given = {"shown": "ARRAY['x'], 5", "posted": "'x', 5", "kept": "'x'"}[name]
    plan = "\n".join(row[0] for row in await house.raw.fetch(f"EXPLAIN EXECUTE asked({given})"))
    assert "Seq Scan" not in plan, plan
    assert {"shown": "asset_by_digest", "posted": "publication_by_url", "kept": "asset_by_digest"}[name] in plan
