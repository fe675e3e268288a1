"""What influencers remember: a first version that finds memories by their words (MEM-1)."""

import re
from uuid import UUID

from chimera.database.postgres import Database, queries

SQL = queries("memory/queries")
_WORD = re.compile(r"\w{3,}")


class MemoryService:
    """Implements `ports.Memory` on PostgreSQL full-text search."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        """See `ports.Memory.recall`."""
        wanted = " or ".join(dict.fromkeys(_WORD.findall(about)[:20]))
        if not wanted:
            return []
        async with self._database.transaction(tenant_id) as connection:
            rows = await connection.fetch(SQL["recall"], tenant_id, agent_id, wanted, limit)
        return [row["text"] for row in rows]
