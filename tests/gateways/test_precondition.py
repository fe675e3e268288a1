"""The last look is taken when all else is ready, and what it raises ends the call before it is made."""

import sys
from pathlib import Path

import pytest

from chimera.errors import Halted, ToolFailed
from chimera.gateways.mcp.host import ToolHost, ToolServer

TWEET = {"account": "nova", "text": "Hello", "idempotency_key": "k1"}


def hosting(folder: Path, command: str = sys.executable) -> ToolHost:
    args = ["-m", "chimera_devnet.social", "--db", str(folder / "social.db")]
    server = ToolServer(command=command, args=args, reads=["find_by_idempotency_key"], acts=["post_tweet"])
    return ToolHost({"twitter-mcp": server})


async def test_what_it_raises_ends_the_call_before_it_is_made(tmp_path: Path) -> None:
    host = hosting(tmp_path)

    async def object_to_it() -> None:
        raise Halted("an operator has stopped it")

    key = {"account": "nova", "idempotency_key": "k1"}
    with pytest.raises(Halted):
        await host.call("twitter-mcp", "post_tweet", TWEET, object_to_it)
    assert not (await host.call("twitter-mcp", "find_by_idempotency_key", key)).data["found"]
    await host.close()


async def test_it_is_taken_once_and_only_when_the_server_is_there(tmp_path: Path) -> None:
    """To start a server takes seconds: a look before that would be an old one."""
    looks: list[bool] = []

    async def look() -> None:
        looks.append((tmp_path / "social.db").exists())

    away = hosting(tmp_path, "/nowhere/python")
    with pytest.raises(ToolFailed):
        await away.call("twitter-mcp", "post_tweet", TWEET, look)
    assert looks == []
    host = hosting(tmp_path)
    await host.call("twitter-mcp", "post_tweet", TWEET, look)
    assert looks == [True]
    await host.close()
    await away.close()
