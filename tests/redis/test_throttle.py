"""Rate limits and circuit breakers on a real Redis: what every process together may do to a server (ORC-11)."""

import asyncio
from collections.abc import AsyncIterator
from time import time
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from structlog.testing import capture_logs

from chimera.errors import ToolFailed, Unavailable
from chimera.fleet.types.health import BreakerView
from chimera.gateways.mcp.types import Rate, Rates
from chimera.redis.connection import connect
from chimera.redis.throttle import LONGEST_OPEN_MS, OPENS_AFTER, PROBE_MS, RedisThrottle
from chimera.retry import LONGEST_PAUSE_SECONDS

SERVER = "twitter-mcp"
FREE = Rates()
DOWN = ToolFailed("error_500", uncertain=False)
LOST = ToolFailed("timed out", uncertain=True)
REFUSED = ToolFailed("too_long", uncertain=False, permanent=True)


def busy(seconds: float) -> ToolFailed:
    return ToolFailed("429", uncertain=False, away=True, pause=seconds)


def key(what: str, server: str = SERVER) -> str:
    return f"chimera:{{tool:{server}}}:{what}"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    made = connect(redis_url)
    yield made
    await made.aclose()


@pytest.fixture
def throttle(client: Redis) -> RedisThrottle:
    return RedisThrottle(client)


@pytest.fixture
async def crowd(redis_url: str) -> AsyncIterator[list[RedisThrottle]]:
    """What several processes hold: each its own connections, and nothing in common but Redis."""
    clients = [connect(redis_url) for _ in range(4)]
    yield [RedisThrottle(each) for each in clients]
    for each in clients:
        await each.aclose()


async def refused(throttle: RedisThrottle, server: str = SERVER, account: str = "", rates: Rates = FREE) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        await throttle.admit(server, account, rates)
    assert (caught.value.uncertain, caught.value.away, caught.value.permanent) == (False, True, False)
    assert caught.value.pause is not None and caught.value.pause > 0
    return caught.value


async def fail(throttle: RedisThrottle, times: int, error: ToolFailed = DOWN, server: str = SERVER) -> None:
    for _ in range(times):
        await throttle.report(server, "", error)


async def rest(client: Redis) -> None:
    """The time for which a breaker is open is over."""
    await client.hset(key("breaker"), "until", "0")


async def open_for(client: Redis) -> float:
    """Seconds until a breaker lets somebody try."""
    return float(await client.hget(key("breaker"), "until") or 0) / 1_000 - time()


async def test_without_limits_every_call_goes_through_unwatched(throttle: RedisThrottle) -> None:
    assert [await throttle.admit(SERVER, "nora", FREE) for _ in range(50)] == [False] * 50


async def test_many_tasks_of_many_processes_never_have_more_than_the_bucket_gives(crowd: list[RedisThrottle]) -> None:
    per_minute, burst = 600.0, 5
    rates = Rates(server=Rate(per_minute=per_minute, burst=burst))
    begun = time()

    async def hammer(throttle: RedisThrottle) -> int:
        through = 0
        while time() - begun < 1.5:
            try:
                await throttle.admit(SERVER, "", rates)
                through += 1
            except ToolFailed:
                continue
        return through

    through = sum(await asyncio.gather(*(hammer(each) for each in crowd for _ in range(5))))
    most = burst + per_minute / 60 * (time() - begun)
    assert burst < through <= most
    assert through >= burst + per_minute / 60 * 1.5 * 0.8, "what the limit allows is let through"


async def test_a_burst_is_what_it_says_and_the_wait_is_until_the_next_token(throttle: RedisThrottle) -> None:
    rates = Rates(server=Rate(per_minute=6, burst=3))
    for _ in range(3):
        await throttle.admit(SERVER, "", rates)
    error = await refused(throttle, rates=rates)
    assert "as many calls as its limit allows" in error.detail
    assert 9 < (error.pause or 0) <= 10


async def test_each_account_has_a_bucket_of_its_own_and_all_share_the_servers(throttle: RedisThrottle) -> None:
    rates = Rates(server=Rate(per_minute=1, burst=3), account=Rate(per_minute=1, burst=2))
    for _ in range(2):
        await throttle.admit(SERVER, "nora", rates)
    await refused(throttle, account="nora", rates=rates)
    await throttle.admit(SERVER, "milo", rates)
    await refused(throttle, account="milo", rates=rates)
    await throttle.admit("other-mcp", "nora", rates)


async def test_a_call_that_no_account_is_held_to_takes_from_the_server_alone(throttle: RedisThrottle) -> None:
    rates = Rates(server=Rate(per_minute=1, burst=4), account=Rate(per_minute=1, burst=1))
    for _ in range(3):
        await throttle.admit(SERVER, "", rates)
    await throttle.admit(SERVER, "nora", rates)


async def test_a_refused_call_takes_no_token(throttle: RedisThrottle, client: Redis) -> None:
    rates = Rates(server=Rate(per_minute=1, burst=3), account=Rate(per_minute=1, burst=1))
    await throttle.admit(SERVER, "nora", rates)
    for _ in range(5):
        await refused(throttle, account="nora", rates=rates)
    for who in ("milo", "ada"):
        await throttle.admit(SERVER, who, rates)

    other = Rates(server=Rate(per_minute=1, burst=2))
    await fail(throttle, OPENS_AFTER, server="slow-mcp")
    for _ in range(5):
        assert "circuit breaker" in (await refused(throttle, "slow-mcp", rates=other)).detail
    await throttle.report("slow-mcp", "", None)
    await throttle.report("slow-mcp", "nora", busy(60))
    for _ in range(5):
        await refused(throttle, "slow-mcp", "nora", other)
    for _ in range(2):
        await throttle.admit("slow-mcp", "", other)


async def test_a_bucket_that_is_full_again_is_forgotten(throttle: RedisThrottle, client: Redis) -> None:
    await throttle.admit(SERVER, "nora", Rates(account=Rate(per_minute=60, burst=2)))
    assert 0 < await client.pttl(key("bucket:nora")) <= 3_000


async def test_a_pause_holds_one_account_back_and_no_other(crowd: list[RedisThrottle]) -> None:
    await crowd[0].report(SERVER, "nora", busy(30))
    error = await refused(crowd[1], account="nora")
    assert "has asked us to wait" in error.detail
    assert 29 < (error.pause or 0) <= 30
    assert not await crowd[1].admit(SERVER, "milo", FREE)
    assert not await crowd[1].admit(SERVER, "", FREE)


async def test_a_shorter_pause_does_not_cut_a_longer_one_and_none_is_endless(
    throttle: RedisThrottle, client: Redis
) -> None:
    await throttle.report(SERVER, "nora", busy(60))
    await throttle.report(SERVER, "nora", busy(1))
    assert ((await refused(throttle, account="nora")).pause or 0) > 50
    await throttle.report(SERVER, "nora", busy(1e6))
    assert ((await refused(throttle, account="nora")).pause or 0) <= LONGEST_PAUSE_SECONDS


async def test_a_server_that_asks_for_patience_or_refuses_for_good_is_no_broken_one(throttle: RedisThrottle) -> None:
    for error in (busy(0.001), REFUSED):
        await fail(throttle, 2 * OPENS_AFTER, error)
        assert await throttle.open([SERVER]) == []
    assert not await throttle.admit(SERVER, "", FREE)


@pytest.mark.parametrize("error", [DOWN, LOST, ToolFailed("?", uncertain=True, permanent=True)], ids=str)
async def test_a_breaker_opens_after_five_failures_in_a_row_for_every_process(
    crowd: list[RedisThrottle], error: ToolFailed
) -> None:
    await fail(crowd[0], OPENS_AFTER - 1, error)
    assert await crowd[1].admit(SERVER, "", FREE), "it is watched: a success has to be told"
    await fail(crowd[2], 1, error)
    refusal = await refused(crowd[3])
    assert "has failed again and again: its circuit breaker is open" in refusal.detail
    assert 0 < (refusal.pause or 0) <= 1
    assert not await crowd[3].admit("other-mcp", "", FREE)
    assert await crowd[3].open(["other-mcp", SERVER]) == [BreakerView(server=SERVER, failures=OPENS_AFTER)]


async def test_a_success_in_between_begins_the_count_anew(throttle: RedisThrottle) -> None:
    await fail(throttle, OPENS_AFTER - 1)
    await throttle.report(SERVER, "", None)
    assert not await throttle.admit(SERVER, "", FREE)
    await fail(throttle, OPENS_AFTER - 1)
    assert await throttle.admit(SERVER, "", FREE)


async def test_one_call_at_a_time_tries_an_open_breaker(crowd: list[RedisThrottle], client: Redis) -> None:
    await fail(crowd[0], OPENS_AFTER)
    await rest(client)
    found = await asyncio.gather(*(each.admit(SERVER, "", FREE) for each in crowd * 4), return_exceptions=True)
    assert found.count(True) == 1
    assert sum(isinstance(each, ToolFailed) for each in found) == 15
    assert ((await refused(crowd[1])).pause or 0) <= PROBE_MS / 1_000


async def test_a_probe_whose_process_died_keeps_nobody_out_for_good(throttle: RedisThrottle, client: Redis) -> None:
    await fail(throttle, OPENS_AFTER)
    await rest(client)
    await throttle.admit(SERVER, "", FREE)
    assert 0 < await client.pttl(key("probe")) <= PROBE_MS
    await client.delete(key("probe"))  # as Redis does when its time is over
    assert await throttle.admit(SERVER, "", FREE)


async def test_a_probe_that_works_closes_the_breaker(crowd: list[RedisThrottle], client: Redis) -> None:
    await fail(crowd[0], OPENS_AFTER + 3)
    await rest(client)
    assert await crowd[1].admit(SERVER, "", FREE)
    await crowd[1].report(SERVER, "", None)
    assert [await each.admit(SERVER, "", FREE) for each in crowd] == [False] * 4
    assert await crowd[2].open([SERVER]) == []


async def test_a_probe_that_fails_doubles_the_time_up_to_a_bound(throttle: RedisThrottle, client: Redis) -> None:
    await fail(throttle, OPENS_AFTER)
    for expected in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        left = await open_for(client)
        assert expected - 0.5 < left <= expected + 0.1
        await rest(client)
        assert await throttle.admit(SERVER, "", FREE)
        await fail(throttle, 1)
    await fail(throttle, 60)
    assert await open_for(client) <= LONGEST_OPEN_MS / 1_000 + 0.1
    assert await refused(throttle)


async def test_a_breaker_that_nobody_tries_is_forgotten(throttle: RedisThrottle, client: Redis) -> None:
    await fail(throttle, OPENS_AFTER)
    assert 0 < await client.pttl(key("breaker")) <= 600_000


async def test_without_redis_every_call_goes_through_and_the_breakers_are_unknown() -> None:
    away = connect("redis://127.0.0.1:1")
    throttle, strict = RedisThrottle(away), Rates(server=Rate(per_minute=1))
    with capture_logs() as logs:
        assert [await throttle.admit(SERVER, "nora", strict) for _ in range(2)] == [False, False]
        await throttle.report(SERVER, "nora", DOWN)
    assert [entry["event"] for entry in logs] == ["call not counted", "call not counted", "outcome not counted"]
    with pytest.raises(Unavailable):
        await throttle.open([SERVER])
    await away.aclose()


async def test_a_redis_that_has_lost_everything_begins_anew(throttle: RedisThrottle, client: Redis) -> None:
    await fail(throttle, OPENS_AFTER)
    await client.flushall()
    await client.script_flush()
    assert not await throttle.admit(SERVER, "", Rates(server=Rate(per_minute=1)))
    assert await throttle.open([SERVER]) == []


SLACK = 0.25
"""Seconds that a busy machine may take between putting a bucket into Redis and asking it."""


@given(
    per_minute=st.floats(0.5, 60),
    burst=st.integers(1, 20),
    level=st.floats(0, 1),
    idle=st.floats(0, 120),
)
def test_a_bucket_is_what_a_bucket_is(redis: str, per_minute: float, burst: int, level: float, idle: float) -> None:
    """Against the textbook: what was left, and what has dripped in since, up to the brim."""
    rate = per_minute / 60
    held = min(burst, level * burst + idle * rate)

    async def ask() -> tuple[float, float]:
        client, server = connect(redis), uuid4().hex
        bucket = key("bucket", server)
        await client.hset(bucket, mapping={"tokens": repr(level * burst), "at": repr(round((time() - idle) * 1_000))})
        try:
            await RedisThrottle(client).admit(server, "", Rates(server=Rate(per_minute=per_minute, burst=burst)))
            return 0.0, float(await client.hget(bucket, "tokens") or -1)
        except ToolFailed as error:
            return error.pause or 0.0, float(await client.hget(bucket, "tokens") or -1)
        finally:
            await client.delete(bucket)
            await client.aclose()

    pause, left = asyncio.run(ask())
    if pause == 0:
        assert held + SLACK * rate >= 1
        assert held - 1 - 0.01 <= left <= min(burst, held + SLACK * rate) - 1 + 0.01
    else:
        assert held < 1
        assert left == pytest.approx(level * burst), "a refusal takes nothing"
        assert (1 - held) / rate - SLACK <= pause <= (1 - held) / rate + 0.01
