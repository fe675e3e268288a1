"""What is particular to each file store: permissions and crashes of a folder, the network of S3."""

import asyncio
import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import httpx2
import pytest
from botocore.client import BaseClient
from moto.server import ThreadedMotoServer

from chimera.errors import Unavailable
from chimera.gateways.files import PART, STALE_DRAFT_SECONDS, LocalFiles, S3Files
from chimera_protocol.errors import NotFound

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]

WRITER = """
import asyncio, os, sys
from pathlib import Path
from chimera.gateways.files import LocalFiles

async def main():
    files = LocalFiles(Path(sys.argv[1]))
    while True:
        await files.put(os.urandom(3_000_000), "video/mp4")
        print(flush=True)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "assets"


def test_only_the_owner_can_enter_and_read(folder: Path) -> None:
    old = os.umask(0)
    try:
        asyncio.run(LocalFiles(folder).put(b"picture", "image/png"))
    finally:
        os.umask(old)
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert [mode for path, mode in found.items() if path.is_file()] == [0o600]


def test_the_folder_may_move_and_the_addresses_stay_good(folder: Path, tmp_path: Path) -> None:
    stored = asyncio.run(LocalFiles(folder).put(b"picture", "image/png"))
    folder.rename(moved := tmp_path / "elsewhere")
    assert asyncio.run(LocalFiles(moved).read(stored.storage_uri)) == b"picture"


def test_a_writer_that_is_killed_leaves_no_half_file_under_a_name(folder: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(3):
        assert writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    named = list(folder.glob("*/*.mp4"))
    assert len(named) >= 3
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in named)


async def test_drafts_of_the_dead_go_and_those_of_the_living_stay(folder: Path) -> None:
    files = LocalFiles(folder)
    await files.put(b"first", "image/png")
    dead, living = folder / "drafts" / "dead", folder / "drafts" / "living"
    for draft in (dead, living):
        draft.write_bytes(b"half")
    long_ago = dead.stat().st_mtime - STALE_DRAFT_SECONDS - 60
    os.utime(dead, (long_ago, long_ago))
    await files.put(b"second", "image/png")
    assert (dead.exists(), living.exists()) == (False, True)


async def test_a_folder_that_cannot_be_made_is_unavailable_with_a_remedy(folder: Path) -> None:
    folder.parent.write_bytes(b"a file is in the way")
    with pytest.raises(Unavailable) as away:
        await LocalFiles(folder).put(b"picture", "image/png")
    assert "permissions" in away.value.remedy


async def test_a_pipe_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "film.mp4")
    async with asyncio.timeout(5):
        with pytest.raises(NotFound, match="film"):
            await LocalFiles(folder).put(pipe, "video/mp4")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(url: str) -> BaseClient:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=url, **keys)


@pytest.fixture
def bucket(client: BaseClient) -> str:
    client.create_bucket(Bucket=(name := f"assets-{uuid4().hex[:8]}"))
    return name


def s3(bucket: str, url: str, prefix: str = "", patience: float = 5.0) -> S3Files:
    return S3Files(bucket, prefix, endpoint=url, access_key="key", secret_key="secret", patience=patience)


async def test_objects_say_what_they_are_and_lie_below_the_prefix(client: BaseClient, bucket: str, url: str) -> None:
    stored = await s3(bucket, url, "fleet/media").put(b"picture", "image/png")
    found = client.get_object(Bucket=bucket, Key=f"fleet/media/{stored.sha256[:2]}/{stored.sha256}.png")
    assert (found["ContentType"], found["Body"].read()) == ("image/png", b"picture")


@pytest.mark.parametrize("size", [100, PART])
async def test_what_is_there_already_is_not_written_again(client: BaseClient, bucket: str, url: str, size: int) -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    data = os.urandom(size)
    for _ in range(2):
        await s3(bucket, url).put(data, "image/png")
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 1


async def test_a_large_file_travels_in_parts_with_checksums(client: BaseClient, bucket: str, url: str) -> None:
    stored = await s3(bucket, url).put(os.urandom(2 * PART + 1), "video/mp4")
    [found] = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"].endswith(f"{stored.sha256}.mp4")
    assert found["ETag"].endswith('-3"')
    assert found["ChecksumAlgorithm"] == ["SHA256"]


async def everything(files: S3Files, tmp_path: Path) -> None:
    """Each thing that a store can be asked, and each has to say Unavailable."""
    address = f"file:sha256/{'0' * 64}.png"
    for call in (files.put(b"small", "image/png"), files.put(bytes(PART), "image/png"), files.read(address)):
        with pytest.raises(Unavailable):
            await call
    with pytest.raises(Unavailable):
        await files.materialise(address, tmp_path)


async def test_a_server_that_is_away_is_unavailable_soon(tmp_path: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    server.stop()
    files = s3("bucket", f"http://{host}:{port}")
    async with asyncio.timeout(20):
        await everything(files, tmp_path)
        with pytest.raises(Unavailable):
            await files.exists(f"file:sha256/{'0' * 64}.png")


async def test_a_server_that_takes_calls_and_says_nothing_is_unavailable(tmp_path: Path) -> None:
    async with listening(lambda reader, _: reader.read()) as url, asyncio.timeout(30):
        await everything(s3("bucket", url, patience=0.3), tmp_path)


async def test_a_missing_bucket_is_unavailable_with_a_remedy(url: str, tmp_path: Path) -> None:
    files = s3("not-made", url)
    await everything(files, tmp_path)
    with pytest.raises(Unavailable) as away:
        await files.put(b"picture", "image/png")
    assert away.value.remedy == "Make the bucket."


async def test_keys_that_are_refused_are_unavailable_with_a_remedy(bucket: str, url: str, tmp_path: Path) -> None:
    httpx2.post(f"{url}/moto-api/reset-auth", content=b"0")
    try:
        await everything(s3(bucket, url), tmp_path)
        with pytest.raises(Unavailable) as away:
            await s3(bucket, url).put(b"picture", "image/png")
    finally:
        httpx2.post(f"{url}/moto-api/reset-auth", content=b"inf")
    assert "access key" in away.value.remedy


async def test_a_connection_that_drops_is_tried_again(bucket: str, url: str) -> None:
    dropped = 0
    target = urlsplit(url)

    async def flaky(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dropped
        if dropped < 2:
            dropped += 1
            return
        there, back = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with listening(flaky) as proxy, asyncio.timeout(20):
        files = s3(bucket, proxy)
        stored = await files.put(b"picture", "image/png")
        assert await files.read(stored.storage_uri) == b"picture"
    assert dropped == 2


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    """A TCP server of our own; each connection is closed once it was answered."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
