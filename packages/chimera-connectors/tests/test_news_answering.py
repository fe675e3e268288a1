"""The process that feeds are read in, from within."""

import threading
from multiprocessing.connection import Pipe

import pytest

from chimera_connectors.news import answering
from chimera_connectors.news.reading import ReadRequest

RSS = b'<rss version="2.0"><channel><title>T</title><item><guid>1</guid><link>/1</link></item></channel></rss>'
REQUEST = ReadRequest(name="f", content_type="", address="https://f.example/feed")


def test_the_process_ends_with_its_owner() -> None:
    mine, theirs = Pipe()
    serving = threading.Thread(target=answering.serve, args=(theirs,))
    serving.start()
    assert mine.recv_bytes() == b"ready"
    mine.send_bytes(REQUEST.model_dump_json().encode())
    mine.send_bytes(RSS)
    assert mine.recv_bytes() == answering.answered(REQUEST, RSS)
    mine.close()
    serving.join()


def test_a_process_without_work_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "IDLE_SECONDS", 0)
    mine, theirs = Pipe()
    answering.serve(theirs)
    theirs.close()
    assert mine.recv_bytes() == b"ready"
    with pytest.raises(EOFError):
        mine.recv_bytes()
