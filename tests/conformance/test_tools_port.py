"""What every way to an MCP server behind `ports.Tools` does: over stdio and over Streamable HTTP (MCP-1)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import JsonValue

from chimera.errors import ToolFailed
from chimera.gateways.mcp.host import ToolHost, ToolServer
from chimera.gateways.mcp.types import Tools
from chimera_protocol.errors import NotFound

pytestmark = pytest.mark.asyncio(loop_scope="module")

READS = ["find_by_idempotency_key", "read_post", "list_posts"]
ACTS = ["post_tweet", "create_thread"]
NAME = "twitter-mcp"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["stdio", "http"])
async def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tools]:
    """The bundled social network, reached in each of the two ways."""
    folder = tmp_path_factory.mktemp(request.param)
    args = ["-m", "chimera_devnet.social", "--db", str(folder / "social.db")]
    if request.param == "stdio":
        host = ToolHost({NAME: ToolServer(command=sys.executable, args=args, reads=READS, acts=ACTS)})
        yield host
        await host.close()
        return
    command = (sys.executable, *args, "--transport", "http", "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    host = ToolHost({NAME: ToolServer(url=line.removeprefix("listening on ").strip(), reads=READS, acts=ACTS)})
    yield host
    await host.close()
    process.terminate()
    await asyncio.wait_for(process.wait(), 10)


def tweet(key: str, text: str = "Hello 🚀 ünïcode") -> dict[str, JsonValue]:
    return {"account": "nora", "text": text, "idempotency_key": key}


async def test_a_call_returns_structured_data_and_a_record(tools: Tools, tmp_path: Path) -> None:
    answer = await tools.call(NAME, "post_tweet", tweet("data"))
    assert answer.data["idempotency_key"] == "data"
    assert answer.record.outcome == "ok"
    (number,) = answer.data["ids"]  # type: ignore[misc]
    post = await tools.call(NAME, "read_post", {"post_id": number})
    assert post.data["text"] == "Hello 🚀 ünïcode"


async def test_the_same_key_is_one_effect(tools: Tools) -> None:
    first = await tools.call(NAME, "post_tweet", tweet("once"))
    second = await tools.call(NAME, "post_tweet", tweet("once"))
    assert first.data["ids"] == second.data["ids"]
    assert (first.data["replayed"], second.data["replayed"]) == (False, True)


async def test_many_calls_at_once_all_answer_their_own_question(tools: Tools) -> None:
    calls = [tools.call(NAME, "post_tweet", tweet(f"many-{number}", f"number {number}")) for number in range(20)]
    answers = await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert [answer.data["idempotency_key"] for answer in answers] == [f"many-{number}" for number in range(20)]


async def test_an_unknown_server_or_tool_is_not_found(tools: Tools) -> None:
    for server, tool in (("nowhere-mcp", "post_tweet"), (NAME, "like_tweet")):
        assert not tools.knows(server, tool)
        with pytest.raises(NotFound):
            await tools.call(server, tool, {})


async def test_a_refusal_of_the_platform_is_certain_and_permanent(tools: Tools) -> None:
    with pytest.raises(ToolFailed, match="too_long") as caught:
        await tools.call(NAME, "post_tweet", tweet("long", "x" * 281))
    assert (caught.value.uncertain, caught.value.permanent) == (False, True)


async def test_what_acts_is_told_from_what_reads(tools: Tools) -> None:
    assert [tools.effectful(NAME, tool) for tool in (*READS, *ACTS)] == [False] * len(READS) + [True] * len(ACTS)
