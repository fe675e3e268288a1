"""What other rooms do to tasks inside a transaction of their own: add them, complete them, let the next ones start."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.outbox import QueueItem
from chimera.database.postgres import Connection, Database
from chimera.errors import Superseded
from chimera.ids import new_id
from chimera.tasks.store import task_rows, tasks
from chimera.tasks.types.messages import NewTask, Task
from chimera.values import Priority, Stage, TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record


async def add(connection: Connection, where: "Record", new: Sequence[NewTask]) -> bool:
    """Take tasks on and queue those that wait for nothing; whether any of them is new.

    `where` has their tenant, influencer and campaign, its state and the persona's hash.
    """
    begun = [(task, TaskStatus.PENDING if task.depends_on else TaskStatus.QUEUED) for task in new]
    inserted = await tasks.insert(connection, where, begun)
    enqueue(connection, inserted)
    return bool(inserted)


async def complete(connection: Connection, task: Task) -> "Record":
    """A planning task has done its work; where it belongs, with its campaign locked.

    Superseded when another attempt has it.
    """
    where = await tasks.lock_for_planning(connection, task.task_id)
    if not await tasks.complete(connection, task):
        raise Superseded(f"task {task.task_id} has moved on")
    if where is None:
        raise Superseded(f"task {task.task_id} has gone")
    return where


async def replace(connection: Connection, where: "Record", old: Task, new: NewTask) -> None:
    """Put a task in the place of an old one: it is queued, and what waited for the old one waits for it."""
    enqueue(connection, await tasks.insert(connection, where, [(new, TaskStatus.QUEUED)]))
    await tasks.rewire_dependents(connection, old.task_id, new.task_id, where["campaign_id"])


async def ask_for_revision(connection: Connection, task_id: UUID) -> bool:
    """Let the Planner make a task anew; False when it has been revised as often as the policy allows."""
    return await tasks.replan(connection, task_id, new_id())


async def start_next(database: Database, tenant_id: UUID | None, campaign_id: UUID) -> None:
    """Queue what waited for something that is done by now, and finish the campaign when nothing is left to do.

    In transactions of its own, as they lock in another order; should they be lost, the sweeper does them.
    """
    async with database.transaction(tenant_id) as connection:
        enqueue(connection, await tasks.release_pending(connection, campaign_id), Stage.WORK)
    async with database.transaction(tenant_id) as connection:
        await tasks.finish_campaigns(connection, campaign_id)


async def tidy(database: Database, campaign_ids: Iterable[UUID]) -> None:
    """What the end of a task means for others: what waits for it in vain is cancelled, its campaign may be finished.

    In transactions of its own, as they lock in another order; should they be lost, the sweeper does them.
    """
    async with database.transaction() as connection:
        await tasks.cancel_orphans(connection)
    for campaign_id in campaign_ids:
        async with database.transaction() as connection:
            await tasks.finish_campaigns(connection, campaign_id)


def enqueue(connection: Connection, rows: "Sequence[Record]", *stages: Stage) -> None:
    """Queue the tasks that are due now, once the transaction is committed; of these stages, or of all."""
    for stage, item in task_rows.placed(rows):
        if not stages or stage in stages:
            connection.enqueue(stage, [item])


def queue_item(row: "Record", id: UUID) -> QueueItem:
    """A line of a queue for something of a task, such as its effect: it queues where the task does."""
    return QueueItem(id=id, tenant_id=row["tenant_id"], agent_id=row["agent_id"], priority=Priority(row["priority"]))


task_of = task_rows.task
"""A claimed task from its row, for rooms that read it along with rows of their own."""
