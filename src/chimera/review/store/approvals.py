"""Approvals: one function for each statement of `approvals.sql`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.values import TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("review/approvals")


async def lock(connection: Connection, approval_id: UUID) -> "Record | None":
    """An approval with its task and all that it is bound to, so that nobody decides meanwhile."""
    return await connection.fetchrow(SQL["lock"], approval_id)


async def claim(connection: Connection, approval_id: UUID, actor: str, seconds: float) -> datetime:
    """Whose hands it is in; until when."""
    until: datetime = await connection.fetchval(SQL["claim"], approval_id, actor, seconds)
    return until


async def release(connection: Connection, approval_id: UUID) -> None:
    """It is in nobody's hands."""
    await connection.execute(SQL["release"], approval_id)


async def snooze(connection: Connection, approval_id: UUID, until: datetime) -> None:
    """It is not listed until then."""
    await connection.execute(SQL["snooze"], approval_id, until)


async def agree_first(connection: Connection, approval_id: UUID, actor: str) -> None:
    """The first of two who agree."""
    await connection.execute(SQL["second"], approval_id, actor)


async def decide(
    connection: Connection, approval_id: UUID, status: str, actor: str, note: str | None, undo_seconds: float
) -> datetime:
    """A verdict; from when on it is in effect."""
    effective: datetime = await connection.fetchval(SQL["decide"], approval_id, status, actor, note, undo_seconds)
    return effective


async def take_back(connection: Connection, approval_id: UUID) -> None:
    """It waits for a verdict again."""
    await connection.execute(SQL["take_back"], approval_id)


async def reopen(connection: Connection, task_id: UUID, undo_seconds: float) -> "Sequence[Record]":
    """Its task goes back to the Judge, once the verdict can no longer be taken back."""
    return await connection.fetch(SQL["reopen"], task_id, TaskStatus.AWAITING_APPROVAL.value, undo_seconds)


async def hold_again(connection: Connection, task_id: UUID) -> bool:
    """Its task waits for a human again; False once the Judge has it in hand."""
    return await connection.fetchval(SQL["hold_again"], task_id, [TaskStatus.IN_REVIEW.value]) is not None


async def add_execution(
    connection: Connection, task_id: UUID, tenant_id: UUID, author: str, result: str, content_hash: str
) -> None:
    """Another result of the task, the latest from now on."""
    await connection.execute(SQL["add_execution"], task_id, tenant_id, author, result, content_hash)


async def escalate(connection: Connection) -> None:
    """Mark what has waited longer than its tenant's policy allows, each once, and say so in the trail."""
    await connection.execute(SQL["escalate"])
