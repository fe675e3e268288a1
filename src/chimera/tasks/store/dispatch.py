"""What callers from outside ask of the task table: one function for each statement of `dispatch.sql`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.values import TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("tasks/dispatch")


async def known(connection: Connection, execution_id: str) -> "Record | None":
    """The task that was dispatched under this id, if there is one."""
    return await connection.fetchrow(SQL["known"], execution_id)


async def speaker(connection: Connection, persona: str, campaign_id: UUID | None) -> "Record | None":
    """Who would speak, for which campaign: the standing one when none is named."""
    return await connection.fetchrow(SQL["speaker"], persona, campaign_id)


async def claim(
    connection: Connection, key_id: UUID, persona: str | None, lease_seconds: float, guard: Sequence[str]
) -> "Record | None":
    """The next task for an agent outside the swarm, claimed."""
    return await connection.fetchrow(SQL["claim_external"], key_id, persona, lease_seconds, guard)


async def renew(
    connection: Connection, key_id: UUID, task_id: UUID, attempt: int, lease_seconds: float
) -> "Record | None":
    """A claimed task with a longer lease; None when the lease was lost."""
    return await connection.fetchrow(SQL["renew_external"], task_id, key_id, attempt, lease_seconds)


async def lock(connection: Connection, task_id: UUID) -> "Record | None":
    """A task, so that nobody moves it meanwhile."""
    return await connection.fetchrow(SQL["lock"], task_id)


async def cancel(connection: Connection, task_id: UUID, cause: str, guard: Sequence[str]) -> bool:
    """Stop a task, and what a human was to say of it; False when it is in none of the guard's states."""
    if await connection.fetchval(SQL["cancel"], task_id, cause, guard) is None:
        return False
    await connection.execute(SQL["withdraw"], task_id)
    return True


async def replay(connection: Connection, task_id: UUID, campaign_id: UUID, kind: str) -> "Sequence[Record]":
    """Another life for a dead letter: its campaign goes on, and the CFO is asked anew."""
    await connection.execute(SQL["retire_reservations"], task_id)
    await connection.execute(SQL["reopen_campaign"], campaign_id, kind)
    return await connection.fetch(SQL["replay"], task_id, [TaskStatus.DEAD_LETTER.value])


async def dead_letters(connection: Connection, before: UUID | None, limit: int) -> "Sequence[Record]":
    """What was given up, the newest first."""
    return await connection.fetch(SQL["dead_letters"], before, limit)
