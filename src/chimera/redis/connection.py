"""The connection to Redis, and Lua scripts as typed calls."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chimera.errors import Unavailable

UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)
_REMEDY = "Check CHIMERA_REDIS_URL and that the server is running; no work is lost, PostgreSQL holds it."


def connect(url: str, size: int = 32) -> Redis:
    """A client with bounded time-outs; nothing is sent until it is used."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=size,
        timeout=10,
        socket_timeout=10,
        socket_connect_timeout=3,
        decode_responses=True,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), 2),
        retry_on_error=[RedisConnectionError],
    )
    return Redis(connection_pool=pool)


@asynccontextmanager
async def reaching() -> AsyncIterator[None]:
    """Turn a lost Redis into Unavailable."""
    try:
        yield
    except UNREACHABLE as error:
        raise Unavailable(f"Redis cannot be reached: {error}", remedy=_REMEDY) from error
    except RedisError as error:
        raise Unavailable(f"Redis refused: {error}", remedy=_REMEDY) from error


class Script:
    """A Lua script of `scripts/`, with the scripts it leans on in front of it."""

    def __init__(self, client: Redis, *names: str) -> None:
        folder = resources.files(__package__).joinpath("scripts")
        source = "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
        self._script: AsyncScript = client.register_script(source)

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> object:
        """Run it, whole or not at all."""
        async with reaching():
            answer: object = await self._script(keys=list(keys), args=list(args))
            return answer
