"""Whether a grant still holds, checked last thing before an effect (PUB-1)."""

from datetime import datetime
from uuid import UUID

from chimera.contracts.claims import Grant
from chimera.domain.provenance import content_hash


def objection(
    grant: Grant, *, tenant_id: UUID, parts: list[str], soul_hash: str, state_version: int, now: datetime
) -> str | None:
    """Why the effect may not happen, or None: the grant is for one tenant, content, persona and state."""
    if grant.tenant_id != tenant_id:
        return "the grant belongs to another tenant"
    if grant.content_hash != content_hash(parts):
        return "the content is not the one that was approved"
    if grant.soul_hash != soul_hash:
        return "the persona has changed since the approval"
    if grant.state_version != state_version:
        return "the campaign has moved on since the approval"
    if now >= grant.expires_at:
        return "the grant has expired"
    return None
