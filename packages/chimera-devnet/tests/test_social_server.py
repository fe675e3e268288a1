"""The social server through the SDK's own client: in memory, over stdio, over Streamable HTTP."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, TextResourceContents

from chimera_devnet.social.__main__ import main
from chimera_devnet.social.network import Network
from chimera_devnet.social.server import build_server

SOURCE = os.pathsep.join(path for path in sys.path if path)
TOOLS = {
    "create_thread",
    "post_tweet",
    "reply_tweet",
    "like_tweet",
    "promote_tweet",
    "find_by_idempotency_key",
    "read_post",
    "read_timeline",
    "list_posts",
}


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[Client]:
    network = Network(folder / "social.db", seed=7)
    try:
        async with Client(build_server(network)) as client:
            yield client
    finally:
        network.close()


def command(folder: Path, *more: str) -> list[str]:
    return ["-m", "chimera_devnet.social", "--db", str(folder / "social.db"), "--seed", "7", *more]


def over_stdio(folder: Path) -> Client:
    return Client(
        StdioServerParameters(command=sys.executable, args=command(folder), env={"PYTHONPATH": SOURCE}),
        read_timeout_seconds=30,
    )


@contextmanager
def http_server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, *command(folder, "--transport", "http", "--port", "0")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


def structured(result: CallToolResult) -> dict[str, object]:
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def error(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def resource(client: Client, uri: str) -> object:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


def tweet(text: str = "Hello", key: str = "k1", **more: object) -> dict[str, object]:
    return {"account": "nova", "text": text, "idempotency_key": key, **more}


async def test_every_tool_is_typed_on_both_sides(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        assert all(tool.output_schema and tool.description and tool.annotations for tool in tools.values())
        templates = (await client.list_resource_templates()).resource_templates
        resources = (await client.list_resources()).resources
        uris = [template.uri_template for template in templates] + [str(found.uri) for found in resources]
        assert sorted(uris) == [
            "social://mentions/{account}",
            "social://profile/{account}",
            "social://trends",
        ]


async def test_writes_answer_with_receipts_that_can_be_found_again(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        thread = {"account": "nova", "posts": ["one", "two"], "idempotency_key": "t"}
        assert structured(await client.call_tool("create_thread", thread))["ids"] == ["1", "2"]
        posted = structured(await client.call_tool("post_tweet", tweet()))
        reply = tweet("Thanks", "r", in_reply_to="1")
        assert structured(await client.call_tool("reply_tweet", reply))["kind"] == "reply"
        like = {"account": "nova", "post_id": "1", "idempotency_key": "l"}
        assert structured(await client.call_tool("like_tweet", like))["ids"] == ["1"]
        promotion = {"account": "nova", "post_id": "1", "token_amount": "50 USDC", "idempotency_key": "p"}
        invoice = structured(await client.call_tool("promote_tweet", promotion))
        assert (invoice["promotion_id"], invoice["amount"], invoice["currency"]) == ("1", "50", "USDC")
        key = {"account": "nova", "idempotency_key": "k1"}
        assert structured(await client.call_tool("find_by_idempotency_key", key)) == posted
        absent = {"account": "nova", "idempotency_key": "never"}
        assert structured(await client.call_tool("find_by_idempotency_key", absent))["found"] is False


async def test_posts_are_read_back(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        receipt = structured(await client.call_tool("post_tweet", tweet(ai_label=False)))
        post = structured(await client.call_tool("read_post", {"post_id": "1"}))
        assert (post["text"], post["ai_label"]) == ("Hello", False)
        assert (post["url"], post["content_hash"]) == (receipt["url"], receipt["content_hash"])
        assert structured(await client.call_tool("read_timeline", {"account": "nova"}))["posts"] == [post]
        page = structured(await client.call_tool("list_posts", {"limit": 1}))
        assert (page["posts"], page["next_after"]) == ([post], "1")


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        (
            "post_tweet",
            tweet("日" * 141),
            "too_long: post 1 of 1 has a weighted length of 282, the limit is 280",
        ),
        ("post_tweet", tweet(" "), "invalid: post 1 of 1 is empty"),
        ("post_tweet", tweet("a\0b"), "NUL"),
        ("post_tweet", {**tweet(), "account": "no spaces"}, "account"),
        ("post_tweet", tweet(key=""), "idempotency_key"),
        ("post_tweet", tweet(key="k" * 201), "idempotency_key"),
        ("post_tweet", {**tweet(), "account": "fan_ada"}, "the audience owns"),
        ("create_thread", {"account": "nova", "posts": ["a"] * 26, "idempotency_key": "k"}, "posts"),
        ("reply_tweet", tweet(in_reply_to="99"), "unknown_post: there is no post '99'"),
        ("read_post", {"post_id": "99"}, "unknown_post"),
        ("read_timeline", {"account": "nobody"}, "unknown_account: there is no account 'nobody'"),
        ("list_posts", {"limit": 501}, "limit"),
        ("read_timeline", {"account": "nova", "limit": 101}, "limit"),
        (
            "promote_tweet",
            {"account": "nova", "post_id": "1", "token_amount": "1.5.0 USDC", "idempotency_key": "k"},
            "an amount reads like",
        ),
    ],
)
async def test_every_refusal_is_a_clear_tool_error(
    tmp_path: Path, tool: str, arguments: dict[str, object], message: str
) -> None:
    async with in_memory(tmp_path) as client:
        assert message in error(await client.call_tool(tool, arguments))


async def test_a_key_used_for_other_content_is_a_tool_error(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        await client.call_tool("post_tweet", tweet())
        assert structured(await client.call_tool("post_tweet", tweet()))["replayed"] is True
        assert "key_conflict" in error(await client.call_tool("post_tweet", tweet("Hullo")))


async def test_resources_are_read_afresh_as_json(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as client:
        assert await resource(client, "social://mentions/nova") == []
        await client.call_tool("post_tweet", {**tweet("Hi @nova #rain"), "account": "theo"})
        mentions = await resource(client, "social://mentions/nova")
        assert isinstance(mentions, list)
        assert set(mentions[0]) == {"id", "author", "text", "created_at", "in_reply_to"}
        trends = await resource(client, "social://trends")
        assert isinstance(trends, list)
        assert {"topic": "#rain", "volume": 1, "source": "posts"} in trends
        profile = await resource(client, "social://profile/theo")
        assert isinstance(profile, dict)
        assert (profile["posts"], profile["ai_labelled_share"]) == (1, "1.00")


@pytest.mark.parametrize("uri", ["social://profile/nobody", "social://mentions/not%20one", "social://nothing"])
async def test_an_unknown_resource_is_a_protocol_error(tmp_path: Path, uri: str) -> None:
    async with in_memory(tmp_path) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
        assert caught.value.code == -32602


async def test_over_stdio_as_its_own_process(tmp_path: Path) -> None:
    async with over_stdio(tmp_path) as client:
        assert structured(await client.call_tool("post_tweet", tweet()))["ids"] == ["1"]
        assert client.server_info is not None
        assert client.server_info.name == "twitter-mcp"
    async with over_stdio(tmp_path) as client:
        assert structured(await client.call_tool("post_tweet", tweet()))["replayed"] is True


async def test_an_older_protocol_revision_is_spoken_too(tmp_path: Path) -> None:
    server = StdioServerParameters(command=sys.executable, args=command(tmp_path), env={"PYTHONPATH": SOURCE})
    async with Client(server, mode="legacy", read_timeout_seconds=30) as client:
        assert client.protocol_version < "2026"
        assert structured(await client.call_tool("post_tweet", tweet()))["ids"] == ["1"]


async def test_two_processes_called_at_once_with_one_key_create_one_post(tmp_path: Path) -> None:
    async with over_stdio(tmp_path) as one, over_stdio(tmp_path) as two:
        for n in range(10):
            calls = [client.call_tool("post_tweet", tweet(f"post {n}", f"k{n}")) for client in (one, two, one, two)]
            receipts = [structured(result) for result in await asyncio.gather(*calls)]
            assert [receipt["replayed"] for receipt in receipts].count(False) == 1
            assert len({json.dumps(receipt["ids"]) for receipt in receipts}) == 1
        timeline = structured(await one.call_tool("read_timeline", {"account": "nova"}))
        assert isinstance(timeline["posts"], list)
        assert [post["text"] for post in timeline["posts"]] == [f"post {n}" for n in reversed(range(10))]


async def test_over_streamable_http_until_sigterm(tmp_path: Path) -> None:
    with http_server(tmp_path) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/mcp")
        async with Client(url, read_timeout_seconds=30) as client:
            assert structured(await client.call_tool("post_tweet", tweet()))["ids"] == ["1"]
        async with Client(url, mode="legacy", read_timeout_seconds=30) as client:
            assert structured(await client.call_tool("post_tweet", tweet()))["replayed"] is True
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) in (0, -signal.SIGTERM)


async def test_a_rebound_host_or_a_foreign_origin_is_turned_away(tmp_path: Path) -> None:
    with http_server(tmp_path) as (_, url):
        async with httpx2.AsyncClient() as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            accept = {"accept": "application/json, text/event-stream"}
            rebound = await http.post(url, json=body, headers={**accept, "host": "attacker.example"})
            foreign = await http.post(url, json=body, headers={**accept, "origin": "http://attacker.example"})
        assert (rebound.status_code, foreign.status_code) == (421, 403)


async def test_a_client_may_bring_its_own_http_settings(tmp_path: Path) -> None:
    with http_server(tmp_path) as (_, url):
        async with (
            httpx2.AsyncClient(timeout=5) as http,
            Client(streamable_http_client(url, http_client=http), read_timeout_seconds=5) as client,
        ):
            assert structured(await client.call_tool("list_posts", {}))["posts"] == []


@pytest.mark.parametrize("ending", ["end of input", "SIGTERM", "SIGINT"])
def test_over_stdio_the_process_leaves_at_once(tmp_path: Path, ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, *command(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        about = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
        process.stdin.write(json.dumps(hello) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        if ending == "end of input":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[ending])
        assert process.wait(timeout=30) in (0, -signal.SIGTERM, -signal.SIGINT)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--db", str(tmp_path / "missing" / "social.db")]) == 2
    assert "cannot be opened" in capsys.readouterr().err
    assert main(["--db", str(tmp_path / "a.db"), "--transport", "http", "--host", "192.0.2.1"]) == 2
    assert "cannot serve" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--db", str(tmp_path / "a.db"), "--transport", "http", "--port", "99999"])
    assert main(["--db", str(tmp_path / "social.db"), "--fault", "sulk:1"]) == 2
    assert "sulk" in capsys.readouterr().err
