"""Stand-ins for what a bench works with: a queue, signs of life, a sweep."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chimera.audit.types import Sealed
from chimera.database.outbox import QueueItem
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.tasks.types.messages import Lease
from chimera.values import Stage


@dataclass
class FakeQueue:
    """`ports.Queue`: leases are handed out once; `error` makes Redis go away for as long as it is set."""

    leases: list[Lease] = field(default_factory=list)
    error: Exception | None = None
    puts: dict[Stage, list[QueueItem]] = field(default_factory=dict)
    dropped: list[UUID] = field(default_factory=list)
    renewed: list[UUID] = field(default_factory=list)
    on_idle: Callable[[], None] = lambda: None

    async def put(self, stage: Stage, items: Sequence[QueueItem]) -> int:
        if self.error is not None:
            raise self.error
        self.puts.setdefault(stage, []).extend(items)
        return len(items)

    async def take(self, stage: Stage, consumer: str, most: int, wait_ms: int) -> list[Lease]:
        if self.error is not None:
            raise self.error
        found, self.leases = self.leases[:most], self.leases[most:]
        if not found:
            await asyncio.sleep(0)
            self.on_idle()
        return found

    async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
        self.renewed += [lease.id for lease in leases]

    async def done(self, stage: Stage, leases: Sequence[Lease]) -> None:
        self.dropped += [lease.id for lease in leases]

    async def depth(self, stage: Stage) -> int:
        return len(self.leases)


@dataclass
class FakePresence:
    signs: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def mark(self, process: ProcessHeartbeat) -> None:
        self.signs.append("mark")
        if self.errors:
            raise self.errors.pop(0)

    async def leave(self, process: ProcessHeartbeat) -> None:
        self.signs.append("leave")


@dataclass
class FakeSweep:
    errors: list[Exception] = field(default_factory=list)
    sweeps: int = 0

    async def sweep(self) -> None:
        self.sweeps += 1
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class FakeSeal:
    broken: dict[UUID, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    seals: int = 0

    async def seal(self) -> Sealed:
        self.seals += 1
        if self.errors:
            raise self.errors.pop(0)
        return Sealed(broken=self.broken)
