"""The process that feeds are read in: whatever a feed does to it, the next feed is read."""

import os
import signal

import pytest

from chimera_connectors.news import entries, reading
from chimera_connectors.news.items import FeedError
from chimera_connectors.news.reading import FeedReader, ReadRequest

RSS = b'<rss version="2.0"><channel><title>T</title><item><guid>1</guid><link>/1</link></item></channel></rss>'
# Tags that never end, in a text that is cleaned of them: the time for it grows with the square of their number.
SLOW = RSS.replace(b"<link>", b"<description><![CDATA[" + b"<a " * 400_000 + b"]]></description><link>")
REQUEST = ReadRequest(name="f", content_type="", address="https://f.example/feed")


def test_a_feed_is_read_as_entries_reads_it() -> None:
    assert FeedReader().read(REQUEST, RSS) == entries.parse("f", RSS, address=REQUEST.address)


def test_what_is_no_feed_is_said_in_the_same_words() -> None:
    with pytest.raises(FeedError, match="feed 'f' is malformed and has no entries: "):
        FeedReader().read(REQUEST, b"<html></html>")


def test_a_feed_that_takes_too_long_is_an_error_and_the_next_is_read() -> None:
    reader = FeedReader(seconds=0.05)
    with pytest.raises(FeedError, match=r"feed 'f' takes longer than 0\.05 seconds to read"):
        reader.read(REQUEST, SLOW)
    reader._seconds = reading.READY_SECONDS
    assert [item.id for item in reader.read(REQUEST, RSS)] == ["1"]


def test_another_feed_is_read_while_one_takes_its_time() -> None:
    reader = FeedReader(seconds=reading.READY_SECONDS)
    reader.read(REQUEST, RSS)
    held = reader._free.get()
    assert [item.id for item in reader.read(REQUEST, RSS)] == ["1"]
    reader._free.put(held)


@pytest.mark.parametrize("seconds", [reading.READY_SECONDS])
def test_a_process_that_went_is_started_again(seconds: float) -> None:
    reader = FeedReader(seconds)
    reader.read(REQUEST, RSS)
    process = reader._free.get()
    assert process is not None
    reader._free.put(process)
    os.kill(process._running.pid, signal.SIGKILL)
    process._running.wait()
    assert [item.id for item in reader.read(REQUEST, RSS)] == ["1"]
