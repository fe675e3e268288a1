"""Heartbeats, halts and backlogs in PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

    Rows = Sequence[Record]

SQL = queries("fleet/fleet")


async def mark(connection: Connection, process_id: UUID, role: str, host: str, pid: int) -> None:
    """Keep that a process lives."""
    await connection.execute(SQL["mark"], process_id, role, host, pid)


async def leave(connection: Connection, process_id: UUID) -> None:
    """Keep that a process has stopped."""
    await connection.execute(SQL["leave"], process_id)


async def forget(connection: Connection) -> None:
    """Processes that have been silent for long are counted as stopped."""
    await connection.execute(SQL["forget"])


async def roles_alive(connection: Connection, within_seconds: float) -> "Rows":
    """Living processes by the roles that they work in."""
    return await connection.fetch(SQL["roles_alive"], within_seconds)


async def swept(connection: Connection, process_id: UUID) -> None:
    """Keep that a process has swept."""
    await connection.execute(SQL["swept"], process_id)


async def sealed(connection: Connection, process_id: UUID) -> None:
    """Keep that a process has sealed."""
    await connection.execute(SQL["sealed"], process_id)


async def chores(connection: Connection, within_seconds: float) -> "Record | None":
    """Seconds since somebody who lives has `swept` and `sealed`."""
    return await connection.fetchrow(SQL["chores"], within_seconds)


async def reach(connection: Connection) -> None:
    """Ask for nothing."""
    await connection.fetchval(SQL["reachable"])


async def backlog(connection: Connection) -> "Rows":
    """What is due, by stage, and for how long."""
    return await connection.fetch(SQL["oldest"])


async def exists(connection: Connection, tenant_id: UUID, scope: str, target: str) -> bool:
    """Whether there is what a halt would stop."""
    return bool(await connection.fetchval(SQL["exists"], tenant_id, scope, target))


async def halt(
    connection: Connection, halt_id: UUID, tenant_id: UUID, scope: str, target: str, reason: str, actor: str
) -> bool:
    """Halt; False when it was halted already."""
    given = (tenant_id, scope, target, reason, actor)
    return await connection.fetchval(SQL["halt"], halt_id, *given) is not None


async def resume(connection: Connection, tenant_id: UUID, scope: str, target: str, actor: str) -> bool:
    """Lift a halt; False when there was none."""
    return await connection.fetchval(SQL["resume"], tenant_id, scope, target, actor) is not None
