"""The asset store as the roles see it: a picture of the real studio is taken in, measured, signed and lent."""

import asyncio
import hashlib
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import encypher_c2pa
import pytest
import pytest_asyncio
from PIL import Image

from chimera.gateways.files import LocalFiles
from chimera.gateways.mcp.host import ToolHost
from chimera.gateways.mcp.types import ToolServer
from chimera.gateways.probe_client import probe
from chimera.media.service import FileAssetStore
from chimera.media.types import Altered, MediaItem, storage_uri
from chimera_credentials.authority import Authority
from chimera_credentials.signing import Claimant, FileSigner
from chimera_credentials.timestamps import OwnStamps
from chimera_credentials.types import FileStatement, SourceType
from chimera_protocol.errors import Invalid, NotFound

pytestmark = pytest.mark.asyncio(loop_scope="module")


def path_of(uri: object) -> Path:
    return Path(unquote(urlsplit(str(uri)).path))


def sha256_of(path: Path) -> str:
    assert stat.S_ISREG(path.lstat().st_mode)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def scribble(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@dataclass(frozen=True)
class Drawn:
    """What the studio has made for the tests of this module."""

    folder: Path
    uri: str
    path: Path
    sha256: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tools(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ToolHost]:
    """The bundled studio and a network that takes files from `outbox`, each a process of its own."""
    folder = tmp_path_factory.mktemp("state")
    social = ["-m", "chimera_devnet.social", "--db", str(folder / "social.db"), "--media-from", str(folder / "outbox")]
    host = ToolHost(
        {
            "studio-mcp": ToolServer(
                command=sys.executable,
                args=["-m", "chimera_studio", "--out", str(folder / "studio")],
                reads=["generate_image"],
                timeout_seconds=120,
            ),
            "twitter-mcp": ToolServer(command=sys.executable, args=social, reads=["read_post"], acts=["post_tweet"]),
        }
    )
    yield host
    await host.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drawn(tools: ToolHost, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    asked = {"kind": "card", "character_reference_id": "Nora", "title": "Old light", "seed": 7}
    answer = await tools.call("studio-mcp", "generate_image", {**asked, "width": 320, "height": 400})
    files = answer.data["files"]
    assert isinstance(files, list)
    assert isinstance(files[0], dict)
    uri, sha256 = str(files[0]["uri"]), str(files[0]["sha256"])
    path = path_of(uri)
    return Drawn(path.parent, uri, path, sha256)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "credentials")


@pytest.fixture
def signer(authority: Authority) -> Iterator[FileSigner]:
    made = FileSigner(authority, OwnStamps(authority), Claimant("Chimera", "0.1.0"))
    yield made
    made.close()


@pytest.fixture
def shelf(tmp_path: Path, drawn: Drawn, signer: FileSigner) -> FileAssetStore:
    files = LocalFiles(tmp_path / "assets")
    return FileAssetStore(files, signer, probe, sources=[drawn.folder], outbox=drawn.folder.parent / "outbox")


@pytest.fixture
def statement() -> FileStatement:
    return FileStatement(
        asset_id="asset-1",
        soul_hash="a" * 64,
        prompt_hash="b" * 64,
        model="chimera-studio/1.0.0",
        seeds=(7,),
        source_type=SourceType.ALGORITHMIC_MEDIA,
    )


async def taken(shelf: FileAssetStore, drawn: Drawn) -> MediaItem:
    stored, facts = await shelf.ingest(drawn.uri)
    return MediaItem(
        storage_uri=stored.storage_uri,
        sha256=stored.sha256,
        facts=facts,
        alt="A card",
        model="chimera-studio/1.0.0",
        seed=7,
        character_reference_id="Nora",
        generation_duration_ms=60,
    )


async def test_a_picture_of_the_studio_is_taken_in_by_its_content_and_measured(
    shelf: FileAssetStore, drawn: Drawn
) -> None:
    stored, facts = await shelf.ingest(drawn.uri)
    assert (stored.sha256, stored.storage_uri) == (drawn.sha256, storage_uri(drawn.sha256, "image/png"))
    assert stored.size == drawn.path.stat().st_size
    assert (facts.media_type, facts.width, facts.height, facts.resolution) == ("image/png", 320, 400, "320x400")
    assert await shelf.measure(stored.storage_uri) == facts
    assert (await shelf.ingest(drawn.uri))[0] == stored


async def test_a_signed_picture_is_accepted_by_a_stranger_and_measured_again(
    shelf: FileAssetStore, drawn: Drawn, authority: Authority, statement: FileStatement
) -> None:
    item = await taken(shelf, drawn)
    signed = await shelf.sign(item, statement)
    assert signed.unsigned_sha256 == item.sha256 != signed.sha256
    assert signed.storage_uri == storage_uri(signed.sha256, "image/png")
    assert signed.facts == item.facts == await shelf.measure(signed.storage_uri)
    assert await shelf.measure(item.storage_uri) == item.facts
    lent = path_of(await shelf.export_copy(signed.storage_uri))
    assert sha256_of(lent) == signed.sha256
    report = encypher_c2pa.verify(
        lent,
        "image/png",
        trust_pem=authority.root_pem,
        tsa_trust_pem=authority.root_pem,
        no_default_trust=True,
        validation_time=None,
    )
    assert (report["integrity"], report["signature"], report["hard_binding"]) == ("valid", "valid", "match")
    assert report["trust"]["status"] == "valid_for_supplied_material"
    assert report["validation_results"]["failure"] == []
    with Image.open(drawn.path) as before, Image.open(lent) as after:
        assert before.tobytes() == after.tobytes()


async def test_what_is_lent_reaches_the_network_with_its_credentials(
    shelf: FileAssetStore, drawn: Drawn, tools: ToolHost, statement: FileStatement
) -> None:
    """The way of a published picture: studio, store, signature, outbox, post."""
    signed = await shelf.sign(await taken(shelf, drawn), statement)
    lent = await shelf.export_copy(signed.storage_uri)
    shown = {"uri": lent, "sha256": signed.sha256, "media_type": signed.facts.media_type, "alt": signed.alt}
    asked = {"account": "nora", "text": "Old light", "idempotency_key": signed.sha256, "media": [shown]}
    receipt = await tools.call("twitter-mcp", "post_tweet", {**asked})
    assert receipt.data["media"] == [signed.sha256]
    ids = receipt.data["ids"]
    assert isinstance(ids, list)
    post = await tools.call("twitter-mcp", "read_post", {"post_id": ids[0]})
    media = post.data["media"]
    assert isinstance(media, list)
    assert isinstance(media[0], dict)
    copy = path_of(media[0]["url"])
    assert sha256_of(copy) == signed.sha256
    assert copy.parent != drawn.folder.parent / "outbox"


async def test_a_copy_that_is_lent_is_in_the_outbox_alone_and_the_store_stays_whole(
    shelf: FileAssetStore, drawn: Drawn, tmp_path: Path
) -> None:
    stored, facts = await shelf.ingest(drawn.uri)
    first, second = await asyncio.gather(shelf.export_copy(stored.storage_uri), shelf.export_copy(stored.storage_uri))
    assert first == second
    lent = path_of(first)
    assert lent.parent == (drawn.folder.parent / "outbox").resolve()
    scribble(lent)
    assert sha256_of(lent) != stored.sha256
    assert await shelf.measure(stored.storage_uri) == facts
    assert await shelf.export_copy(stored.storage_uri) == first
    assert sha256_of(lent) == stored.sha256


async def test_what_is_not_there_or_was_altered_is_neither_measured_nor_lent(
    shelf: FileAssetStore, drawn: Drawn, tmp_path: Path, statement: FileStatement
) -> None:
    item = await taken(shelf, drawn)
    with pytest.raises(NotFound):
        await shelf.export_copy(storage_uri("0" * 64, "image/png"))
    (inside,) = (tmp_path / "assets").rglob(f"{item.sha256}.png")
    scribble(inside)
    for refused in (shelf.measure(item.storage_uri), shelf.export_copy(item.storage_uri), shelf.sign(item, statement)):
        with pytest.raises(Altered):
            await refused


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://example.com/a.png",
        "file://elsewhere{folder}/{name}",
        "file://[",
        "file://{folder}/%00.png",
        "file://{folder}/../{name}",
        "file://{folder}/%2e%2e/beside.png",
        "file://{folder}-more/{name}",
        "file://{folder}/{name}?more",
        "{folder}/{name}",
        "file:///etc/passwd",
    ],
)
async def test_nothing_is_taken_from_outside_the_sources(shelf: FileAssetStore, drawn: Drawn, uri: str) -> None:
    asked = uri.replace("{folder}", str(drawn.folder)).replace("{name}", drawn.path.name)
    with pytest.raises(Invalid, match="is not in a folder that media are taken from"):
        await shelf.ingest(asked)


async def test_links_count_for_where_they_lead(
    shelf: FileAssetStore, drawn: Drawn, signer: FileSigner, tmp_path: Path
) -> None:
    outside, studio = tmp_path / "outside.png", tmp_path / "studio"
    outside.write_bytes(drawn.path.read_bytes())
    studio.mkdir()
    inside = studio / "inside.png"
    inside.write_bytes(drawn.path.read_bytes())
    (studio / "out.png").symlink_to(outside)
    (studio / "folder").symlink_to(tmp_path)
    (studio / "in.png").symlink_to(inside)
    (studio / "round.png").symlink_to(studio / "round.png")
    (tmp_path / "alias").symlink_to(studio)
    own = FileAssetStore(
        LocalFiles(tmp_path / "own"), signer, probe, sources=[tmp_path / "alias"], outbox=tmp_path / "outbox"
    )
    for name in ("out.png", "folder/outside.png"):
        with pytest.raises(Invalid, match="is not in a folder"):
            await own.ingest(f"file://{studio / name}")
    for path in (inside, studio / "in.png", tmp_path / "alias" / "inside.png"):
        assert (await own.ingest(path.as_uri()))[0].sha256 == drawn.sha256
    with pytest.raises((Invalid, NotFound)):
        await own.ingest(f"file://{studio}/round.png")


async def test_what_is_no_media_is_not_kept(drawn: Drawn, signer: FileSigner, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    shelf = FileAssetStore(LocalFiles(assets), signer, probe, sources=[drawn.folder], outbox=tmp_path / "outbox")
    for name, content in (("words.txt", b"hello"), ("fake.png", b"\x89PNG\r\n\x1a\n"), ("swapped.jpg", None)):
        path = drawn.folder / name
        path.write_bytes(content or drawn.path.read_bytes())
        with pytest.raises(Invalid):
            await shelf.ingest(path.as_uri())
    with pytest.raises(NotFound):
        await shelf.ingest((drawn.folder / "nothing.png").as_uri())
    os.mkfifo(drawn.folder / "pipe.png")
    with pytest.raises(NotFound):
        await shelf.ingest((drawn.folder / "pipe.png").as_uri())
    assert not assets.exists()
