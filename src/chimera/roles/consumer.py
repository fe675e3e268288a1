"""How every role works: take items, claim, handle; renew leases; sweep; stop in good order."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram

from chimera import retry
from chimera.audit.ports import Seal
from chimera.errors import Superseded, Unavailable
from chimera.fleet.ports import ProcessRegistry
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.tasks.ports import Queue, Sweep
from chimera.tasks.types.messages import Lease
from chimera.values import Stage
from chimera_protocol.errors import ChimeraError

log = structlog.get_logger()
tracer = trace.get_tracer("chimera.roles")

HANDLED = Counter("chimera_handled_total", "Pieces of work handled", ["stage", "outcome"])
SECONDS = Histogram("chimera_handling_seconds", "Time from claim to commit", ["stage"])
IN_HAND = Gauge("chimera_in_hand", "Pieces of work in hand", ["stage"])

_LONGEST_WAIT = 5.0
"""Seconds between two attempts to reach PostgreSQL."""

Item = TypeVar("Item")


class Handler(Protocol[Item]):
    """What a role does with one kind of queue item."""

    stage: Stage

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[Item]:
        """Take hold of what is due; what is missing in the answer is not to be done."""
        ...

    def label(self, item: Item) -> tuple[UUID, str]:
        """The queue item's id, and the execution id for logs and traces."""
        ...

    def tries(self, item: Item) -> int:
        """How often it has been tried, this time included."""
        ...

    async def handle(self, item: Item) -> None:
        """Do it and commit it."""
        ...

    async def on_failure(self, item: Item, error: Exception, retry_at: datetime) -> None:
        """It failed: let it be tried again at `retry_at`, or end it with its cause."""
        ...

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Give back what was claimed longer ago than that and is not held."""
        ...


class Anchoring(Protocol):
    """The transparency log gets on a chain (PRV-2)."""

    async def anchor(self) -> bool:
        """Take what is due one step further; whether anything has been marked."""
        ...


class Consumer(Generic[Item]):
    """One role at work: up to `width` items at once."""

    def __init__(
        self,
        handler: Handler[Item],
        queue: Queue,
        process_id: UUID,
        *,
        width: int = 32,
        lease_seconds: float = 5.0,
        limit_seconds: float = 180.0,
    ) -> None:
        self._handler = handler
        self._queue = queue
        self._process_id = process_id
        self._width = width
        self._lease_seconds = lease_seconds
        self._limit_seconds = limit_seconds
        self._held: dict[UUID, Lease] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`; then finish what is in hand."""
        keeping = [asyncio.create_task(self._renew()), asyncio.create_task(self._recall())]
        failures = 0
        try:
            while not stopping.is_set():
                try:
                    await self._turn()
                    failures = 0
                except Exception as error:  # no single error may end a role for the life of its process
                    failures += 1
                    known = isinstance(error, Unavailable)
                    stage = self._handler.stage.value
                    await log.awarning("waiting", stage=stage, cause=describe(error), exc_info=not known)
                    await _pause(stopping, retry.delay(min(failures, 4), random.random()).total_seconds())
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._lease_seconds)
        finally:
            for task in (*keeping, *self._tasks):
                task.cancel()

    async def _turn(self) -> None:
        room = self._width - len(self._tasks)
        if room <= 0:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return
        stage, consumer = self._handler.stage, str(self._process_id)
        leases = {lease.id: lease for lease in await self._queue.take(stage, consumer, room, wait_ms=500)}
        if not leases:
            return
        items = {self._handler.label(item)[0]: item for item in await self._claim(list(leases.values()))}
        await self._queue.done(stage, [lease for id, lease in leases.items() if id not in items])
        for id, item in items.items():
            self._held[id] = leases[id]
            task = asyncio.create_task(self._work(item, leases[id]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _claim(self, leases: Sequence[Lease]) -> Sequence[Item]:
        return await self._handler.claim(leases, self._process_id)

    async def _work(self, item: Item, lease: Lease) -> None:
        stage, (id, execution_id) = self._handler.stage, self._handler.label(item)
        begun, outcome = time.perf_counter(), "done"
        IN_HAND.labels(stage.value).inc()
        with tracer.start_as_current_span(f"swarm.{stage.value}", attributes={"execution_id": execution_id}) as span:
            try:
                await self._attempt(item, lease)
            except Superseded as error:
                outcome = "superseded"
                await log.ainfo("superseded", stage=stage.value, execution_id=execution_id, cause=error.detail)
            except Exception as error:
                # Without PostgreSQL it cannot be given back either: then its lease runs out, and it comes back so.
                outcome = "unavailable" if isinstance(error, Unavailable) else "failed"
                await self._failed(item, lease, error, execution_id)
            finally:
                self._held.pop(id, None)
                span.set_attribute("outcome", outcome)
                IN_HAND.labels(stage.value).dec()
                HANDLED.labels(stage.value, outcome).inc()
                SECONDS.labels(stage.value).observe(time.perf_counter() - begun)

    async def _attempt(self, item: Item, lease: Lease) -> None:
        async with asyncio.timeout(self._limit_seconds):
            await self._handler.handle(item)
        await self._queue.done(self._handler.stage, [lease])

    async def _failed(self, item: Item, lease: Lease, error: Exception, execution_id: str) -> None:
        stage = self._handler.stage.value
        expected = isinstance(error, (ChimeraError, TimeoutError))
        await log.awarning(
            "failed", stage=stage, execution_id=execution_id, cause=describe(error), exc_info=not expected
        )
        try:
            pause = retry.delay(self._handler.tries(item), random.random())
            await self._handler.on_failure(item, error, datetime.now(UTC) + pause)
            await self._queue.done(self._handler.stage, [lease])
        except (Superseded, Unavailable) as second:
            await log.awarning("left", stage=stage, execution_id=execution_id, cause=second.detail)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await self._queue.renew(self._handler.stage, str(self._process_id), list(self._held.values()))
            except Unavailable as error:
                await log.awarning("leases not renewed", stage=self._handler.stage.value, cause=error.detail)

    async def _recall(self) -> None:
        """A claim whose answer was lost, or that could not be given back, would be ours for as long as we live,
        should Redis have forgotten its lease."""
        while True:
            await asyncio.sleep(self._lease_seconds)
            try:
                await self._handler.release_lost_claims(self._process_id, list(self._held), self._lease_seconds)
            except Unavailable as error:
                await log.awarning("claims not compared", stage=self._handler.stage.value, cause=error.detail)


async def retry_until_available(act: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
    """Do it, and while PostgreSQL is away try again with back-off: a role process outlives its services."""
    tries = 0
    while not stopping.is_set():
        try:
            await act()
            return
        except Unavailable as error:
            tries += 1
            wait = min(retry.delay(tries, random.random()).total_seconds(), _LONGEST_WAIT)
            await log.awarning("waiting", cause=error.detail, seconds=round(wait, 1))
            await _pause(stopping, wait)


async def run_heartbeat(
    presence: ProcessRegistry, process: ProcessHeartbeat, every_seconds: float, stopping: asyncio.Event
) -> None:
    """Give signs of life until `stopping`, then say good-bye."""
    while not stopping.is_set():
        try:
            await presence.mark(process)
        except Unavailable as error:
            await log.awarning("no sign of life", cause=error.detail)
        await _pause(stopping, every_seconds)
    try:
        await presence.leave(process)
    except Unavailable as error:
        await log.awarning("left without good-bye", cause=error.detail)


async def run_sweeper(sweep: Sweep, every_seconds: float, stopping: asyncio.Event) -> None:
    """Bring what is due in PostgreSQL to the queues, until `stopping`."""
    while not stopping.is_set():
        try:
            await sweep.sweep()
        except Exception as error:  # nothing is forgotten as long as somebody sweeps
            await log.awarning("not swept", cause=describe(error), exc_info=not isinstance(error, Unavailable))
        await _pause(stopping, every_seconds)


async def run_sealer(sealer: Seal, every_seconds: float, stopping: asyncio.Event) -> None:
    """Take what has happened into the transparency log, until `stopping`. A log that does not fit what was signed
    before is left as it is, and said aloud."""
    while not stopping.is_set():
        try:
            for tenant, cause in (await sealer.seal()).broken.items():
                await log.aerror("the log does not hold", tenant=str(tenant), cause=cause)
        except Exception as error:  # the log waits; nobody who publishes has to wait for it
            await log.awarning("not sealed", cause=describe(error), exc_info=not isinstance(error, Unavailable))
        await _pause(stopping, every_seconds)


async def run_anchorer(anchoring: Anchoring, every_seconds: float, stopping: asyncio.Event) -> None:
    """Put what was sealed on the chain, until `stopping`. What fails is tried again, less and less often."""
    failures = 0
    while not stopping.is_set():
        try:
            await anchoring.anchor()
            failures = 0
        except Exception as error:  # the anchor waits; nothing else waits for it
            failures += 1
            await log.awarning("not anchored", cause=describe(error), exc_info=not isinstance(error, ChimeraError))
        pause = retry.delay(min(failures, 8), random.random()).total_seconds() if failures else 0.0
        await _pause(stopping, max(every_seconds, pause))


def describe(error: Exception) -> str:
    """An error's cause, for people."""
    if isinstance(error, ChimeraError):
        return error.detail
    return "it took too long" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"[:500]


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
