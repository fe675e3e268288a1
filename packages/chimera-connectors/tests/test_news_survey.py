"""Which feeds the quick parser may read."""

import pytest

from chimera_connectors.news.survey import survey

FEED = '<rss version="2.0"><channel><title>T</title><item>{}</item></channel></rss>'


def test_it_notes_what_each_entry_has() -> None:
    body = FEED.format(
        "<guid>1</guid><pubDate>Tue, 03 Nov 2026 10:00:00 GMT</pubDate></item>"
        '<item><guid isPermaLink="false">2</guid><link> /2 </link><description>x</description></item>'
        "<item><description> </description><pubDate></pubDate><link/>"
    )
    notes = survey(body.encode())
    assert notes is not None
    assert [(one.dated, one.summarised, one.linked, one.permalink) for one in notes] == [
        (True, False, False, True),
        (False, True, True, False),
        (False, False, False, False),
    ]


@pytest.mark.parametrize(
    "date", ["2026-11-03", "2026-11-03T10:00:00.5+01:00", "3 Nov 2026 10:00 UT", "Tue, 03 Nov 2026 10:00:00 -0800"]
)
def test_a_full_date_is_one_that_both_read(date: str) -> None:
    assert survey(FEED.format(f"<pubDate>{date}</pubDate>").encode())


@pytest.mark.parametrize("date", ["10:00", "Tuesday", "Nov 2026", "03/11/2026", "Tue, 03 Nov 26 10:00:00 PDT", "7"])
def test_a_date_that_is_guessed_at_is_not(date: str) -> None:
    assert survey(FEED.format(f"<pubDate>{date}</pubDate>").encode()) is None


@pytest.mark.parametrize(
    "header", ["", "application/rss+xml", "text/xml; charset=UTF-8", 'text/xml; charset="utf-8"; x=1']
)
def test_texts_in_utf_8_are_read_alike(header: str) -> None:
    assert survey(FEED.format("").encode(), header) is not None


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (FEED.format("").encode(), "text/xml; charset=iso-8859-1"),
        (b'<?xml version="1.0" encoding="windows-1252"?>' + FEED.format("").encode(), ""),
        (FEED.format("").encode("utf-16"), ""),
        (FEED.format("<title>caf\xe9</title>").encode("latin-1"), ""),
    ],
)
def test_other_character_sets_are_for_the_patient_parser(body: bytes, header: str) -> None:
    assert survey(body, header) is None
