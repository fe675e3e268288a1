"""What the roles that make something of a task have in common: how they claim it and how they give it up."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chimera import retry
from chimera.errors import ToolFailed, Unavailable
from chimera.roles.consumer import describe
from chimera.tasks.ports import Tasks
from chimera.tasks.types.messages import Lease, Task
from chimera.values import Stage, TaskKind, TaskStatus
from chimera_protocol.errors import Invalid, NotFound


class TaskHandler:
    """The part of a role's handler of tasks that does not depend on what is made."""

    stage: Stage

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[Task]:
        """Take hold of the tasks of this stage that are due."""
        return await self._tasks.claim(leases, process_id, self.stage)

    def label(self, item: Task) -> tuple[UUID, str]:
        """The task's id, and its execution id for logs and traces."""
        return item.task_id, item.dispatch.execution_id

    def tries(self, item: Task) -> int:
        """How often the task has been tried, this time included."""
        return item.tries

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Give back what was claimed longer ago than that and is not held."""
        await self._tasks.release_lost_claims(process_id, self.stage, held, seconds)

    async def on_failure(self, item: Task, error: Exception, retry_at: datetime) -> None:
        """The ladder of ORC-11: again, another way, a dead letter.

        A store that is away is not the task's fault, nor is a server that asks for patience.
        """
        cause = describe(error)
        if isinstance(error, (Invalid, NotFound)):
            await self._tasks.dead_letter(item, TaskStatus.FAILED, cause)
        elif not given_up(error, item.tries):
            await self._tasks.postpone(item, cause, patient(error, retry_at))
        elif item.kind is TaskKind.CREATE:
            await self._tasks.replan(item, cause)
        else:
            await self._tasks.dead_letter(item, TaskStatus.DEAD_LETTER, cause)


def patient(error: Exception, retry_at: datetime) -> datetime:
    """When to try again: not before the time that a server asks for."""
    if isinstance(error, ToolFailed) and error.pause is not None:
        return max(retry_at, datetime.now(UTC) + timedelta(seconds=error.pause))
    return retry_at


def given_up(error: Exception, tries: int) -> bool:
    """Whether there is no point in the same step once more."""
    if isinstance(error, ToolFailed) and error.permanent and not error.uncertain:
        return True
    if isinstance(error, Unavailable):
        return False
    return retry.exhausted(tries, asked_to_wait=isinstance(error, ToolFailed) and error.pause is not None)
