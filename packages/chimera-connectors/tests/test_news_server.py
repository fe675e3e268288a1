"""The news server through the SDK's own client: in memory, over stdio, over Streamable HTTP."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, TextContent, TextResourceContents

from chimera_connectors.news.__main__ import main
from chimera_connectors.news.feeds import Feeds, load_mapping
from chimera_connectors.news.server import build_server

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Bread</title>
<entry><id>1</id><title>Rye</title><summary>Sour and dark</summary></entry>
<entry><id>2</id><title>Wheat</title><summary>Light</summary></entry></feed>"""
SOURCE = os.pathsep.join(path for path in sys.path if path)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    (tmp_path / "bread.xml").write_text(ATOM)
    (tmp_path / "broken.xml").write_text("<html>Sorry</html>")
    path = tmp_path / "feeds.yaml"
    path.write_text("bread: bread.xml\nbroken: broken.xml\ngone: gone.xml\n")
    return path


@asynccontextmanager
async def in_memory(mapping: Path) -> AsyncIterator[Client]:
    async with Client(build_server(Feeds(load_mapping(mapping)))) as client:
        yield client


def structured(result: CallToolResult) -> dict[str, object]:
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def titles(result: CallToolResult) -> list[str]:
    items = structured(result)["items"]
    assert isinstance(items, list)
    return [item["title"] for item in items]


async def test_items_are_listed_searched_and_read(mapping: Path) -> None:
    async with in_memory(mapping) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "list_items",
            "search_items",
            "read_item",
        }
        assert titles(await client.call_tool("list_items", {"feed": "bread"})) == ["Rye", "Wheat"]
        assert titles(await client.call_tool("list_items", {"feed": "bread", "limit": 1})) == ["Rye"]
        assert titles(await client.call_tool("search_items", {"feed": "bread", "query": "light"})) == ["Wheat"]
        item = structured(await client.call_tool("read_item", {"feed": "bread", "item_id": "1"}))
        assert set(item) == {"id", "title", "summary", "link", "published_at", "source"}


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("list_items", {"feed": "gone"}, "feed 'gone' cannot be read"),
        ("list_items", {"feed": "broken"}, "is malformed and has no entries"),
        ("list_items", {"feed": "boats"}, "there is no feed 'boats'"),
        ("list_items", {"feed": "bread", "limit": 51}, "limit"),
        ("search_items", {"feed": "bread", "query": ""}, "query"),
        ("search_items", {"feed": "gone", "query": "x"}, "cannot be read"),
        ("read_item", {"feed": "bread", "item_id": "9"}, "has no item '9'"),
    ],
)
async def test_failures_are_clear_tool_errors(
    mapping: Path, tool: str, arguments: dict[str, object], message: str
) -> None:
    async with in_memory(mapping) as client:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert isinstance(result.content[0], TextContent)
        assert message in result.content[0].text


async def test_a_feed_is_a_resource_too(mapping: Path) -> None:
    async with in_memory(mapping) as client:
        (content,) = (await client.read_resource("news://feed/bread")).contents
        assert isinstance(content, TextResourceContents)
        assert [item["id"] for item in json.loads(content.text)] == ["1", "2"]


@pytest.mark.parametrize(("name", "code"), [("boats", -32602), ("gone", -32603), ("broken", -32603)])
async def test_a_resource_that_cannot_be_read_is_a_protocol_error(mapping: Path, name: str, code: int) -> None:
    async with in_memory(mapping) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(f"news://feed/{name}")
        assert (caught.value.code, name in caught.value.message) == (code, True)


async def test_over_stdio_as_its_own_process(mapping: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "chimera_connectors.news", "--feeds", str(mapping)],
        env={"PYTHONPATH": SOURCE},
    )
    async with Client(server, read_timeout_seconds=30) as client:
        assert titles(await client.call_tool("list_items", {"feed": "bread"})) == ["Rye", "Wheat"]


@contextmanager
def http_server(mapping: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    serve = ["-m", "chimera_connectors.news", "--feeds", str(mapping), "--transport", "http", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, *serve], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": SOURCE}
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


async def test_over_streamable_http_until_sigterm(mapping: Path) -> None:
    with http_server(mapping) as (process, url):
        async with Client(url, read_timeout_seconds=30) as client:
            assert titles(await client.call_tool("list_items", {"feed": "bread"})) == ["Rye", "Wheat"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) in (0, -signal.SIGTERM)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--feeds", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
