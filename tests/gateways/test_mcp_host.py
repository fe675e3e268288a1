"""The MCP host: allow-lists, doubt and failure told apart, and servers that come back (MCP-1, MCP-2)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import JsonValue, ValidationError
from structlog.testing import capture_logs

from chimera.errors import ToolFailed
from chimera.gateways.mcp.host import ReadingTools, ToolHost, ToolServer
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.statements import canonical_hash

pytestmark = pytest.mark.asyncio(loop_scope="module")

READS = ["find_by_idempotency_key", "read_post", "read_timeline", "list_posts", "not_there"]
ACTS = ["post_tweet", "create_thread"]
Arguments = dict[str, JsonValue]


def tweet(key: str, text: str = "Hello") -> Arguments:
    return {"account": "nora", "text": text, "idempotency_key": key}


def server(folder: Path, fault: str = "", **changes: Any) -> ToolServer:
    given: dict[str, Any] = {
        "command": sys.executable,
        "args": ["-m", "chimera_devnet.social", "--db", str(folder / "social.db"), "--fault", fault],
        "reads": READS,
        "acts": ACTS,
    }
    return ToolServer(**{**given, **changes})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ToolHost]:
    """One server that works, for all tests that break nothing."""
    made = ToolHost({"twitter-mcp": server(tmp_path_factory.mktemp("social"))})
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def faulty(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ToolHost]:
    """A server with the fault of the test's parameter, and a short time-out."""
    made = ToolHost({"twitter-mcp": server(tmp_path, request.param, timeout_seconds=3)})
    await made.call("twitter-mcp", "list_posts", {})  # it is up: from here on the time-out is the tool's
    yield made
    await made.close()


async def posts(host: ToolHost) -> list[str]:
    answer = await host.call("twitter-mcp", "list_posts", {})
    found = answer.data["posts"]
    assert isinstance(found, list)
    return [post["text"] for post in found if not post["by_audience"]]  # type: ignore[index, call-overload, misc]


async def test_a_call_gives_data_and_a_record_without_the_arguments(host: ToolHost) -> None:
    arguments = tweet("record", "Something private until it is published")
    with capture_logs() as logs:
        answer = await host.call("twitter-mcp", "post_tweet", arguments)
    assert answer.data["kind"] == "tweet"
    assert answer.record.arguments_hash == canonical_hash(arguments)
    assert (answer.record.server, answer.record.tool, answer.record.outcome) == ("twitter-mcp", "post_tweet", "ok")
    assert answer.record.duration_ms >= 0
    assert [entry["event"] for entry in logs] == ["tool"]
    assert "private" not in str(logs)


@pytest.mark.parametrize(
    ("name", "tool"),
    [("nowhere-mcp", "post_tweet"), ("twitter-mcp", "like_tweet"), ("twitter-mcp", "promote_tweet")],
)
async def test_what_is_not_on_the_allow_list_is_not_there(host: ToolHost, name: str, tool: str) -> None:
    assert not host.knows(name, tool)
    assert not host.effectful(name, tool)
    with pytest.raises(NotFound, match=f"{name}/{tool} is not configured"):
        await host.call(name, tool, {})


async def test_the_lists_say_what_reads_and_what_acts(host: ToolHost) -> None:
    reading = ReadingTools(host)
    for view in (host, reading):
        assert view.knows("twitter-mcp", "post_tweet")
        assert view.effectful("twitter-mcp", "post_tweet")
        assert view.knows("twitter-mcp", "read_post")
        assert not view.effectful("twitter-mcp", "read_post")


async def test_the_reading_view_reads_and_refuses_every_tool_that_acts(host: ToolHost) -> None:
    reading = ReadingTools(host)
    before = await posts(host)
    for tool in ACTS:
        with pytest.raises(Invalid, match="only a granted effect"):
            await reading.call("twitter-mcp", tool, tweet("sneaky"))
    assert await posts(host) == before
    assert (await reading.call("twitter-mcp", "list_posts", {})).record.outcome == "ok"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_post", {"post_id": "999999"}),
        ("read_timeline", {"account": "nobody_at_all"}),
        ("post_tweet", tweet("long", "x" * 300)),
        ("post_tweet", {"account": "nora"}),
        ("post_tweet", tweet("nul", "\x00")),
        ("not_there", {}),
    ],
)
async def test_an_error_that_will_not_go_away_is_permanent_and_certain(
    host: ToolHost, tool: str, arguments: Arguments
) -> None:
    with pytest.raises(ToolFailed) as caught:
        await host.call("twitter-mcp", tool, arguments)
    assert (caught.value.uncertain, caught.value.permanent) == (False, True)


async def test_one_key_for_two_texts_is_permanent(host: ToolHost) -> None:
    await host.call("twitter-mcp", "post_tweet", tweet("taken", "one"))
    with pytest.raises(ToolFailed, match="key_conflict") as caught:
        await host.call("twitter-mcp", "post_tweet", tweet("taken", "two"))
    assert caught.value.permanent


@pytest.mark.parametrize("faulty", ["error_500:1"], indirect=True)
async def test_an_error_that_may_pass_is_certain_and_not_permanent(faulty: ToolHost) -> None:
    with capture_logs() as logs, pytest.raises(ToolFailed, match="error_500") as caught:
        await faulty.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (caught.value.uncertain, caught.value.permanent) == (False, False)
    assert logs[-1]["outcome"] == "error"
    assert (await faulty.call("twitter-mcp", "post_tweet", tweet("k"))).data["replayed"] is False


@pytest.mark.parametrize("faulty", ["timeout_after_accept:1"], indirect=True)
async def test_a_time_out_is_doubt_and_the_connection_goes_on(faulty: ToolHost) -> None:
    with capture_logs() as logs, pytest.raises(ToolFailed) as caught:
        await faulty.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (caught.value.uncertain, caught.value.permanent) == (True, False)
    assert logs[-1]["outcome"] == "timeout"
    assert await posts(faulty) == ["Hello"]


@pytest.mark.parametrize(
    ("faulty", "there"), [("die_after_accept:1", ["Hello"]), ("die_before_accept:1", [])], indirect=["faulty"]
)
async def test_a_server_that_dies_in_mid_call_is_doubt_and_the_next_call_starts_it_anew(
    faulty: ToolHost, there: list[str]
) -> None:
    with pytest.raises(ToolFailed) as caught:
        await faulty.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (caught.value.uncertain, caught.value.permanent) == (True, False)
    assert await posts(faulty) == there


@pytest.mark.parametrize("faulty", ["die_before_accept:1"], indirect=True)
async def test_calls_that_are_under_way_when_a_server_dies_all_end_and_later_ones_work(faulty: ToolHost) -> None:
    calls = [faulty.call("twitter-mcp", "post_tweet", tweet(f"k{number}", str(number))) for number in range(8)]
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
    assert any(isinstance(answer, ToolFailed) for answer in answers)
    assert all(not isinstance(answer, BaseException) or isinstance(answer, ToolFailed) for answer in answers)
    for number in range(8):
        await faulty.call("twitter-mcp", "post_tweet", tweet(f"k{number}", str(number)))
    assert sorted(await posts(faulty)) == [str(number) for number in range(8)]


@pytest.mark.parametrize(("faulty", "away"), [("error_429:1", True), ("error_500:1", False)], indirect=["faulty"])
async def test_a_platform_without_room_is_waited_for(faulty: ToolHost, away: bool) -> None:
    with pytest.raises(ToolFailed) as caught:
        await faulty.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (caught.value.uncertain, caught.value.away) == (False, away)


async def test_a_server_that_cannot_be_started_is_certain_failure(tmp_path: Path) -> None:
    gone = ToolServer(command=str(tmp_path / "no-such-program"), reads=["x"])
    with pytest.raises(ToolFailed, match="gone-mcp cannot be reached") as caught:
        await ToolHost({"gone-mcp": gone}).call("gone-mcp", "x", {})
    assert (caught.value.uncertain, caught.value.away) == (False, True)


async def test_a_program_that_is_no_mcp_server_is_certain_failure(tmp_path: Path) -> None:
    mute = ToolServer(command=sys.executable, args=["-c", "raise SystemExit(3)"], reads=["x"])
    host = ToolHost({"mute-mcp": mute})
    with pytest.raises(ToolFailed, match="mute-mcp cannot be reached") as caught:
        await asyncio.wait_for(host.call("mute-mcp", "x", {}), 30)
    assert not caught.value.uncertain
    await host.close()


async def test_a_url_that_nobody_serves_is_certain_failure() -> None:
    host = ToolHost({"far-mcp": ToolServer(url="http://127.0.0.1:9/mcp", reads=["x"])})
    with pytest.raises(ToolFailed, match="far-mcp cannot be reached") as caught:
        await asyncio.wait_for(host.call("far-mcp", "x", {}), 30)
    assert not caught.value.uncertain
    await host.close()


async def test_arguments_that_cannot_be_hashed_are_refused_before_the_call(host: ToolHost) -> None:
    """After the call it would be too late: the post would be out and its record missing."""
    before = await posts(host)
    with pytest.raises((Invalid, ToolFailed)) as caught:
        await host.call("twitter-mcp", "post_tweet", {**tweet("large"), "account": "nora", "number": 2**60})
    if isinstance(caught.value, ToolFailed):
        assert not caught.value.uncertain
    assert await posts(host) == before


async def test_a_closed_host_opens_again_when_it_is_used(tmp_path: Path) -> None:
    host = ToolHost({"twitter-mcp": server(tmp_path)})
    await host.call("twitter-mcp", "post_tweet", tweet("k"))
    await host.close()
    assert await posts(host) == ["Hello"]
    await host.close()


@pytest.mark.parametrize(
    "given", [{}, {"command": "x", "url": "http://x"}, {"command": "x", "timeout_seconds": 0}, {"comand": "x"}]
)
async def test_a_server_is_reached_one_way_and_says_so_correctly(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ToolServer(**given)
