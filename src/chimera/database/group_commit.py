"""Group commit: while one transaction is being made durable, the writes that arrive share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg

from chimera.database.postgres import Contended
from chimera.errors import Unavailable
from chimera_protocol.errors import ChimeraError

In = TypeVar("In")
Out = TypeVar("Out")


class GroupCommit(Generic[In, Out]):
    """Batches calls of one kind without a timer: a lone write goes at once, a crowd shares an fsync."""

    def __init__(self, flush: Callable[[Sequence[In]], Awaitable[Sequence[Out]]], limit: int = 256) -> None:
        self._flush = flush
        self._limit = limit
        self._waiting: list[tuple[In, asyncio.Future[Out]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: In) -> Out:
        """Write one item; the answer comes once it is durable. Errors are the item's own."""
        future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._write(group)
        finally:
            if self._waiting:  # a flush that fails in a way nobody foresaw must not hold up those behind it
                self._running = asyncio.create_task(self._drain())

    async def _write(self, group: Sequence[tuple[In, asyncio.Future[Out]]]) -> None:
        try:
            answers = await self._flush([item for item, _ in group])
        except (asyncpg.PostgresError, Contended) as error:
            if len(group) == 1:
                _fail(group, error)
                return
            for single in group:  # one bad row must not take its neighbours down
                await self._write([single])
        except (ChimeraError, OSError) as error:
            _fail(group, error)
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        finally:
            _fail(group, Unavailable("this write was given up"))  # whoever still waits would wait for ever


def _fail(group: Sequence[tuple[In, asyncio.Future[Out]]], error: BaseException) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
