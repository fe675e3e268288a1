"""The way to Redis: scripts run whole, and a server that is away is Unavailable."""

import socket

import pytest
from redis.exceptions import ResponseError

from chimera.errors import Unavailable
from chimera.ids import new_id
from chimera.redis.activity import RedisActivity
from chimera.redis.connection import Script, connect, reaching
from chimera.redis.queue import StreamQueue
from chimera.values import Priority, Stage


@pytest.fixture
def nowhere() -> str:
    """The address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


async def test_a_lost_redis_is_unavailable_and_says_that_no_work_is_lost(nowhere: str) -> None:
    client = connect(nowhere)
    queue = StreamQueue(client)
    with pytest.raises(Unavailable, match="Redis cannot be reached") as away:
        await queue.take(Stage.WORK, "me", 1, 0)
    assert "no work is lost" in away.value.remedy
    with pytest.raises(Unavailable):
        await queue.depth(Stage.WORK)
    with pytest.raises(Unavailable):
        await RedisActivity(client).busy([new_id()])
    await client.aclose()


async def test_a_script_is_sent_again_after_redis_has_forgotten_it(redis_url: str) -> None:
    client = connect(redis_url)
    done = Script(client, "renew")
    assert await done([], ["me"]) == 0
    await client.script_flush()
    assert await done([], ["me"]) == 0
    await client.aclose()


async def test_a_refusal_keeps_its_cause(redis_url: str) -> None:
    client = connect(redis_url)
    await client.set("text", "x")
    with pytest.raises(Unavailable, match="Redis refused") as refusal:
        async with reaching():
            await client.lpush("text", "y")
    assert isinstance(refusal.value.__cause__, ResponseError)
    await client.aclose()


def test_priorities_have_the_order_that_the_scripts_count_on() -> None:
    assert [priority.value for priority in Priority] == ["high", "medium", "low"]
