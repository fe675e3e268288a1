"""The audit trail: an event for every decision, appended in the transaction that makes it (PRV-4)."""

import json
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.store import trail as store
from chimera.database.postgres import Connection
from chimera.ids import new_id


async def note(
    connection: Connection,
    tenant_id: UUID,
    *,
    actor: str,
    action: str,
    subject: str,
    body: dict[str, JsonValue],
) -> None:
    """Append an audit event in the caller's transaction."""
    await store.add(connection, new_id(), tenant_id, actor, action, subject, json.dumps(body))
