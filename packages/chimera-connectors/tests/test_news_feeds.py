"""Fetching feeds: the mapping, files, and HTTP with its limits."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chimera_connectors.news import feeds
from chimera_connectors.news.feeds import Feeds, load_mapping
from chimera_connectors.news.items import FeedError, UnknownFeed, UnknownItem

RSS = b"""<rss version="2.0"><channel><title>Trains</title>
<item><guid>1</guid><title>Night line</title><link>../1</link></item><item><guid>2</guid><title>Day line</title></item>
</channel></rss>"""
released = threading.Event()


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name, _, hops = self.path.strip("/").partition("/")
        if name == "hop" and int(hops) > 0:
            self.send_response(302)
            self.send_header("location", f"/hop/{int(hops) - 1}")
            self.end_headers()
            return
        if name == "stall":
            released.wait(30)
        self.send_response(404 if name == "missing" else 200)
        self.send_header("content-type", "application/rss+xml")
        self.end_headers()
        self.wfile.write(b"x" * (feeds.MAX_BYTES + 1) if name == "huge" else RSS)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    released.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        released.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("text", ["trains: trains.xml\nweb: https://a.example/f", '{"trains": "trains.xml"}'])
async def test_yaml_and_json_mappings_name_files_beside_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "trains.xml").write_bytes(RSS)
    (tmp_path / "feeds.yaml").write_text(text)
    mapping = load_mapping(tmp_path / "feeds.yaml")
    assert mapping.get("web", "https://a.example/f") == "https://a.example/f"
    assert [item.id for item in await Feeds(mapping).items("trains")] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b", "not a YAML or JSON mapping"),
        ("a: [1, 2]", "not a YAML or JSON mapping"),
        ("a: !!python/object/apply:os.getcwd []", "not a YAML or JSON mapping"),
        ("a: {", "not a YAML or JSON mapping"),
        ("no spaces: x.xml", "is no feed name"),
        ("\n".join(f"f{n}: x" for n in range(501)), "names 501 feeds"),
    ],
)
def test_a_mapping_that_is_not_one_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "feeds.yaml").write_text(text)
    with pytest.raises(FeedError, match=message):
        load_mapping(tmp_path / "feeds.yaml")


def test_a_missing_mapping_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="cannot be read"):
        load_mapping(tmp_path / "feeds.yaml")


async def test_unknown_names_and_items_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "trains.xml").write_bytes(RSS)
    found = Feeds({"trains": str(tmp_path / "trains.xml")})
    assert (await found.item("trains", "2")).title == "Day line"
    with pytest.raises(UnknownItem, match="feed 'trains' has no item '3'"):
        await found.item("trains", "3")
    with pytest.raises(UnknownFeed, match="there is no feed 'boats'; configured: trains"):
        await found.items("boats")


async def test_a_file_that_is_missing_or_too_large_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "huge.xml").write_bytes(b"x" * (feeds.MAX_BYTES + 1))
    found = Feeds({"gone": str(tmp_path / "gone.xml"), "huge": str(tmp_path / "huge.xml"), "dir": str(tmp_path)})
    with pytest.raises(FeedError, match="feed 'gone' cannot be read: No such file"):
        await found.items("gone")
    with pytest.raises(FeedError, match="feed 'huge' cannot be read: larger than"):
        await found.items("huge")
    with pytest.raises(FeedError, match="feed 'dir' cannot be read"):
        await found.items("dir")


async def test_feeds_come_over_http_through_at_most_three_redirects(site: str) -> None:
    found = Feeds({"plain": f"{site}/feed", "three": f"{site}/hop/3", "four": f"{site}/hop/4"})
    assert len(await found.items("plain")) == 2
    assert len(await found.items("three")) == 2
    assert (await found.item("three", "1")).link == f"{site}/1"
    with pytest.raises(FeedError, match="more than 3 redirects"):
        await found.items("four")


async def test_a_proxy_is_not_asked_for_this_machine(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    found = Feeds({"near": f"{site}/hop/1", "far": "http://far.example/"})
    assert len(await found.items("near")) == 2
    with pytest.raises(FeedError, match="ConnectError"):
        await found.items("far")


async def test_http_failures_are_clear_errors(site: str) -> None:
    found = Feeds(
        {
            "missing": f"{site}/missing",
            "huge": f"{site}/huge",
            "closed": "http://127.0.0.1:1/",
            "odd": "http://a:port/",
        }
    )
    with pytest.raises(FeedError, match="feed 'missing' cannot be read: HTTP status 404"):
        await found.items("missing")
    with pytest.raises(FeedError, match="larger than"):
        await found.items("huge")
    with pytest.raises(FeedError, match="ConnectError"):
        await found.items("closed")
    with pytest.raises(FeedError, match="InvalidURL"):
        await found.items("odd")


async def test_a_site_that_stalls_is_given_up(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(FeedError, match="no answer within"):
        await Feeds({"stall": f"{site}/stall"}).items("stall")


async def test_a_search_keeps_only_what_matches(tmp_path: Path) -> None:
    (tmp_path / "trains.xml").write_bytes(RSS)
    found = await Feeds({"trains": str(tmp_path / "trains.xml")}).search("trains", "night LINE")
    assert [item.id for item in found] == ["1"]
