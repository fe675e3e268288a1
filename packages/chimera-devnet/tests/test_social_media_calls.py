"""Pictures and clips through the MCP server: as its own process, two of them at once, and through its faults."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, TextContent
from showing import KINDS, kept, made, offered, path_of

from chimera_devnet.social.messages import OfferedMedia

SOURCE = os.pathsep.join(path for path in sys.path if path)
KEY = {"account": "nova", "idempotency_key": "k1"}


def served(folder: Path, fault: str = "") -> Client:
    """A network of its own process that takes files from two folders."""
    command = ["-m", "chimera_devnet.social", "--db", str(folder / "social.db"), "--fault", fault]
    command += ["--media-from", str(folder / "absent"), "--media-from", str(folder / "outbox")]
    env = {"PYTHONPATH": SOURCE}
    return Client(StdioServerParameters(command=sys.executable, args=command, env=env), read_timeout_seconds=30)


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


def tweet(*shown: OfferedMedia, key: str = "k1") -> dict[str, object]:
    media = [item.model_dump() for item in shown]
    return {"account": "nova", "text": "Look", "idempotency_key": key, "media": media}


def structured(result: CallToolResult) -> dict[str, object]:
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def said(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def test_files_travel_through_every_tool_that_publishes(tmp_path: Path, outbox: Path) -> None:
    items = [offered(outbox, ending) for ending in KINDS]
    async with served(tmp_path) as client:
        receipt = structured(await client.call_tool("post_tweet", tweet(*items)))
        assert receipt["media"] == [item.sha256 for item in items]
        assert structured(await client.call_tool("find_by_idempotency_key", KEY)) == receipt
        post = structured(await client.call_tool("read_post", {"post_id": "1"}))
        assert isinstance(post["media"], list)
        assert [path_of(shown["url"]).read_bytes() for shown in post["media"]] == [made(ending) for ending in KINDS]
        plain = {name: value for name, value in tweet(items[0], key="k2").items() if name != "text"}
        thread = structured(await client.call_tool("create_thread", {**plain, "posts": ["one", "two"]}))
        reply = {**tweet(items[3], key="k3"), "in_reply_to": "1"}
        assert structured(await client.call_tool("reply_tweet", reply))["media"] == [items[3].sha256]
        assert thread["media"] == [items[0].sha256]
        page = structured(await client.call_tool("list_posts", {}))["posts"]
        assert isinstance(page, list)
        assert [len(post["media"]) for post in page if post["author"] == "nova"] == [4, 1, 0, 1]


async def test_refusals_are_typed_tool_errors(tmp_path: Path, outbox: Path) -> None:
    item = offered(outbox)
    async with served(tmp_path) as client:
        for changed in ({"sha256": "a" * 64}, {"media_type": "image/gif"}, {"uri": (tmp_path / "x.png").as_uri()}):
            asked = tweet(item.model_copy(update=changed))
            assert "invalid: " in said(await client.call_tool("post_tweet", asked))
        assert "invalid: " in said(await client.call_tool("post_tweet", tweet(*[item] * 5)))
        lacking = {**tweet(), "media": [{"uri": item.uri}]}
        assert "sha256" in said(await client.call_tool("post_tweet", lacking))
        assert structured(await client.call_tool("find_by_idempotency_key", KEY))["found"] is False
        await client.call_tool("post_tweet", tweet(item))
        other = tweet(offered(outbox, "jpg"))
        assert "key_conflict" in said(await client.call_tool("post_tweet", other))


async def test_two_processes_called_at_once_with_one_key_and_file_make_one_post(tmp_path: Path, outbox: Path) -> None:
    item = offered(outbox, "mp4")
    async with served(tmp_path) as one, served(tmp_path) as two:
        for n in range(5):
            calls = [client.call_tool("post_tweet", tweet(item, key=f"k{n}")) for client in (one, two, one, two)]
            receipts = [structured(result) for result in await asyncio.gather(*calls)]
            assert [receipt["replayed"] for receipt in receipts].count(False) == 1
            assert {str(receipt["ids"]) for receipt in receipts} == {str(receipts[0]["ids"])}
        timeline = structured(await two.call_tool("read_timeline", {"account": "nova"}))
    assert isinstance(timeline["posts"], list)
    assert [[shown["sha256"] for shown in post["media"]] for post in timeline["posts"]] == [[item.sha256]] * 5
    assert kept(tmp_path) == [f"{item.sha256}.mp4"]
    assert (tmp_path / "social.db.media" / kept(tmp_path)[0]).read_bytes() == made("mp4")


@pytest.mark.parametrize(("fault", "accepted"), [("die_after_accept:1", True), ("die_before_accept:1", False)])
async def test_after_a_death_the_key_tells_whether_the_picture_is_out(
    tmp_path: Path, outbox: Path, fault: str, accepted: bool
) -> None:
    item = offered(outbox)
    async with served(tmp_path, fault) as client:
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("post_tweet", tweet(item))
    async with served(tmp_path, fault) as client:
        found = structured(await client.call_tool("find_by_idempotency_key", KEY))
        assert (found["found"], found["media"]) == (accepted, [item.sha256] if accepted else [])
        if accepted:
            path_of(item.uri).unlink()
        assert structured(await client.call_tool("post_tweet", tweet(item)))["replayed"] is accepted
    assert kept(tmp_path) == [f"{item.sha256}.png"]


async def test_a_thread_that_is_cut_in_half_has_its_picture_in_the_first_half(tmp_path: Path, outbox: Path) -> None:
    item = offered(outbox)
    asked = {**KEY, "posts": ["one", "two", "three", "four"], "media": [item.model_dump()]}
    async with served(tmp_path, "partial_thread:1") as client:
        receipt = structured(await client.call_tool("create_thread", asked))
        assert (receipt["ids"], receipt["media"]) == (["1", "2"], [item.sha256])
