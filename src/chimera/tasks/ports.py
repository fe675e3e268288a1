"""What the roles need of the world. Stores and gateways implement these; roles hold nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.database.outbox import QueueItem
from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.tasks.types.messages import CommitResult, Lease, NewTask, Task
from chimera.tasks.types.work import ExecutionResult
from chimera.values import Stage, TaskStatus


class Queue(Protocol):
    """The fast path: tickets in Redis. Losing it loses no work (DAT-3)."""

    async def put(self, stage: Stage, tickets: Sequence[QueueItem]) -> int:
        """Append what is not queued yet; how many were taken. Beyond the bound the rest waits in PostgreSQL."""
        ...

    async def take(self, stage: Stage, consumer: str, count: int, wait_ms: int) -> list[Lease]:
        """Take up to `count` tickets, urgent ones first and in turns between tenants and influencers."""
        ...

    async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
        """Keep the leases of work that is still going on."""
        ...

    async def done(self, stage: Stage, leases: Sequence[Lease]) -> None:
        """Drop tickets that are dealt with."""
        ...

    async def depth(self, stage: Stage) -> int:
        """Tickets waiting or in hand."""
        ...


class Work(Protocol):
    """The life of tasks in PostgreSQL. Every write is guarded by status and attempt (Superseded otherwise)."""

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        """Take hold of the tasks that are due; what is missing in the answer is not (or no longer) to be done."""
        ...

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> CommitResult:
        """Record a Worker's result and send it to the Judge."""
        ...

    async def pieces(self, leases: Sequence[Lease], process_id: UUID) -> list[PendingReview]:
        """Take hold of results that are to be judged."""
        ...

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        """Commit a verdict with all that it brings about, in one transaction."""
        ...

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

    async def setting(self, task: Task) -> TaskContext:
        """The persona, policy and brief that the task names."""
        ...

    async def earlier(self, task: Task, limit: int) -> list[str]:
        """The influencer's latest approved texts, newest first."""
        ...

    async def lookalikes(self, task: Task, sketch: Sequence[int]) -> list[Lookalike]:
        """Earlier pieces of the tenant's fleet that share some of a sketch, newest first."""
        ...

    async def store_plan(self, task: Task, planned: NewPlan) -> None:
        """Store a plan and complete its planning task; what can start at once is queued."""
        ...

    async def rejected(self, task: Task) -> RevisionRequest:
        """What a revision task is about."""
        ...

    async def replace_task(self, task: Task, old: Task, new: NewTask) -> None:
        """Complete a revision task: the new task takes the old one's place in the graph."""
        ...


class Sweep(Protocol):
    """The promise that nothing is forgotten."""

    async def sweep(self) -> None:
        """Queue what is due in PostgreSQL, whether or not Redis knows of it."""
        ...
