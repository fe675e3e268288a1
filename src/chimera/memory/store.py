"""Memories: one function for each statement of `memory.sql`."""

from uuid import UUID

from chimera.database.postgres import Connection, queries

SQL = queries("memory/memory")


async def recall(connection: Connection, tenant_id: UUID, agent_id: UUID, wanted: str, limit: int) -> list[str]:
    """The memories that share most words with a search text."""
    return [row["text"] for row in await connection.fetch(SQL["recall"], tenant_id, agent_id, wanted, limit)]


async def remember(
    connection: Connection, memory_id: UUID, tenant_id: UUID, agent_id: UUID, text: str, source: str
) -> None:
    """Keep a memory of the influencer's own; one from a source that is known is left out."""
    await connection.execute(SQL["remember"], memory_id, tenant_id, agent_id, text, source)
