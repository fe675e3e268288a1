"""What the roles that make something of a task have in common: how they claim it and how they give it up."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chimera.contracts.claims import Lease, Task
from chimera.contracts.errors import Invalid, NotFound, Unavailable
from chimera.contracts.ports import Work
from chimera.contracts.values import Stage, TaskStatus
from chimera.domain import retry
from chimera.swarm.runtime import describe


class Maker:
    """The part of a `Trade` in tasks that does not depend on what is made."""

    stage: Stage

    def __init__(self, work: Work) -> None:
        self._work = work

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[Task]:
        """See `Trade.claim`."""
        return await self._work.claim(leases, process_id, self.stage)

    def label(self, item: Task) -> tuple[UUID, str]:
        """See `Trade.label`."""
        return item.task_id, item.dispatch.execution_id

    def tries(self, item: Task) -> int:
        """See `Trade.tries`."""
        return item.tries

    async def let_go(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """See `Trade.let_go`."""
        await self._work.let_go(process_id, self.stage, held, seconds)

    async def give_up(self, item: Task, error: Exception, retry_at: datetime) -> None:
        """See `Trade.give_up`. A store that is away is not the task's fault: it never becomes a dead letter so."""
        if isinstance(error, (Invalid, NotFound)):
            await self._work.bury(item, TaskStatus.FAILED, describe(error))
        elif retry.exhausted(item.tries) and not isinstance(error, Unavailable):
            await self._work.bury(item, TaskStatus.DEAD_LETTER, describe(error))
        else:
            await self._work.postpone(item, describe(error), retry_at)
