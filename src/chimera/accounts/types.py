"""Who asks, who speaks, and API keys as operators see them."""

from datetime import datetime
from uuid import UUID

from chimera.values import KeyRole
from chimera_protocol.wire import Wire


class KeyView(Wire):
    """An API key without its secret."""

    key_id: UUID
    name: str
    role: KeyRole
    platform: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class Influencer(Wire):
    """An influencer as importing it leaves it."""

    agent_id: UUID
    campaign_id: UUID
    persona: str
    soul_hash: str
    changed: bool
