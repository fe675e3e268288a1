"""The asset store: files named by the SHA-256 of their content, in a folder or in an S3 bucket (MED-4)."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

import obstore
import stamina
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from chimera.errors import TooLarge, Unavailable
from chimera.media.types import EXTENSIONS, MAX_FILE, Altered, StoredFile, storage_uri
from chimera_protocol.errors import Invalid, NotFound

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CHUNK = 1024 * 1024
PART = 8 * 1024 * 1024
"""From this size on, a file travels to S3 in parts of this size."""

STALE_DRAFT_SECONDS = 3_600.0
"""A draft that is older was left by a process that died."""

_ADDRESS = re.compile(r"file:sha256/(([0-9a-f]{2})[0-9a-f]{62})\.([a-z0-9]{1,8})")


class LocalFiles:
    """Implements `media.Files` in a folder that only its owner can enter, such as `<state>/assets`.

    A file is written as a draft, made durable and renamed, so that a name never stands for half a file.
    """

    def __init__(self, folder: Path, bound: int = MAX_FILE) -> None:
        self._folder = folder
        self._drafts = folder / "drafts"
        self._bound = bound

    async def put(self, content: bytes | Path, media_type: str) -> StoredFile:
        """Keep these bytes, or the file at this path; the same content twice is kept once."""
        return await asyncio.to_thread(self._put, content, media_type)

    async def read(self, storage_uri: str) -> bytes:
        """The whole file. NotFound when it is not there, Altered when it is not what was put in."""
        return b"".join([chunk async for chunk in self.chunks(storage_uri)])

    async def chunks(self, storage_uri: str) -> AsyncIterator[bytes]:
        """The file in pieces. Altered can only come after the last one."""
        key, sha256 = _located(storage_uri)
        measured = hashlib.sha256()
        with _disk():
            file = await asyncio.to_thread(_opened, self._folder / key, storage_uri)
            with file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    measured.update(chunk)
                    yield chunk
        _compare(measured.hexdigest(), sha256, storage_uri)

    async def materialise(self, storage_uri: str, folder: Path) -> Path:
        """A checked copy of the file in a folder of the caller's, under its content's name."""
        return await _copied(self.chunks(storage_uri), storage_uri, folder)

    async def exists(self, storage_uri: str) -> bool:
        """Whether the file is there; its bytes are checked when it is read."""
        key, _ = _located(storage_uri)
        return await asyncio.to_thread((self._folder / key).is_file)

    def _put(self, content: bytes | Path, media_type: str) -> StoredFile:
        storage_uri("0" * 64, media_type)  # a kind that is not kept is refused before anything is written
        pieces = _pieces(content, self._bound)
        with _disk():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._drafts.mkdir(mode=0o700, exist_ok=True)
            _tidy(self._drafts)
            with _draft(self._drafts) as draft:
                sha256, size = _write(draft, pieces)
                stored = _stored(sha256, media_type, size)
                path = self._folder / _located(stored.storage_uri)[0]
                if not _sound(path, sha256):
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    draft.replace(path)
                    for folder in (path.parent, self._folder):
                        _sync(folder)
        return stored


class S3Files:
    """Implements `media.Files` in a bucket of any S3-compatible server.

    Without keys of its own it takes the usual AWS_* variables, a role of the machine, or a web identity.
    `patience` is how many seconds a server may keep silent before it counts as away.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: str | None = None,
        bound: int = MAX_FILE,
        patience: float = 20.0,
    ) -> None:
        config: S3Config = {"region": region, "checksum_algorithm": "SHA256"}
        if endpoint is not None:
            config["endpoint"] = endpoint
        if access_key is not None and secret_key is not None:
            config["access_key_id"], config["secret_access_key"] = access_key, secret_key
        silence = timedelta(seconds=patience)
        client: ClientConfig = {
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": min(silence, timedelta(seconds=5)),
            "read_timeout": silence,
            "timeout": 10 * silence,
        }
        retry: RetryConfig = {"max_retries": 3, "retry_timeout": silence}
        with _server():
            self._store = S3Store(
                bucket, prefix=prefix or None, config=config, client_options=client, retry_config=retry
            )
        self._bound = bound
        self._patience = patience

    async def put(self, content: bytes | Path, media_type: str) -> StoredFile:
        """Keep these bytes, or the file at this path; the same content twice is kept once."""
        storage_uri("0" * 64, media_type)
        sha256, size = await asyncio.to_thread(_measured, _pieces(content, self._bound))
        stored = _stored(sha256, media_type, size)
        if size >= PART:
            with _server():
                await self._put_parts(content, stored)
            return stored
        whole = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        _compare(hashlib.sha256(whole).hexdigest(), sha256, "the file to be stored")
        with _server():
            await self._put_whole(whole, stored)
        return stored

    async def read(self, storage_uri: str) -> bytes:
        """The whole file. NotFound when it is not there, Altered when it is not what was put in."""
        return b"".join([chunk async for chunk in self.chunks(storage_uri)])

    async def chunks(self, storage_uri: str) -> AsyncIterator[bytes]:
        """The file in pieces. Altered can only come after the last one."""
        key, sha256 = _located(storage_uri)
        measured = hashlib.sha256()
        with _server(storage_uri):
            found = await obstore.get_async(self._store, key)
            async for chunk in found.stream(min_chunk_size=CHUNK):
                measured.update(chunk)
                yield chunk
        _compare(measured.hexdigest(), sha256, storage_uri)

    async def materialise(self, storage_uri: str, folder: Path) -> Path:
        """A checked copy of the file in a folder of the caller's, under its content's name."""
        return await _copied(self.chunks(storage_uri), storage_uri, folder)

    async def exists(self, storage_uri: str) -> bool:
        """Whether the file is there; its bytes are checked when it is read."""
        key, _ = _located(storage_uri)
        try:
            with _server(storage_uri):
                await obstore.head_async(self._store, key)
        except NotFound:
            return False
        return True

    async def _put_whole(self, whole: bytes, stored: StoredFile) -> None:
        key, _ = _located(stored.storage_uri)
        kind = {"Content-Type": stored.media_type}
        try:
            # The driver does not repeat a conditional put, since it cannot know whether the first one arrived.
            async for attempt in stamina.retry_context(on=GenericError, attempts=3, timeout=self._patience):
                with attempt:
                    await obstore.put_async(
                        self._store, key, whole, attributes=kind, mode="create", use_multipart=False
                    )
        except AlreadyExistsError:
            if not await self._sound(stored):
                await obstore.put_async(self._store, key, whole, attributes=kind, use_multipart=False)

    async def _put_parts(self, content: bytes | Path, stored: StoredFile) -> None:
        """In parts there is no "only when missing"; it does no harm, since the name says what is in it."""
        if await self._sound(stored):
            return
        key, _ = _located(stored.storage_uri)
        kind = {"Content-Type": stored.media_type}
        await obstore.put_async(
            self._store, key, content, attributes=kind, use_multipart=True, chunk_size=PART, max_concurrency=4
        )
        if not await self._sound(stored):
            await obstore.delete_async(self._store, key)
            raise Unavailable("the file was changed on its way into the store")

    async def _sound(self, stored: StoredFile) -> bool:
        try:
            async for _ in self.chunks(stored.storage_uri):
                continue
        except (NotFound, Altered):
            return False
        return True


def _located(address: str) -> tuple[str, str]:
    """The place within a store, two levels deep, and the hash."""
    match = _ADDRESS.fullmatch(address)
    if match is None or match[3] not in EXTENSIONS.values():
        raise Invalid(f"{address[:100]!r} is not an address of the file store")
    return f"{match[2]}/{match[1]}.{match[3]}", match[1]


def _stored(sha256: str, media_type: str, size: int) -> StoredFile:
    return StoredFile(storage_uri=storage_uri(sha256, media_type), sha256=sha256, media_type=media_type, size=size)


def _compare(measured: str, named: str, what: str) -> None:
    if measured != named:
        raise Altered(f"{what} was changed: its bytes hash to {measured}", measured=measured)


def _pieces(content: bytes | Path, bound: int) -> Iterator[bytes]:
    """What is to be stored, piece by piece. TooLarge as soon as it is more than the bound."""
    if isinstance(content, bytes):
        _within(len(content), bound)
        yield content
        return
    if not content.is_file():  # a pipe would be waited for without end
        raise NotFound(f"there is no file {content.name!r} to be stored")
    size = 0
    with content.open("rb") as file:
        while piece := file.read(CHUNK):
            size += len(piece)
            _within(size, bound)
            yield piece


def _within(size: int, bound: int) -> None:
    if size > bound:
        raise TooLarge(f"the file is larger than {bound} bytes", remedy="Make it smaller, or raise the bound.")


def _measured(pieces: Iterator[bytes]) -> tuple[str, int]:
    """SHA-256 and size."""
    measured, size = hashlib.sha256(), 0
    for piece in pieces:
        measured.update(piece)
        size += len(piece)
    return measured.hexdigest(), size


def _write(path: Path, pieces: Iterator[bytes]) -> tuple[str, int]:
    """Write a draft so that it survives a power cut; its hash and size."""
    measured, size = hashlib.sha256(), 0
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
            measured.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return measured.hexdigest(), size


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A name to write under; what is still there at the end goes."""
    path = folder / uuid4().hex
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _tidy(drafts: Path) -> None:
    oldest = time() - STALE_DRAFT_SECONDS
    for draft in drafts.iterdir():
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime < oldest:
                draft.unlink()


def _sound(path: Path, sha256: str) -> bool:
    """Whether the file is there with the right bytes; a put over an altered one mends it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _opened(path: Path, address: str) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"{address} is not in the file store") from error


def _sync(folder: Path) -> None:
    """Make a rename durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _copied(chunks: AsyncIterator[bytes], address: str, folder: Path) -> Path:
    """The chunks in a file; it gets its name when they have all been checked."""
    path = folder / Path(_located(address)[0]).name
    with _disk():
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        with _draft(folder) as draft:
            with draft.open("xb") as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
            draft.replace(path)
    return path


@contextmanager
def _disk() -> Iterator[None]:
    """Turn a full or unreadable disk into Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the file store cannot be used: {error.strerror or error}",
            remedy="Look at the space and the permissions of its folder.",
        ) from error


@contextmanager
def _server(address: str | None = None) -> Iterator[None]:
    """Turn what an S3 server, or its absence, answers into our errors; `address` is a file that may be missing."""
    try:
        yield
    except FileNotFoundError as error:
        if address is None or "NoSuchBucket" in str(error):
            raise Unavailable("the bucket of the file store does not exist", remedy="Make the bucket.") from error
        raise NotFound(f"{address} is not in the file store") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise Unavailable(
            "the S3 server of the file store refuses our keys", remedy="Check the access key and its policy."
        ) from error
    except BaseError as error:
        first, *_ = str(error).splitlines() or ["no answer"]
        raise Unavailable(f"the S3 server of the file store cannot be reached: {first[:200]}") from error
