"""From the bytes of a feed to plain items: pure functions, everything bounded, as feeds are public text."""

import hashlib
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from chimera_connectors.news import documents
from chimera_connectors.news.documents import FeedEntry, Unreadable
from chimera_connectors.news.items import MAX_ID, MAX_LINK, MAX_SUMMARY, MAX_TITLE, FeedError, FeedItem


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
    # A visible text of `limit` characters hidden in more markup than this is not worth the time.
    html = html[: limit * 50]
    if "<" in html or "&" in html:
        html = _visible(html)
    text = " ".join(html.replace("\0", "").split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _visible(html: str) -> str:
    reader = _Text()
    # A comment that is not closed hides the rest; the parser would look for its end again at every further start.
    unclosed = html.find("<!--", html.rfind("-->") + 1)
    reader.feed(html if unclosed < 0 else html[:unclosed])
    reader.close()
    return "".join(reader.pieces)


def parse(name: str, body: bytes, content_type: str = "", address: str = "") -> list[FeedItem]:
    """The items of an RSS, Atom or JSON feed, in its own order, without repeats.

    Args:
        content_type: The HTTP header, which may name the character set.
        address: Where the feed comes from, if that is an http(s) address: relative links lead on from there.

    Raises:
        FeedError: The bytes are no feed, or a broken one from which no entry could be read.
    """
    try:
        document = documents.read(body, content_type)
    except Unreadable as error:
        raise FeedError(f"feed {name!r} is malformed and has no entries: {error}") from error
    source = plain(document.title, MAX_TITLE) or name
    base = _resolved(document.link, address) or address
    unique: dict[str, FeedItem] = {}
    for entry in document.entries:
        item = _item(entry, source, base)
        unique.setdefault(item.id, item)
    return list(unique.values())


def _item(entry: FeedEntry, source: str, base: str) -> FeedItem:
    title = plain(entry.title, MAX_TITLE)
    summary = plain(entry.summary, MAX_SUMMARY)
    link = _resolved(entry.link, base)
    identity = entry.id.strip() or link
    if not identity or len(identity) > MAX_ID or not identity.isprintable():
        identity = hashlib.sha256("\x1e".join((identity, title, summary)).encode()).hexdigest()
    published = entry.published.isoformat() if entry.published else None
    return FeedItem(id=identity, title=title, summary=summary, link=link, published_at=published, source=source)


def _resolved(link: str, base: str) -> str:
    """The http(s) address that a link means, its scheme in small letters; empty when it means none."""
    link = link.strip()
    if not link or len(link) > MAX_LINK:
        return ""
    try:
        address = urljoin(base, link)
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc or len(address) > MAX_LINK:
        return ""
    return parts.scheme + address[len(parts.scheme) :]
