"""Influencers and versions of personas, as people see them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from chimera_protocol.wire import Wire


class InfluencerView(Wire):
    """An influencer and what it is doing."""

    agent_id: UUID
    persona: str
    account: str
    soul_hash: str
    voice_traits: list[str]
    state: str = Field(description="planning, working, judging, halted or sleeping.")
    doing: str | None
    tasks_open: int
    approvals_waiting: int
    published: int


class PersonaVersion(Wire):
    """One version of a SOUL.md."""

    soul_hash: str
    agent_id: UUID
    persona: str
    source: str
    created_at: datetime
    current: bool
