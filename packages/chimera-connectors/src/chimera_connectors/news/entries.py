"""From the bytes of a feed to plain items: pure functions, everything bounded, as feeds are public text."""

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO

import feedparser
from pydantic import BaseModel, ConfigDict, Field

MAX_ITEMS = 500
MAX_SUMMARY = 2_000
MAX_TITLE = 300
MAX_LINK = 2_000
MAX_ID = 200


class FeedError(Exception):
    """A feed cannot be read; the message says which and why."""


class UnknownFeed(FeedError):
    """No feed is configured under this name."""


class UnknownItem(FeedError):
    """The feed has no such item (any more)."""


class Item(BaseModel):
    """One entry of a feed, as plain text. What it says is public: data, never instructions."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="the feed's own id, or a hash where it has none")
    title: str
    summary: str = Field(description=f"HTML removed, at most {MAX_SUMMARY} characters")
    link: str = Field(description="http(s) address, empty where the feed gives none")
    published_at: str | None = Field(description="ISO 8601, UTC")
    source: str = Field(description="the feed's own title, or its configured name")


class _Text(HTMLParser):
    """Collects what a reader would see."""

    _UNSEEN = frozenset({"script", "style"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pieces.append(" ")
        self._unseen += tag in self._UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self.pieces.append(" ")
        if tag in self._UNSEEN:
            self._unseen = max(self._unseen - 1, 0)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)


def plain(html: str, limit: int) -> str:
    """The visible text of some HTML on one line, cut at `limit` characters."""
    reader = _Text()
    # A visible text of `limit` characters hidden in more markup than this is not worth the time.
    reader.feed(html[: limit * 50])
    reader.close()
    text = " ".join("".join(reader.pieces).replace("\0", "").split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def parse(name: str, body: bytes, content_type: str = "") -> list[Item]:
    """The items of an RSS or Atom feed, in its own order, without repeats.

    Args:
        content_type: The HTTP header, which may name the character set.

    Raises:
        FeedError: The bytes are no feed, or a broken one from which no entry could be read.
    """
    # A stream, because given a string or bytes the parser would try them as an address or a path first.
    document = feedparser.parse(BytesIO(body), response_headers={"content-type": content_type} if content_type else {})
    if not document.entries and (document.get("bozo") or not document.get("version")):
        cause = document.get("bozo_exception")
        detail = " ".join(str(cause).split())[:200] if cause else "it is neither RSS nor Atom"
        raise FeedError(f"feed {name!r} is malformed and has no entries: {detail}")
    source = plain(_string(document.feed.get("title")), MAX_TITLE) or name
    unique: dict[str, Item] = {}
    for entry in document.entries[:MAX_ITEMS]:
        item = _item(entry, source)
        unique.setdefault(item.id, item)
    return list(unique.values())


def matches(item: Item, query: str) -> bool:
    """Whether every word of the query is somewhere in the item's title or summary."""
    text = f"{item.title} {item.summary}".casefold()
    return all(word in text for word in query.casefold().split())


def _item(entry: Mapping[str, object], source: str) -> Item:
    title = plain(_string(entry.get("title")), MAX_TITLE)
    summary = plain(_string(entry.get("summary")) or _content(entry), MAX_SUMMARY)
    link = _string(entry.get("link")).strip()
    if not link.startswith(("http://", "https://")) or len(link) > MAX_LINK:
        link = ""
    identity = _string(entry.get("id")).strip() or link
    if not identity or len(identity) > MAX_ID or not identity.isprintable():
        identity = hashlib.sha256("\x1e".join((identity, title, summary)).encode()).hexdigest()
    return Item(id=identity, title=title, summary=summary, link=link, published_at=_published(entry), source=source)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _content(entry: Mapping[str, object]) -> str:
    content = entry.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return _string(first.get("value")) if isinstance(first, Mapping) else ""


def _published(entry: Mapping[str, object]) -> str | None:
    for key in ("published_parsed", "updated_parsed"):
        # Asked first, because the parser warns when it is asked for a date that is not there.
        moment = entry.get(key) if key in entry else None
        if isinstance(moment, time.struct_time):
            try:
                return datetime(*moment[:6], tzinfo=UTC).isoformat()
            except ValueError:
                # Feeds hold dates such as 30 February; an item without a date is still an item.
                continue
    return None
