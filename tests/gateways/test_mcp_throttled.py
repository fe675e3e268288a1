"""The MCP host with patience: limits, breakers, pauses that a platform asks for, and reading elsewhere (ORC-11)."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from tests.gateways.test_mcp_host import ACTS, READS, posts, server, tweet

from chimera.errors import ToolFailed
from chimera.gateways.mcp.host import ReadingTools, ToolHost, ToolServer
from chimera.gateways.mcp.types import Platform, Rate, Rates, ReadBack
from chimera.redis.connection import connect
from chimera.redis.throttle import RedisThrottle
from chimera.retry import LONGEST_PAUSE_SECONDS
from chimera_protocol.errors import NotFound

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAYS = """
import sys
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("says")

@server.tool()
def say(text: str) -> str:
    raise ToolError(text)

@server.tool()
def protest(text: str) -> str:
    raise MCPError(-32029, text)

server.run("stdio")
"""
"""A platform that refuses in the words that it is told."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def says() -> AsyncIterator[ToolHost]:
    made = ToolHost({"says-mcp": ToolServer(command=sys.executable, args=["-c", SAYS], reads=["say", "protest"])})
    yield made
    await made.close()


@pytest.mark.parametrize("tool", ["say", "protest"])
@pytest.mark.parametrize(
    ("words", "pause"),
    [
        ("429 Too Many Requests. Retry-After: 30", 30.0),
        ('{"error": "busy", "retry_after": 2.5}', 2.5),
        ("please retry after 7 seconds", 7.0),
        ("Rate limit exceeded", 1.0),
        ("rate_limit_exceeded", 1.0),
        ("you are being rate-limited", 1.0),
        ("HTTP 429", 1.0),
        ("Retry-After: 0", 0.05),
        ("Retry-After: 999999", LONGEST_PAUSE_SECONDS),
    ],
)
async def test_a_platform_that_asks_for_patience_says_for_how_long(
    says: ToolHost, tool: str, words: str, pause: float
) -> None:
    with pytest.raises(ToolFailed) as caught:
        await says.call("says-mcp", tool, {"text": words})
    error = caught.value
    assert (error.pause, error.away, error.uncertain, error.permanent) == (pause, True, False, False)


@pytest.mark.parametrize(
    ("words", "permanent"), [("error_500: it broke", False), ("invalid: 429 is no colour", True), ("no", False)]
)
async def test_no_other_refusal_is_a_wish_for_patience(says: ToolHost, words: str, permanent: bool) -> None:
    with pytest.raises(ToolFailed) as caught:
        await says.call("says-mcp", "say", {"text": words})
    assert (caught.value.pause, caught.value.away, caught.value.permanent) == (None, False, permanent)


@dataclass
class Recorder:
    """`ports.Throttle`: lets through what `error` does not stop, and remembers what it was asked and told."""

    watched: bool = False
    error: ToolFailed | None = None
    asked: list[tuple[str, str, Rates]] = field(default_factory=list)
    told: list[tuple[str, str, ToolFailed | None]] = field(default_factory=list)

    async def admit(self, server: str, account: str, rates: Rates) -> bool:
        self.asked.append((server, account, rates))
        if self.error is not None:
            raise self.error
        return self.watched

    async def report(self, server: str, account: str, failure: ToolFailed | None) -> None:
        self.told.append((server, account, failure))


@pytest_asyncio.fixture(loop_scope="module")
async def throttled(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[ToolHost, Recorder]]:
    """A server with limits and the fault of the test's parameter, behind a throttle that remembers."""
    recorder = Recorder()
    made = ToolHost({"twitter-mcp": server(tmp_path, getattr(request, "param", ""), rates=RATES)}, recorder)
    yield made, recorder
    await made.close()


RATES = Rates(account=Rate(per_minute=30, burst=5))


async def test_the_throttle_is_asked_before_each_call_and_hears_of_a_success_that_is_watched(
    throttled: tuple[ToolHost, Recorder],
) -> None:
    host, recorder = throttled
    await host.call("twitter-mcp", "post_tweet", tweet("one"))
    await host.call("twitter-mcp", "read_timeline", {"account": "nora"})
    assert recorder.asked == [("twitter-mcp", "nora", RATES), ("twitter-mcp", "", RATES)], "reading is nobody's act"
    assert recorder.told == []
    recorder.watched = True
    await host.call("twitter-mcp", "post_tweet", tweet("two"))
    assert recorder.told == [("twitter-mcp", "nora", None)]


@pytest.mark.parametrize("throttled", ["error_500:1"], indirect=True)
async def test_the_throttle_hears_of_every_failure(throttled: tuple[ToolHost, Recorder]) -> None:
    host, recorder = throttled
    with pytest.raises(ToolFailed) as caught:
        await host.call("twitter-mcp", "post_tweet", tweet("k"))
    assert recorder.told == [("twitter-mcp", "nora", caught.value)]


async def test_a_call_that_is_not_let_through_is_not_made_and_is_no_failure_of_the_server(
    throttled: tuple[ToolHost, Recorder],
) -> None:
    host, recorder = throttled
    recorder.error = ToolFailed("its breaker is open", uncertain=False, away=True, pause=3)
    with capture_logs() as logs, pytest.raises(ToolFailed) as caught:
        await host.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (caught.value is recorder.error, recorder.told, logs[-1]["outcome"]) == (True, [], "error")
    recorder.error = None
    assert await posts(host) == []


@pytest.mark.parametrize("named", [("nowhere-mcp", "post_tweet"), ("twitter-mcp", "fly")])
async def test_what_is_not_on_the_allow_list_takes_no_token(
    throttled: tuple[ToolHost, Recorder], named: tuple[str, str]
) -> None:
    host, recorder = throttled
    with pytest.raises(NotFound):
        await host.call(*named, {})
    assert recorder.asked == []


async def test_a_broken_server_is_left_alone_by_every_host_until_its_breaker_lets_one_try(
    tmp_path: Path, redis_url: str
) -> None:
    client = connect(redis_url)
    broken = ToolServer(command=str(tmp_path / "no-such-program"), reads=["x"])
    hosts = [ToolHost({"gone-mcp": broken}, RedisThrottle(client)) for _ in range(2)]
    for _ in range(5):
        with pytest.raises(ToolFailed, match="cannot be reached"):
            await hosts[0].call("gone-mcp", "x", {})
    with pytest.raises(ToolFailed, match="circuit breaker is open") as caught:
        await hosts[1].call("gone-mcp", "x", {})
    assert (caught.value.away, caught.value.uncertain) == (True, False)
    assert caught.value.pause
    await client.aclose()


async def test_a_busy_platform_is_left_alone_for_that_account_and_then_asked_again(
    tmp_path: Path, redis_url: str
) -> None:
    client = connect(redis_url)
    host = ToolHost({"twitter-mcp": server(tmp_path, "error_429:1")}, RedisThrottle(client))
    with pytest.raises(ToolFailed, match="error_429"):
        await host.call("twitter-mcp", "post_tweet", tweet("k"))
    with pytest.raises(ToolFailed, match="has asked us to wait"):
        await host.call("twitter-mcp", "post_tweet", tweet("k"))
    assert await posts(host) == [], "who only reads is not held back"
    await client.delete("chimera:{tool:twitter-mcp}:pause:nora")  # as Redis does when its time is over
    assert (await host.call("twitter-mcp", "post_tweet", tweet("k"))).data["replayed"] is False
    await host.close()
    await client.aclose()


def pair(folder: Path, mirror: ToolServer | None = None, **first: Any) -> ToolHost:
    """A server that is away, and the one that is read in its place."""
    gone: dict[str, Any] = {"reads": READS, "acts": ACTS, "fallback": "mirror-mcp", **first}
    away = ToolServer(command=str(folder / "no-such-program"), **gone)
    return ToolHost({"twitter-mcp": away, "mirror-mcp": mirror or server(folder)})


async def test_what_can_be_read_elsewhere_is_read_there_when_its_server_is_away(tmp_path: Path) -> None:
    host = pair(tmp_path)
    await host.call("mirror-mcp", "post_tweet", tweet("k"))
    with capture_logs() as logs:
        answer = await host.call("twitter-mcp", "list_posts", {})
    assert answer.record.server == "mirror-mcp", "the log says who was asked"
    assert answer.data["posts"]
    assert "read elsewhere" in [entry["event"] for entry in logs]
    await host.close()


async def test_what_acts_is_done_nowhere_else(tmp_path: Path) -> None:
    host = pair(tmp_path)
    with pytest.raises(ToolFailed, match="twitter-mcp cannot be reached"):
        await host.call("twitter-mcp", "post_tweet", tweet("k"))
    assert (await host.call("mirror-mcp", "list_posts", {})).data["posts"] == []
    await host.close()


async def test_a_tool_that_reads_here_and_acts_there_is_not_called_there(tmp_path: Path) -> None:
    """A reader must not come to act by way of somebody else's names."""
    host = pair(tmp_path, reads=[*READS, "post_tweet"], acts=[])
    with pytest.raises(ToolFailed, match="twitter-mcp cannot be reached"):
        await ReadingTools(host).call("twitter-mcp", "post_tweet", tweet("k"))
    assert (await host.call("mirror-mcp", "list_posts", {})).data["posts"] == []
    await host.close()


async def test_whether_something_has_happened_is_asked_of_nobody_else(tmp_path: Path) -> None:
    """Another server's "no" would have it done twice."""
    host = pair(tmp_path, platform=Platform(read_back=ReadBack(tool="find_by_idempotency_key")))
    with pytest.raises(ToolFailed, match="twitter-mcp cannot be reached"):
        await host.call("twitter-mcp", "find_by_idempotency_key", {"account": "nora", "idempotency_key": "k"})
    await host.close()


@pytest.mark.parametrize("mirror", [ToolServer(command="x", reads=["other"]), None])
async def test_without_such_a_tool_elsewhere_the_first_failure_is_told(
    tmp_path: Path, mirror: ToolServer | None
) -> None:
    host = pair(tmp_path, mirror, fallback="mirror-mcp" if mirror else "nowhere-mcp")
    with pytest.raises(ToolFailed, match="twitter-mcp cannot be reached"):
        await host.call("twitter-mcp", "list_posts", {})
    await host.close()


async def test_a_lasting_refusal_is_not_asked_about_elsewhere(tmp_path: Path) -> None:
    first = server(tmp_path, fallback="mirror-mcp")
    host = ToolHost({"twitter-mcp": first, "mirror-mcp": server(tmp_path)})
    with capture_logs() as logs, pytest.raises(ToolFailed, match="twitter-mcp/read_post") as caught:
        await host.call("twitter-mcp", "read_post", {"post_id": "999999"})
    assert caught.value.permanent
    assert [entry["event"] for entry in logs] == ["tool"]
    await host.close()


async def test_what_is_known_of_a_platform_comes_from_its_configuration() -> None:
    known = Platform(max_length=500, ai_label="bot", read_back=ReadBack(tool="mine", by="content"))
    host = ToolHost({"fedi-mcp": ToolServer(command="x", platform=known), "bare-mcp": ToolServer(command="x")})
    for view in (host, ReadingTools(host)):
        assert view.platform("fedi-mcp") == known
        assert view.platform("bare-mcp") == view.platform("nowhere-mcp") == Platform()
