"""Whether a feed is one that the quick parser reads as the patient one does; everything else is for the patient one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

_ITEMS = frozenset({"item", "entry"})
_TEXTS = frozenset({"title", "description", "summary", "content", "encoded", "link", "guid", "id"})
_DATES = frozenset({"pubDate", "published", "updated", "date"})
_RARE = frozenset({"modified", "issued", "created", "lastBuildDate"})
_SUMMARIES = frozenset({"description", "summary"})
_PREFIXES = frozenset({"", "rss", "rdf", "content", "dc"})
_TYPES = frozenset({"", "text", "html", "text/plain", "text/html"})
_ZONE = r"(?:Z|GMT|UTC?|[+-]\d{2}:?\d{2})"
_DATE = re.compile(
    rf"(?:[A-Z][a-z]{{2}}, )?(?:0?[1-9]|[12]\d|3[01]) [A-Z][a-z]{{2}} [12]\d{{3}} \d{{2}}:\d{{2}}(?::\d{{2}})? {_ZONE}|"
    rf"[12]\d{{3}}-\d{{2}}-\d{{2}}(?:T\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,6}})?{_ZONE})?"
)


class _Unusual(Exception):
    """The two parsers might not agree about this document."""


@dataclass
class Noted:
    """What one entry of a document has of what the quick parser makes up where it is missing."""

    dated: bool = False
    summarised: bool = False
    linked: bool = False
    permalink: bool = False
    seen: set[str] = field(default_factory=set)


@dataclass
class _Survey:
    """Walks through a document, and stops where the quick parser is not to be relied on."""

    notes: list[Noted] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    text: list[str] | None = None

    def declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise _Unusual

    def doctype(self, *_: object) -> None:
        raise _Unusual

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        prefix, _, local = tag.rpartition(":")
        within = self.path[-1] if self.path else ""
        if within in _TEXTS or "xml:base" in attributes:
            # Markup that is part of a text, or links that are relative to something of their own.
            raise _Unusual
        self.path.append(local if prefix in _PREFIXES else tag)
        if local in _ITEMS and prefix in _PREFIXES:
            self.notes.append(Noted())
        elif within in _ITEMS and local in _TEXTS | _DATES | _RARE:
            self._member(prefix, local, attributes)

    def _member(self, prefix: str, local: str, attributes: Mapping[str, str]) -> None:
        note = self.notes[-1]
        if prefix not in _PREFIXES or local in _RARE or (prefix == "dc" and local != "date"):
            raise _Unusual
        if local == "link" and "href" in attributes:
            if attributes.get("rel", "alternate") != "alternate":
                return
            note.linked = True
        elif local == "guid":
            note.permalink = attributes.get("isPermaLink", "true").lower() == "true"
        elif local != "link" and (attributes.get("type", "") not in _TYPES or {"mode", "src"} & attributes.keys()):
            raise _Unusual
        if local in note.seen:
            # Which of two is meant is answered differently.
            raise _Unusual
        note.seen.add(local)
        self.text = [] if local in _DATES | _SUMMARIES | {"link"} else None

    def data(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)

    def end(self, _: str) -> None:
        local = self.path.pop()
        if self.text is None:
            return
        text = "".join(self.text).strip()
        self.text = None
        if text and local in _DATES:
            if not _DATE.fullmatch(text):
                # The quick parser guesses at a date, down to its missing parts; the other one does not.
                raise _Unusual
            self.notes[-1].dated = True
        elif text and local == "link":
            self.notes[-1].linked = True
        elif text:
            self.notes[-1].summarised = True


def survey(body: bytes, content_type: str = "") -> list[Noted] | None:
    """What each entry has, when both parsers read the document alike; None when they might not."""
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    if charset not in ("", "utf-8", "utf8") or body.startswith((b"\xfe\xff", b"\xff\xfe")):
        return None
    found = _Survey()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.XmlDeclHandler = found.declare
    parser.StartDoctypeDeclHandler = found.doctype
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Unusual):
        return None
    return found.notes
