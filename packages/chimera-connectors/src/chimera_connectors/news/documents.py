"""From the bytes of a feed to what it says, as it says it: by the quick parser where that reads rightly.

`fastfeedparser` is many times quicker than `feedparser`, forgives less and guesses more. What it cannot read, or
might read differently, goes to `feedparser`.
"""

import html
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Annotated, Protocol

import fastfeedparser
import feedparser
from pydantic import BaseModel, Field, ValidationError

from chimera_connectors.news.survey import Noted, survey

MAX_ENTRIES = 500


class Unreadable(Exception):
    """The bytes are no feed, or a broken one from which no entry could be read."""


@dataclass(frozen=True)
class FeedEntry:
    """One entry, its texts as they are in the feed: HTML of any length."""

    id: str
    title: str
    summary: str
    link: str
    published: datetime | None


@dataclass(frozen=True)
class Document:
    """A feed, as it is written."""

    title: str
    link: str
    entries: list[FeedEntry]


class _Parsed(Protocol):
    """What either parser answers with, as far as it is used here."""

    entries: Sequence[Mapping[str, object]]
    feed: Mapping[str, object]

    def get(self, key: str) -> object: ...


class _JsonItem(BaseModel):
    id: str | int | float = ""
    title: str | None = None
    url: str | None = None
    summary: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    date_published: str | None = None
    date_modified: str | None = None


class _JsonFeed(BaseModel):
    version: Annotated[str, Field(pattern=r"^https?://(www\.)?jsonfeed\.org/version/1")]
    title: str | None = None
    home_page_url: str | None = None
    items: list[_JsonItem]


def read(body: bytes, content_type: str = "") -> Document:
    """What an RSS, Atom or JSON feed says.

    Args:
        content_type: The HTTP header, which may name the character set.

    Raises:
        Unreadable: The bytes are no feed, or a broken one from which no entry could be read.
    """
    if body.lstrip()[:1] == b"{":
        return _json(body)
    notes = survey(body, content_type)
    if notes is not None:
        # It says ValueError of what is no feed, on which the patient parser has the last word.
        with suppress(ValueError):
            quick = fastfeedparser.parse(body, include_tags=False, include_media=False, include_enclosures=False)
            if len(quick.entries) == len(notes):
                pairs = zip(quick.entries[:MAX_ENTRIES], notes, strict=False)
                return _document(quick, [_quick(entry, note) for entry, note in pairs])
    return _patiently(body, content_type)


def _json(body: bytes) -> Document:
    """A JSON Feed: neither parser holds its members against the types they have to be of."""
    try:
        feed = _JsonFeed.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable("it is neither RSS nor Atom nor JSON Feed") from error
    entries = [
        FeedEntry(
            id=str(item.id),
            title=html.escape(item.title or ""),
            summary=html.escape(item.summary or "") or item.content_html or html.escape(item.content_text or ""),
            link=item.url or "",
            published=_moment(item.date_published) or _moment(item.date_modified),
        )
        for item in feed.items[:MAX_ENTRIES]
    ]
    return Document(title=html.escape(feed.title or ""), link=feed.home_page_url or "", entries=entries)


def _patiently(body: bytes, content_type: str) -> Document:
    # A stream, because given a string or bytes the parser would try them as an address or a path first. Its own
    # cleaning is left out, since all that is kept in the end is visible text.
    parsed = feedparser.parse(
        BytesIO(body),
        response_headers={"content-type": content_type} if content_type else {},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.entries and (parsed.get("bozo") or not parsed.get("version")):
        cause = parsed.get("bozo_exception")
        raise Unreadable(" ".join(str(cause).split())[:200] if cause else "it is neither RSS nor Atom nor JSON Feed")
    return _document(parsed, [_patient(entry) for entry in parsed.entries[:MAX_ENTRIES]])


def _document(parsed: _Parsed, entries: list[FeedEntry]) -> Document:
    return Document(title=_string(parsed.feed.get("title")), link=_string(parsed.feed.get("link")), entries=entries)


def _quick(entry: Mapping[str, object], note: Noted) -> FeedEntry:
    # Where an entry has no date, this parser reads one into its id; where it has no summary, it cuts one from the
    # content; where it has no link of its own, it takes any that is there.
    link = _string(entry.get("link")) if note.linked or note.permalink else ""
    identity = _string(entry.get("id"))
    return FeedEntry(
        id="" if identity == link and not {"guid", "id"} & note.seen else identity,
        title=_string(entry.get("title")),
        summary=(_string(entry.get("description")) if note.summarised else "") or _content(entry),
        link=link,
        published=(_moment(entry.get("published")) or _moment(entry.get("updated"))) if note.dated else None,
    )


def _patient(entry: Mapping[str, object]) -> FeedEntry:
    link = _string(entry.get("link"))
    if link == entry.get("id") and entry.get("guidislink") and not link.lower().startswith(("http://", "https://")):
        # An id stands in for the link that is missing; one that is no address is no relative one either.
        link = ""
    return FeedEntry(
        id=_string(entry.get("id")),
        title=_string(entry.get("title")),
        summary=_string(entry.get("summary")) or _content(entry),
        link=link,
        published=_published(entry),
    )


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _content(entry: Mapping[str, object]) -> str:
    content = entry.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return _string(first.get("value")) if isinstance(first, Mapping) else ""


def _moment(said: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_string(said))
        aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return aware.replace(microsecond=0)


def _published(entry: Mapping[str, object]) -> datetime | None:
    for key in ("published_parsed", "updated_parsed"):
        # Asked first, because the parser warns when it is asked for a date that is not there.
        moment = entry.get(key) if key in entry else None
        if isinstance(moment, time.struct_time):
            try:
                return datetime(*moment[:6], tzinfo=UTC)
            except ValueError:
                # Feeds hold dates such as 30 February; an item without a date is still an item.
                continue
    return None
