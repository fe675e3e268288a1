"""Grants, effects and receipts."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera.gateways.mcp.types import Disclosure
from chimera.values import EffectStatus, Priority
from chimera_protocol.wire import Wire


class Grant(Wire):
    """A one-time permission for one effect (PUB-1)."""

    tenant_id: UUID
    content_hash: str
    content_formula: str | None = None
    soul_hash: str
    state_version: int
    limit: str | None
    expires_at: datetime


class EffectOrder(Wire):
    """The call that an approved piece is for."""

    effect_id: UUID
    server: str
    tool: str
    arguments: dict[str, JsonValue]
    grant: Grant
    priority: Priority
    disclosure: Disclosure
    reservation_id: UUID | None = None


class Effect(Wire):
    """A claimed effect, marked as executing."""

    effect_id: UUID
    tenant_id: UUID
    agent_id: UUID
    campaign_id: UUID
    task_id: UUID
    attempt: int
    tries: int
    status: EffectStatus
    asset_id: UUID
    reservation_id: UUID | None
    server: str
    tool: str
    arguments: dict[str, JsonValue]
    idempotency_key: str
    disclosure: Disclosure
    created_at: datetime


class Receipt(Wire):
    """A platform's word that something is there."""

    kind: str
    ids: list[str]
    url: str
    created_at: datetime
    content_hash: str
    replayed: bool = False
