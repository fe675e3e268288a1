"""Rate limits and circuit breakers for MCP servers, shared by all processes through Redis (ORC-11)."""

from collections.abc import Sequence

import structlog
from pydantic import TypeAdapter
from redis.asyncio import Redis

from chimera import retry
from chimera.errors import ToolFailed, Unavailable
from chimera.fleet.types.health import BreakerView
from chimera.gateways.mcp.types import Rate, Rates
from chimera.redis.connection import Script, reaching

log = structlog.get_logger()

OPENS_AFTER = 5
"""Failures in a row that open a breaker."""

FIRST_OPEN_MS = 1_000
LONGEST_OPEN_MS = 60_000
PROBE_MS = 20_000
"""How long the one call that tries an open breaker may take before another one may."""

_SAID = {
    "paused": "has asked us to wait",
    "rate": "has had as many calls as its limit allows",
    "breaker": "has failed again and again: its circuit breaker is open",
}
_REPLY: TypeAdapter[tuple[int, str, int]] = TypeAdapter(tuple[int, str, int])


class RedisThrottle:
    """Implements `ports.Throttle`. Without Redis every call goes through: a platform's own limits still hold."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._admit = Script(client, "admit")
        self._report = Script(client, "report")

    async def admit(self, server: str, account: str, rates: Rates) -> bool:
        """Let a call through, or say for how long its server or account has to wait; whether it is watched."""
        keys = [*(_key(server, kind) for kind in ("breaker", "probe", "bucket")), *_of_account(server, account)]
        own = rates.account if account else None
        try:
            flat = await self._admit(keys, [OPENS_AFTER, PROBE_MS, *_bucket(rates.server), *_bucket(own)])
        except Unavailable as error:
            await log.awarning("call not counted", server=server, cause=error.detail)
            return False
        wait, why, failures = _REPLY.validate_python(flat)
        if why:
            raise ToolFailed(
                f"{server} {_SAID[why]}; {wait / 1_000:.1f} s to go",
                uncertain=False,
                away=True,
                pause=wait / 1_000,
            )
        return failures > 0

    async def report(self, server: str, account: str, failure: ToolFailed | None) -> None:
        """Count how an admitted call went: failures open the breaker, a success closes it."""
        outcome, pause = "ok", 0.0
        if failure is not None and failure.pause is not None:
            outcome, pause = "paused", min(failure.pause, retry.LONGEST_PAUSE_SECONDS)
        elif failure is not None and not (failure.permanent and not failure.uncertain):
            outcome = "failed"
        keys = [_key(server, "breaker"), _key(server, "probe"), _of_account(server, account)[1]]
        try:
            await self._report(keys, [outcome, round(pause * 1_000), OPENS_AFTER, FIRST_OPEN_MS, LONGEST_OPEN_MS])
        except Unavailable as error:
            await log.awarning("outcome not counted", server=server, cause=error.detail)

    async def open(self, servers: Sequence[str]) -> list[BreakerView]:
        """The breakers that are open. Unavailable without Redis."""
        async with reaching():
            pipe = self._client.pipeline(transaction=False)
            for server in servers:
                pipe.hget(_key(server, "breaker"), "failures")
            found = await pipe.execute()
        counted = [(server, int(failures or 0)) for server, failures in zip(servers, found, strict=True)]
        return [BreakerView(server=server, failures=count) for server, count in counted if count >= OPENS_AFTER]


def _key(server: str, what: str) -> str:
    """The hash tag keeps all keys of a server on one cluster node."""
    return f"chimera:{{tool:{server}}}:{what}"


def _of_account(server: str, account: str) -> list[str]:
    return [_key(server, f"{what}:{account}") for what in ("bucket", "pause")]


def _bucket(rate: Rate | None) -> list[int | str]:
    return [str(rate.per_minute / 60), rate.burst] if rate is not None else [0, 0]
