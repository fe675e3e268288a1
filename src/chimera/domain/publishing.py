"""From an approved piece to the one call that publishes it, and whether its grant still holds (PUB-1)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera.contracts.claims import Grant, Upstream
from chimera.contracts.errors import Invalid
from chimera.contracts.work import Artifact, TaskDispatch
from chimera.domain.provenance import content_hash

JsonObject = dict[str, JsonValue]


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


SINGLE = frozenset({"post_tweet", "reply_tweet", "promote_tweet"})
"""Tools that publish one text."""

PREPAID = frozenset({"promote_tweet"})
"""Tools that take the reference of the payment that was made for them."""

READ_BACK: Mapping[str, str] = {"twitter-mcp": "find_by_idempotency_key"}
"""The tool by which a platform says whether an effect happened, by MCP server (PUB-2)."""


def arguments(dispatch: TaskDispatch, artifact: Artifact, account: str, upstream: Sequence[Upstream]) -> JsonObject:
    """The arguments of the call that an approved piece is for. Invalid when something to act on is missing."""
    given = dispatch.tool_call.parameters
    match dispatch.tool_call.action:
        case "create_thread":
            return {"account": account, "posts": list(artifact.parts), "ai_label": True}
        case "post_tweet":
            return {"account": account, "text": artifact.parts[0], "ai_label": True}
        case "reply_tweet":
            return {
                "account": account,
                "text": artifact.parts[0],
                "in_reply_to": _needed(given, "in_reply_to"),
                "ai_label": True,
            }
        case "promote_tweet":
            return {
                "account": account,
                "post_id": _target(given, upstream),
                "token_amount": _needed(given, "token_amount"),
            }
        case _:
            return {**given, "account": account, "content": list(artifact.parts)}


def _needed(given: JsonObject, name: str) -> JsonValue:
    if name not in given:
        raise Invalid(f"the tool call lacks the parameter {name!r}", remedy=f"Set tool_call.parameters.{name}.")
    return given[name]


def _target(given: JsonObject, upstream: Sequence[Upstream]) -> JsonValue:
    if "post_id" in given:
        return given["post_id"]
    if not upstream or not upstream[0].external_ids:
        raise Invalid("nothing to promote: no post_id was given and no published post came before")
    return upstream[0].external_ids[0]
