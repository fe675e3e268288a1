"""The door: an address for one signing, and for nobody else."""

from collections.abc import Iterator

import httpx2
import pytest

from chimera_credentials.timestamps import LONGEST, NotStamped
from chimera_credentials.tsa_server import StampDoor


class Echo:
    """Answers with the query; refuses an empty one."""

    def answer(self, query: bytes) -> bytes:
        if not query:
            raise NotStamped("closed on Sundays")
        return b"stamp for " + query


@pytest.fixture
def door() -> Iterator[StampDoor]:
    made = StampDoor(Echo())
    yield made
    made.close()


def test_an_address_answers_while_its_signing_lasts(door: StampDoor) -> None:
    with door.visit() as visit:
        told = httpx2.post(visit.url, content=b"query")
        assert (told.status_code, told.content) == (200, b"stamp for query")
        assert told.headers["content-type"] == "application/timestamp-reply"
        assert visit.refused is None
    assert httpx2.post(visit.url, content=b"query").status_code == 404


def test_two_signings_have_two_addresses(door: StampDoor) -> None:
    with door.visit() as one, door.visit() as two:
        assert one.url != two.url
        assert httpx2.post(two.url, content=b"").status_code == 503
        assert (one.refused, two.refused) == (None, "closed on Sundays")


def test_whoever_does_not_know_an_address_gets_nothing(door: StampDoor) -> None:
    with door.visit() as visit:
        base, _, _ = visit.url.rpartition("/")
        assert httpx2.post(f"{base}/", content=b"query").status_code == 404
        assert httpx2.get(visit.url).status_code == 501
        assert httpx2.post(visit.url, content=b"x" * (LONGEST + 1)).status_code == 404


def test_it_is_open_to_this_machine_alone_and_goes_round_every_proxy(
    door: StampDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.server_address[0] == "127.0.0.1"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with door.visit() as visit:
        assert httpx2.post(visit.url, content=b"query").status_code == 200


def test_after_closing_nobody_answers() -> None:
    door = StampDoor(Echo())
    with door.visit() as visit:
        door.close()
        with pytest.raises(httpx2.HTTPError):
            httpx2.post(visit.url, content=b"query")
