"""What every file store behind `media.Files` does, whatever it is made of (MED-4)."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chimera.errors import TooLarge
from chimera.gateways.files import CHUNK, PART, LocalFiles, S3Files
from chimera.media.types import Altered, Files
from chimera_protocol.errors import Invalid, NotFound

BOUND = 3 * PART


@dataclass(frozen=True)
class Place:
    """A store, with a way in behind its back."""

    files: Files
    names: Callable[[], list[str]]
    overwrite: Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server, which speaks HTTP on a port of its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def local(tmp_path: Path) -> Place:
    folder = tmp_path / "assets"

    def names() -> list[str]:
        return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]

    return Place(LocalFiles(folder, bound=BOUND), names, lambda name, data: (folder / name).write_bytes(data) and None)


def s3(url: str) -> Place:
    bucket = f"assets-{uuid4().hex[:8]}"
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=url, **keys)
    client.create_bucket(Bucket=bucket)
    files = S3Files(bucket, "media", endpoint=url, access_key="key", secret_key="secret", bound=BOUND)

    def names() -> list[str]:
        return [
            each["Key"].removeprefix("media/") for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])
        ]

    def overwrite(name: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=f"media/{name}", Body=data)

    return Place(files, names, overwrite)


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return local(tmp_path) if request.param == "folder" else s3(request.getfixturevalue("server"))


@pytest.fixture
def files(place: Place) -> Files:
    return place.files


async def test_what_is_put_in_comes_out_under_the_hash_of_its_content(files: Files) -> None:
    data = os.urandom(5_000)
    stored = await files.put(data, "image/png")
    sha256 = hashlib.sha256(data).hexdigest()
    assert (stored.sha256, stored.size, stored.media_type) == (sha256, 5_000, "image/png")
    assert stored.storage_uri == f"file:sha256/{sha256}.png"
    assert await files.read(stored.storage_uri) == data
    assert await files.exists(stored.storage_uri)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, PART - 1, PART, PART + 1, BOUND])
async def test_files_of_any_size_up_to_the_bound_from_bytes_or_a_path(files: Files, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (path := tmp_path / "film").write_bytes(data)
    stored = await files.put(path, "video/mp4")
    assert stored == await files.put(data, "video/mp4")
    assert b"".join([chunk async for chunk in files.chunks(stored.storage_uri)]) == data


async def test_the_same_content_is_kept_once_also_when_it_comes_at_once(place: Place) -> None:
    for data in (b"small", os.urandom(PART)):
        stored = await asyncio.gather(*(place.files.put(data, "video/mp4") for _ in range(6)))
        assert len({each.storage_uri for each in stored}) == 1
    assert len(place.names()) == 2
    assert await place.files.read(stored[0].storage_uri) == data


async def test_files_are_spread_over_folders_and_nothing_else_is_left(place: Place) -> None:
    stored = await place.files.put(b"picture", "image/png")
    assert place.names() == [f"{stored.sha256[:2]}/{stored.sha256}.png"]


@pytest.mark.parametrize("size", [10, PART + 10])
async def test_altered_bytes_are_noticed_and_the_file_is_named(place: Place, tmp_path: Path, size: int) -> None:
    stored = await place.files.put(data := os.urandom(size), "image/png")
    [name] = place.names()
    place.overwrite(name, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Altered, match=stored.storage_uri):
        await place.files.read(stored.storage_uri)
    with pytest.raises(Altered, match=stored.storage_uri):
        await place.files.materialise(stored.storage_uri, tmp_path / "desk")
    assert list((tmp_path / "desk").iterdir()) == []


@pytest.mark.parametrize("size", [10, PART + 10])
async def test_putting_the_file_again_mends_what_was_altered(place: Place, size: int) -> None:
    stored = await place.files.put(data := os.urandom(size), "image/png")
    [name] = place.names()
    for damage in (b"", data[:-1], data + b"!"):
        place.overwrite(name, damage)
        assert await place.files.put(data, "image/png") == stored
        assert await place.files.read(stored.storage_uri) == data


async def test_a_materialised_file_is_a_copy_with_the_right_ending(files: Files, tmp_path: Path) -> None:
    stored = await files.put(b"song", "audio/mp4")
    path = await files.materialise(stored.storage_uri, tmp_path / "desk")
    assert path == tmp_path / "desk" / f"{stored.sha256}.m4a"
    assert path.read_bytes() == b"song"
    path.write_bytes(b"noise")
    assert await files.read(stored.storage_uri) == b"song"
    assert (await files.materialise(stored.storage_uri, tmp_path / "desk")).read_bytes() == b"song"


async def test_a_missing_file_is_not_found(files: Files, tmp_path: Path) -> None:
    address = f"file:sha256/{'0' * 64}.png"
    assert not await files.exists(address)
    with pytest.raises(NotFound, match=address):
        await files.read(address)
    with pytest.raises(NotFound, match=address):
        await files.materialise(address, tmp_path)
    with pytest.raises(NotFound):
        await files.put(tmp_path / "nothing.png", "image/png")


async def test_more_than_the_bound_is_refused_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    (path := tmp_path / "film").write_bytes(bytes(BOUND + 1))
    for content in (path, path.read_bytes()):
        with pytest.raises(TooLarge):
            await place.files.put(content, "video/mp4")
    assert place.names() == []


async def test_a_kind_that_is_not_kept_is_refused_and_leaves_nothing(place: Place) -> None:
    with pytest.raises(Invalid):
        await place.files.put(b"<script>", "text/html")
    assert place.names() == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"file:sha256/../{'0' * 64}.png",
        f"file:sha256/{'0' * 64}.exe",
        f"file:sha256/{'0' * 64}.png\n",
        f"file:sha256/{'0' * 63}G.png",
        "file:///etc/passwd",
        "db:asset/1",
    ],
)
async def test_an_address_of_something_else_is_refused(files: Files, tmp_path: Path, address: str) -> None:
    with pytest.raises(Invalid):
        await files.read(address)
    with pytest.raises(Invalid):
        await files.exists(address)
    with pytest.raises(Invalid):
        await files.materialise(address, tmp_path)
