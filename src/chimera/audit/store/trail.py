"""The audit trail in PostgreSQL."""

from uuid import UUID

from chimera.database.postgres import Connection, queries

SQL = queries("audit/trail")


async def add(
    connection: Connection, event_id: UUID, tenant_id: UUID, actor: str, action: str, subject: str, body: str
) -> None:
    """Append an event."""
    await connection.execute(SQL["note"], event_id, tenant_id, actor, action, subject, body)
