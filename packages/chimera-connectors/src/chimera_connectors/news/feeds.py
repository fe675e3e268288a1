"""Fetching the configured feeds, from files and over HTTP, within limits."""

import re
from collections.abc import Mapping
from pathlib import Path

import anyio
import httpx2
import yaml
from anyio import to_thread
from pydantic import TypeAdapter, ValidationError

from chimera_connectors.news.items import MAX_ID, FeedError, FeedItem, UnknownFeed, UnknownItem, matches
from chimera_connectors.news.reading import FeedReader, ReadRequest

MAX_BYTES = 2 * 1024 * 1024
MAX_MAPPING_BYTES = 256 * 1024
MAX_FEEDS = 500
MAX_REDIRECTS = 3
TIMEOUT_SECONDS = 10
NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"

_MAPPING = TypeAdapter(dict[str, str])
# A proxy of the environment is for the world, not for this machine, wherever a redirect leads.
_DIRECT = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
_ACCEPT = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


def load_mapping(path: Path) -> dict[str, str]:
    """Read the YAML or JSON mapping of feed names to addresses; relative files lie beside the mapping.

    Raises:
        FeedError: The file cannot be read, is too large, or is no such mapping.
    """
    try:
        body = _read_bounded(path, MAX_MAPPING_BYTES)
        mapping = _MAPPING.validate_python(yaml.safe_load(body))
    except OSError as error:
        raise FeedError(f"the feed mapping cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError, RecursionError) as error:
        raise FeedError("the feed mapping is not a YAML or JSON mapping of names to addresses") from error
    if len(mapping) > MAX_FEEDS:
        raise FeedError(f"the feed mapping names {len(mapping)} feeds, the limit is {MAX_FEEDS}")
    for name in mapping:
        if not re.fullmatch(NAME_PATTERN, name) or name.endswith("\n"):
            raise FeedError(f"{name[:64]!r} is no feed name: 1 to 64 letters, digits, underscores or hyphens")
    return {name: _resolved(address, path.parent) for name, address in mapping.items()}


def _resolved(address: str, folder: Path) -> str:
    return address if _is_remote(address) else str(folder / address)


def _is_remote(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _read_bounded(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        body = file.read(limit + 1)
    if len(body) > limit:
        raise FeedError(f"larger than {limit} bytes")
    return body


class Feeds:
    """The configured feeds, read afresh at each call."""

    def __init__(self, addresses: Mapping[str, str], reader: FeedReader | None = None) -> None:
        """Serve these feeds.

        Args:
            addresses: Feed name to file path or http(s) address.
        """
        self._addresses = dict(addresses)
        self._reader = reader or FeedReader()

    async def items(self, name: str) -> list[FeedItem]:
        """All items of a feed, in its own order.

        Raises:
            UnknownFeed: No feed has this name.
            FeedError: The feed cannot be fetched or read.
        """
        address = self._addresses.get(name)
        if address is None:
            known = ", ".join(sorted(self._addresses)[:20]) or "none"
            raise UnknownFeed(f"there is no feed {name[:64]!r}; configured: {known}")
        try:
            body, request = await (_fetch(name, address) if _is_remote(address) else _read(name, Path(address)))
        except FeedError as error:
            raise FeedError(f"feed {name!r} cannot be read: {error}") from error
        return await to_thread.run_sync(self._reader.read, request, body)

    async def search(self, name: str, query: str) -> list[FeedItem]:
        """Items of a feed whose title or summary holds every word of the query.

        Raises:
            UnknownFeed: No feed has this name.
            FeedError: The feed cannot be fetched or read.
        """
        return [item for item in await self.items(name) if matches(item, query)]

    async def item(self, name: str, item_id: str) -> FeedItem:
        """One item of a feed.

        Raises:
            UnknownFeed: No feed has this name.
            UnknownItem: The feed has no such item (any more).
            FeedError: The feed cannot be fetched or read.
        """
        for item in await self.items(name):
            if item.id == item_id:
                return item
        raise UnknownItem(f"feed {name!r} has no item {item_id[:MAX_ID]!r}")


async def _read(name: str, path: Path) -> tuple[bytes, ReadRequest]:
    request = ReadRequest(name=name, content_type="", address="")
    try:
        return await to_thread.run_sync(_read_bounded, path, MAX_BYTES), request
    except OSError as error:
        raise FeedError(error.strerror or "the file cannot be opened") from error


async def _fetch(name: str, url: str) -> tuple[bytes, ReadRequest]:
    try:
        # The client's own time-out is per read, which a slow drip of bytes would never reach.
        with anyio.fail_after(TIMEOUT_SECONDS):
            return await _download(name, url)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise FeedError(f"no answer within {TIMEOUT_SECONDS} seconds") from error
    except httpx2.TooManyRedirects as error:
        raise FeedError(f"more than {MAX_REDIRECTS} redirects") from error
    except httpx2.HTTPStatusError as error:
        raise FeedError(f"HTTP status {error.response.status_code}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FeedError(f"{type(error).__name__} {error}".strip()[:200]) from error


async def _download(name: str, url: str) -> tuple[bytes, ReadRequest]:
    async with (
        httpx2.AsyncClient(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers={"accept": _ACCEPT},
            mounts=_DIRECT,
        ) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        body = bytearray()
        async for chunk in response.aiter_bytes(64 * 1024):
            body += chunk
            if len(body) > MAX_BYTES:
                raise FeedError(f"larger than {MAX_BYTES} bytes")
        content_type = response.headers.get("content-type", "")
        # Where the redirects led to, since that is the address the feed's own links are relative to.
        return bytes(body), ReadRequest(name=name, content_type=content_type, address=str(response.url))
