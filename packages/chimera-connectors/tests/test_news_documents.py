"""The quick parser and the patient one: the same items, whichever of them reads a feed."""

from pathlib import Path

import fastfeedparser
import pytest

from chimera_connectors.news import documents, entries
from chimera_connectors.news.documents import Unreadable
from chimera_connectors.news.items import FeedItem

EXAMPLES = Path(__file__).parents[3] / "examples" / "feeds"
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title><link href="https://f.example/"/>{}</feed>'
RSS = (
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom">'
    "<channel><title>T</title><link>https://t.example/</link>{}</channel></rss>"
)
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://r.example/"><title>R</title>'
    "<link>https://r.example/</link></channel>"
    '<item rdf:about="https://r.example/1"><title>One</title><link>https://r.example/1</link>'
    "<description>Words</description><dc:date>2026-11-03T09:00:00+01:00</dc:date></item></rdf:RDF>"
)
QUICK = {
    "rss": RSS.format(
        "<item><guid>a</guid><title>A &amp;amp; B</title><link>https://t.example/a</link>"
        "<description>&lt;p&gt;one&lt;/p&gt;</description><pubDate>Tue, 03 Nov 2026 10:00:00 +0100</pubDate></item>"
    ),
    "rss cdata": RSS.format(
        "<item><title><![CDATA[A <b>bold</b> & plain one]]></title><description><![CDATA[<p>x</p><p>y</p>]]>"
        "</description><guid>1</guid></item>"
    ),
    "rss relative": RSS.format("<item><guid>1</guid><link>/posts/1</link></item><item><link>2</link></item>"),
    "rss guid as link": RSS.format("<item><guid>https://t.example/g</guid><title>G</title></item>"),
    "rss guid like a date": RSS.format("<item><guid>2026-11-03</guid><title>G</title></item>"),
    "rss encoded only": RSS.format(
        f"<item><guid>1</guid><content:encoded><![CDATA[<p>{'long words ' * 90}</p>]]></content:encoded></item>"
    ),
    "rss both": RSS.format(
        "<item><guid>1</guid><description>short</description><content:encoded>longer</content:encoded></item>"
    ),
    "rss media": RSS.format(
        "<item><guid>1</guid><title>M</title><media:group><media:title>N</media:title></media:group></item>"
    ),
    "rss date of dublin core": RSS.format("<item><guid>1</guid><dc:date>2026-11-03T09:00:00Z</dc:date></item>"),
    "rss two-digit day": RSS.format("<item><guid>1</guid><pubDate>3 Nov 2026 09:00 GMT</pubDate></item>"),
    "rss empty": RSS.format(""),
    "rdf": RDF,
    "atom": ATOM.format(
        '<entry><id>u:1</id><title type="html">A &lt;i&gt;b&lt;/i&gt;</title><link href="https://f.example/1"/>'
        "<published>2026-11-01T09:00:00.25Z</published><updated>2026-11-03T09:00:00Z</updated>"
        "<summary>S</summary></entry>"
    ),
    "atom content": ATOM.format(
        '<entry><id>u:1</id><title>A</title><link rel="alternate" href="p/1"/><link rel="self" href="/self"/>'
        '<updated>2026-11-03T10:00:00+01:00</updated><content type="html">&lt;p&gt;C&lt;/p&gt;</content></entry>'
    ),
    "atom without alternate": ATOM.format('<entry><id>u:1</id><title>A</title><link rel="self" href="/s"/></entry>'),
}
PATIENT = {
    "entity": RSS.format("<item><guid>1</guid><title>Caf&eacute; &nbsp;x</title></item>"),
    "markup in a text": RSS.format("<item><guid>1</guid><description>Hi <b>you</b> there</description></item>"),
    "itunes": RSS.format("<item><guid>1</guid><itunes:summary>I</itunes:summary><title>T</title></item>"),
    "broken": RSS.format("<item><guid>1</guid><title>AT&T</title></item>"),
    "cut off": RSS.format("<item><guid>1</guid><title>T</title></item><item><title>Cut o")[:-16],
    "vague date": RSS.format("<item><guid>1</guid><pubDate>Tuesday</pubDate></item>"),
    "no such day": RSS.format("<item><guid>1</guid><pubDate>Tue, 99 Nov 2026 10:00:00 GMT</pubDate></item>"),
    "two titles": RSS.format("<item><guid>1</guid><title>A</title><title>B</title></item>"),
    "base": ATOM.format('<entry xml:base="https://b.example/x/"><id>u:1</id><link href="1"/></entry>'),
    "xhtml": ATOM.format(
        '<entry><id>u:1</id><title>A</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">'
        "<p>one</p><p>two</p></div></content></entry>"
    ),
    "doctype": '<!DOCTYPE rss [<!ENTITY e "E">]>' + RSS.format("<item><guid>1</guid><title>&e;</title></item>"),
    "latin": '<?xml version="1.0" encoding="iso-8859-1"?>' + RSS.format("<item><guid>1</guid><title>x</title></item>"),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that the quick parser was given."""
    given: list[bytes] = []
    parse = fastfeedparser.parse

    def noted(body: bytes, **options: bool) -> documents._Parsed:
        given.append(body)
        return parse(body, **options)

    monkeypatch.setattr(fastfeedparser, "parse", noted)
    return given


def patiently(body: bytes) -> list[FeedItem]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "survey", lambda *_: None)
        return entries.parse("feed", body)


@pytest.mark.parametrize("text", QUICK.values(), ids=QUICK)
def test_the_quick_parser_reads_what_the_patient_one_does(text: str, quick: list[bytes]) -> None:
    body = text.encode()
    assert entries.parse("feed", body) == patiently(body)
    assert quick == [body]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.xml")), ids=lambda path: path.name)
def test_the_example_feeds_are_read_quickly_and_alike(path: Path, quick: list[bytes]) -> None:
    items = entries.parse("feed", path.read_bytes())
    assert len(items) > 1
    assert items == patiently(path.read_bytes())
    assert len(quick) == 1


@pytest.mark.parametrize("text", PATIENT.values(), ids=PATIENT)
def test_what_the_quick_parser_might_read_otherwise_goes_to_the_patient_one(text: str, quick: list[bytes]) -> None:
    body = text.encode()
    assert entries.parse("feed", body) == patiently(body)
    assert not quick


def test_a_date_is_never_read_into_an_id(quick: list[bytes]) -> None:
    (item,) = entries.parse("feed", QUICK["rss guid like a date"].encode())
    assert item.published_at is None


def test_a_summary_is_cut_by_us_alone() -> None:
    (item,) = entries.parse("feed", QUICK["rss encoded only"].encode())
    assert len(item.summary) > 900


def test_a_json_feed_is_read_into_plain_items() -> None:
    (first, second) = entries.parse(
        "feed",
        b'{"version": "https://jsonfeed.org/version/1.1", "title": "J & K", "home_page_url": "https://j.example/a/",'
        b'"items": [{"id": 7, "title": "1 < 2", "url": "p/1", "content_html": "<p>one</p><p>two</p>",'
        b'"date_published": "2026-11-03T10:00:00+01:00"}, {"id": "b", "content_text": "x <b> y", "tags": null}]}',
    )
    assert first == FeedItem(
        id="7",
        title="1 < 2",
        summary="one two",
        link="https://j.example/a/p/1",
        published_at="2026-11-03T09:00:00+00:00",
        source="J & K",
    )
    assert (second.summary, second.link, second.published_at) == ("x <b> y", "", None)


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"items": []}', b'{"version": "https://jsonfeed.org/version/1"}'])
def test_other_json_is_no_feed(body: bytes) -> None:
    with pytest.raises(Unreadable, match="neither RSS nor Atom nor JSON Feed"):
        documents.read(body)
