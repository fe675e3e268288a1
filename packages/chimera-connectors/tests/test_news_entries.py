"""Feeds to items: RSS, Atom, and everything that is neither."""

import pytest

from chimera_connectors.news import entries
from chimera_connectors.news.items import FeedError, FeedItem

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Night Trains</title>
<item><guid>a-1</guid><title>New &amp;amp; old lines</title><link>https://trains.example/1</link>
<description>&lt;p&gt;Berlin to &lt;b&gt;Paris&lt;/b&gt;&lt;/p&gt;
&lt;script&gt;steal()&lt;/script&gt;</description>
<pubDate>Tue, 03 Nov 2026 10:00:00 +0100</pubDate></item>
<item><title>No id, no date</title><link>javascript:alert(1)</link></item>
<item><guid>a-1</guid><title>A repeat</title></item>
</channel></rss>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Brød</title>
<entry><id>urn:b:1</id><title>Rye</title><link href="https://bread.example/rye"/>
<updated>2026-11-03T09:00:00Z</updated>
<content type="html">&lt;i&gt;Sourdough&lt;/i&gt; takes time</content></entry>
</feed>""".encode()


def test_rss_is_read_into_plain_items() -> None:
    first, second = entries.parse("trains", RSS)
    assert first == FeedItem(
        id="a-1",
        title="New & old lines",
        summary="Berlin to Paris",
        link="https://trains.example/1",
        published_at="2026-11-03T09:00:00+00:00",
        source="Night Trains",
    )
    assert (second.title, second.link, second.published_at) == ("No id, no date", "", None)
    assert len(second.id) == 64


def test_atom_is_read_into_plain_items() -> None:
    (item,) = entries.parse("bread", ATOM)
    assert (item.id, item.title, item.summary, item.source) == (
        "urn:b:1",
        "Rye",
        "Sourdough takes time",
        "Brød",
    )
    assert item.published_at == "2026-11-03T09:00:00+00:00"


def test_ids_made_for_items_without_one_are_stable() -> None:
    assert [item.id for item in entries.parse("t", RSS)] == [item.id for item in entries.parse("t", RSS)]


def test_a_broken_feed_still_gives_the_entries_it_has() -> None:
    broken = RSS.replace(b"</channel></rss>", b"<item><title>Cut o")
    assert entries.parse("trains", broken)[0].id == "a-1"


@pytest.mark.parametrize("body", [b"", b"<html><body>Not here</body></html>", b"<rss><chan", b"\x00\xff\xfe", b"{}"])
def test_what_is_no_feed_is_said_to_be_malformed(body: bytes) -> None:
    with pytest.raises(FeedError, match="feed 'trains' is malformed and has no entries"):
        entries.parse("trains", body)


def test_a_feed_without_news_is_no_error() -> None:
    assert entries.parse("quiet", b'<rss version="2.0"><channel><title>Quiet</title></channel></rss>') == []


def test_an_address_instead_of_a_feed_is_never_followed() -> None:
    with pytest.raises(FeedError, match="malformed"):
        entries.parse("trains", b"file:///etc/hostname")


def test_entities_do_not_reach_files() -> None:
    body = RSS.replace(b"<rss", b'<!DOCTYPE rss [<!ENTITY leak SYSTEM "file:///etc/hostname">]><rss', 1).replace(
        b"No id, no date", b"[&leak;]"
    )
    assert [item.title for item in entries.parse("trains", body)][1] in ("[]", "[&leak;]")


def test_long_texts_are_cut() -> None:
    long = RSS.replace(b"Berlin", b"word " * 5_000).replace(b"a-1", b"x" * 300)
    item = entries.parse("trains", long)[0]
    assert len(item.summary) == entries.MAX_SUMMARY
    assert len(item.id) == 64


def test_plain_text_keeps_words_apart_and_hides_what_is_not_seen() -> None:
    assert entries.plain("<p>one</p><p>two<br>three</p><style>p{}</style> &lt;4", 100) == "one two three <4"


def test_an_impossible_date_is_no_date() -> None:
    assert entries.parse("t", RSS.replace(b"03 Nov 2026", b"99 Nov 2026"))[0].published_at is None


@pytest.mark.parametrize(
    ("link", "channel", "address", "found"),
    [
        ("/posts/1", "https://news.example/", "", "https://news.example/posts/1"),
        ("posts/1", "", "https://news.example/feeds/all.xml", "https://news.example/feeds/posts/1"),
        ("?p=1", "/blog/", "https://news.example/feed", "https://news.example/blog/?p=1"),
        ("//other.example/1", "https://news.example/", "", "https://other.example/1"),
        ("HTTPS://news.example/A", "", "", "https://news.example/A"),
        ("/posts/1", "HTTP://news.example", "", "http://news.example/posts/1"),
        ("/posts/1", "", "", ""),
        ("/posts/1", "ftp://news.example/", "", ""),
        ("JavaScript:alert(1)", "https://news.example/", "", ""),
        ("https://[broken", "https://news.example/", "", ""),
        ("https:///path", "", "", ""),
        ("/" + "x" * entries.MAX_LINK, "https://news.example/", "", ""),
    ],
)
def test_links_lead_on_from_the_channel_or_the_feed(link: str, channel: str, address: str, found: str) -> None:
    item = f"<item><guid>1</guid><link>{link}</link></item>"
    body = f"<rss version='2.0'><channel><link>{channel}</link>{item}</channel></rss>"
    (found_item,) = entries.parse("t", body.encode(), address=address)
    assert found_item.link == found


def test_an_id_that_stands_in_for_a_link_is_an_address_or_none() -> None:
    body = RSS.replace(b"<title>Night", b"<link>https://trains.example/</link><title>Night").replace(
        b"<link>https://trains.example/1</link>", b""
    )
    assert entries.parse("t", body)[0].link == ""
    assert entries.parse("t", body.replace(b"a-1", b"https://trains.example/9"))[0].link == "https://trains.example/9"


def test_comments_that_never_end_hide_the_rest() -> None:
    assert entries.plain("one <!-- two --> three" + "<!--" * 25_000 + " four", 2_000) == "one three"
