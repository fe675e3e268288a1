"""What the roles need of tasks: the queue they wait at, and the tasks they claim."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chimera.database.outbox import QueueItem
from chimera.tasks.types.messages import CommitResult, Lease, Task
from chimera.tasks.types.work import ExecutionResult
from chimera.values import Stage, TaskStatus


class Queue(Protocol):
    """The fast path: queue items in Redis. Losing it loses no work (DAT-3)."""

    async def put(self, stage: Stage, items: Sequence[QueueItem]) -> int:
        """Append what is not queued yet; how many were taken. Beyond the bound the rest waits in PostgreSQL."""
        ...

    async def take(self, stage: Stage, consumer: str, count: int, wait_ms: int) -> list[Lease]:
        """Take up to `count` items, urgent ones first and in turns between tenants and influencers."""
        ...

    async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
        """Keep the leases of work that is still going on."""
        ...

    async def done(self, stage: Stage, leases: Sequence[Lease]) -> None:
        """Drop items that are dealt with."""
        ...

    async def depth(self, stage: Stage) -> int:
        """Items waiting or in hand."""
        ...


class Endings(Protocol):
    """How a role gives back what it has claimed. Every write names the attempt: Superseded when another has it."""

    async def postpone(self, task: Task, cause: str, due_at: datetime) -> None:
        """Let the same task be tried again later."""
        ...

    async def dead_letter(self, task: Task, status: TaskStatus, cause: str) -> None:
        """End a task that cannot be done, with its cause."""
        ...

    async def replan(self, task: Task, cause: str) -> None:
        """End a task that has had its tries: the Planner makes it anew with the cause, as often as the policy allows;
        then it is a dead letter (ORC-11)."""
        ...

    async def release_lost_claims(self, process_id: UUID, stage: Stage, held: Sequence[UUID], seconds: float) -> None:
        """Give back what the process claimed longer ago than that and does not hold: it has lost track of it."""
        ...


class Tasks(Endings, Protocol):
    """Tasks to be done: claimed, and returned with a result."""

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        """Take hold of the tasks that are due; what is missing in the answer is not (or no longer) to be done."""
        ...

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> CommitResult:
        """Record a Worker's result and send it to the Judge; no status when another attempt has the task."""
        ...


class Sweep(Protocol):
    """The promise that nothing is forgotten."""

    async def sweep(self) -> None:
        """Queue what is due in PostgreSQL, whether or not Redis knows of it."""
        ...
