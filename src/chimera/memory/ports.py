"""How the roles ask for memories."""

from typing import Protocol
from uuid import UUID


class Memory(Protocol):
    """What an influencer remembers (MEM-1)."""

    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        """The memories nearest to a subject, best first."""
        ...
