"""The task table: one function for each statement of `tasks.sql`; what a row means for its caller is the service's."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.database.postgres import Connection, queries
from chimera.tasks.store.task_rows import task, task_row
from chimera.tasks.types.messages import Lease, NewTask, Task, due_ids
from chimera.values import CampaignStatus, TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("tasks/tasks")
_PENDING = TaskStatus.PENDING.value


async def insert(
    connection: Connection, where: "Record", new: Sequence[tuple[NewTask, TaskStatus]]
) -> "Sequence[Record]":
    """Tasks with the states they begin in; an execution id that is there already is left out of the answer."""
    found = [task_row(each, where, status) for each, status in new]
    return await connection.fetch(SQL["insert"], json.dumps(found))


async def claim(
    connection: Connection, leases: Sequence[Lease], process_id: UUID, kinds: Sequence[str], guard: Sequence[str]
) -> list[Task]:
    """Those of the tasks that are due and of these kinds, at their next attempt."""
    return [task(row) for row in await connection.fetch(SQL["claim"], due_ids(leases), process_id, kinds, guard)]


async def submit(connection: Connection, results: Sequence[Mapping[str, JsonValue]]) -> "Sequence[Record]":
    """Keep results and send their tasks to review; the rows of those that were still at the attempt named."""
    return await connection.fetch(SQL["submit"], json.dumps(results), TaskStatus.IN_PROGRESS.value)


async def postpone(connection: Connection, task: Task, cause: str, due_at: datetime, guard: Sequence[str]) -> bool:
    """Back to the queue of its stage, from `due_at` on; False when it has moved on."""
    return await connection.fetchrow(SQL["postpone"], task.task_id, task.attempt, cause, due_at, guard) is not None


async def dead_letter(connection: Connection, task: Task, status: TaskStatus, cause: str, guard: Sequence[str]) -> bool:
    """The end of a task; False when it has moved on."""
    found = await connection.fetchrow(SQL["dead_letter"], task.task_id, task.attempt, status.value, cause, guard)
    return found is not None


async def replan(connection: Connection, task_id: UUID, revise_id: UUID) -> bool:
    """A revision of the task for the Planner; False when the policy allows no more of them."""
    return bool(await connection.fetch(SQL["replan"], task_id, revise_id))


async def open_reservations(connection: Connection, task_id: UUID) -> list[UUID]:
    """Money that is reserved for the task and not spent."""
    return [row["reservation_id"] for row in await connection.fetch(SQL["open_reservation"], task_id)]


async def complete(connection: Connection, task: Task) -> bool:
    """A planning task has done its work; False when it has moved on."""
    found = await connection.fetchrow(SQL["complete"], task.task_id, task.attempt, TaskStatus.IN_PROGRESS.value)
    return found is not None


async def lock_for_planning(connection: Connection, task_id: UUID) -> "Record | None":
    """Where a planning task belongs; its campaign is locked, as everybody does first."""
    return await connection.fetchrow(SQL["lock_for_planning"], task_id)


async def rewire_dependents(connection: Connection, old: UUID, new: UUID, campaign_id: UUID) -> None:
    """What waited for the old task waits for the new one."""
    await connection.execute(SQL["rewire_dependents"], old, new, campaign_id)


async def release_pending(connection: Connection, campaign_id: UUID | None) -> "Sequence[Record]":
    """The tasks that wait for nothing any more, queued; None looks at all campaigns."""
    return await connection.fetch(SQL["release_pending"], campaign_id, _PENDING)


async def cancel_orphans(connection: Connection) -> None:
    """What waits for something that will never be is cancelled."""
    await connection.execute(SQL["cancel_orphans"], _PENDING)


async def finish_campaigns(connection: Connection, campaign_id: UUID | None) -> None:
    """Campaigns with nothing left to do are finished, and those whose plan failed are drafts; None looks at all."""
    await connection.fetch(SQL["finish_campaigns"], CampaignStatus.RUNNING.value, campaign_id)
    await connection.execute(SQL["give_up_planning"], CampaignStatus.PLANNING.value, campaign_id)


async def lead(connection: Connection, lock: int) -> bool:
    """Whether this transaction is the one that sweeps."""
    return bool(await connection.fetchval(SQL["lead"], lock))


async def orphaned(connection: Connection, lease_seconds: float) -> "Sequence[Record]":
    """Tasks that were taken back from processes and callers that are gone."""
    return await connection.fetch(SQL["orphaned"], lease_seconds)


async def due(connection: Connection, batch: int, seconds: float) -> "Sequence[Record]":
    """Tasks that stand in a queue's state for longer than that, whether or not Redis has them."""
    return await connection.fetch(SQL["due"], batch, seconds)


async def release_lost_claims(
    connection: Connection,
    process_id: UUID,
    status: TaskStatus,
    kinds: Sequence[str],
    held: Sequence[UUID],
    seconds: float,
) -> None:
    """Back to the queue with what the process claimed longer ago than that and does not hold."""
    await connection.execute(SQL["release_lost_claims"], process_id, status.value, kinds, held, seconds)
