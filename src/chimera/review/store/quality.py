"""Audits of what the Judge approved by itself: one function for each statement of `quality.sql`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.review.types.quality import LabelledScore, SampleAudit

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("review/quality")


async def draw(connection: Connection, batch: int) -> "Sequence[Record]":
    """The audits that come of the next candidates."""
    return await connection.fetch(SQL["draw"], batch)


async def audits(connection: Connection, before: UUID | None, limit: int, status: str) -> list[SampleAudit]:
    """The audits in this state, the latest verdict first."""
    found = await connection.fetch(SQL["audits"], before, limit, status)
    return [SampleAudit.model_validate(dict(row)) for row in found]


async def tally(connection: Connection) -> dict[str, int]:
    """How many audits are in each state; states without any are missing."""
    return {row["status"]: row["count"] for row in await connection.fetch(SQL["tally"])}


async def lock(connection: Connection, audit_id: UUID) -> "Record | None":
    """An audit, so that nobody decides meanwhile."""
    return await connection.fetchrow(SQL["lock"], audit_id)


async def decide(connection: Connection, audit_id: UUID, verdict: str, actor: str, note: str | None) -> None:
    """What a human said of the Judge's verdict."""
    await connection.execute(SQL["decide"], audit_id, verdict, actor, note)


async def heard(connection: Connection, agent_id: UUID | None, days: int | None) -> list[LabelledScore]:
    """What humans said about pieces that a model had scored, counted."""
    return [LabelledScore(**dict(row)) for row in await connection.fetch(SQL["heard"], agent_id, days)]
