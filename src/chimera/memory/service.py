"""What influencers remember: a first version that finds memories by their words (MEM-1)."""

import re
from uuid import UUID

from chimera.database.postgres import Connection, Database
from chimera.ids import new_id
from chimera.memory import store

_WORD = re.compile(r"\w{3,}")


class MemoryService:
    """The memories of all influencers, on PostgreSQL full-text search."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        """The memories nearest to a subject, best first; none for a subject without words."""
        wanted = " or ".join(dict.fromkeys(_WORD.findall(about)[:20]))
        if not wanted:
            return []
        async with self._database.transaction(tenant_id) as connection:
            return await store.recall(connection, tenant_id, agent_id, wanted, limit)


async def remember(connection: Connection, tenant_id: UUID, agent_id: UUID, text: str, source: str) -> None:
    """Keep what an influencer has done itself, once for each source, in the transaction that brings it about."""
    await store.remember(connection, new_id(), tenant_id, agent_id, text, source)
