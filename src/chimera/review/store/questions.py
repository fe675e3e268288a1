"""Questions about effects: one function for each statement of `questions.sql`."""

from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter

from chimera.database.postgres import Connection, queries
from chimera.review.types.questions import QuestionView

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("review/questions")
VIEWS: TypeAdapter[list[QuestionView]] = TypeAdapter(list[QuestionView])


async def asked(connection: Connection, limit: int) -> list[QuestionView]:
    """The tenant's open questions, the oldest first."""
    return VIEWS.validate_python([dict(row) for row in await connection.fetch(SQL["asked"], limit)])


async def count_asked(connection: Connection) -> int:
    """How many questions are open."""
    return int(await connection.fetchval(SQL["count_asked"]))


async def lock_asked(connection: Connection, effect_id: UUID) -> "Record | None":
    """An effect with its question, so that nobody settles it meanwhile."""
    return await connection.fetchrow(SQL["lock_asked"], effect_id)


async def answered(connection: Connection, effect_id: UUID, actor: str, *, again: bool) -> None:
    """The question is settled; `again`: its tries begin anew."""
    await connection.execute(SQL["answered"], effect_id, actor, again)
