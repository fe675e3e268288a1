"""From an approved piece to the one call that publishes it, and whether its grant still holds (PUB-1)."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera.gateways.mcp.types import Disclosure, Platform
from chimera.provenance.rules.hashes import content_hashes, is_hash_of
from chimera.publishing.types import Grant
from chimera.tasks.rules import mentions, weighted_length
from chimera.tasks.types.messages import Upstream
from chimera.tasks.types.work import Artifact, TaskDispatch
from chimera_protocol.errors import Invalid

JsonObject = dict[str, JsonValue]


def objection(
    grant: Grant,
    *,
    tenant_id: UUID,
    parts: Sequence[str],
    files: Sequence[str],
    soul_hash: str,
    state_version: int,
    now: datetime,
) -> str | None:
    """Why the effect may not happen, or None: the grant is for one tenant, content, persona and state."""
    if grant.tenant_id != tenant_id:
        return "the grant belongs to another tenant"
    if not is_hash_of(grant.content_hash, grant.content_formula, content_hashes(parts, files)):
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

SILENT = frozenset({"promote_tweet", "like_tweet"})
"""Tools that say nothing of their own."""

_LINK = re.compile(r"\S+://\S+")


def disclosure(tool: str, platform: Platform) -> Disclosure:
    """How a piece has to say that an AI made it: by the platform's own label, else in its text (JDG-5)."""
    if tool in SILENT:
        return Disclosure.NONE
    return Disclosure.TEXT if platform.ai_label is None else Disclosure.LABEL


def disclosed(parts: Sequence[str], words: str) -> list[str]:
    """The texts with the disclosure in the first of them."""
    first, *rest = parts
    return [first if mentions(first, words) else f"{first}\n\n{words}", *rest]


def room_for(words: str) -> int:
    """What the disclosure takes of a post, in weighted characters."""
    return weighted_length(words) + 2


def fingerprint(text: str) -> str:
    """A text as a platform may give it back: case, spacing and links, which platforms rewrite, do not count."""
    return " ".join(_LINK.sub("", text).casefold().split())


def part_key(key: str, index: int) -> str:
    """The idempotency key of the post at `index` of a thread that is continued."""
    return f"{key}.{index}"


def label(platform: Platform) -> JsonObject:
    """The argument that sets the platform's own AI label, where it has one."""
    return {platform.ai_label: True} if platform.ai_label is not None else {}


def arguments(
    dispatch: TaskDispatch, artifact: Artifact, account: str, upstream: Sequence[Upstream], platform: Platform
) -> JsonObject:
    """The arguments of the call that an approved piece is for. Invalid when something to act on is missing."""
    given = dispatch.tool_call.parameters
    spoken: JsonObject = {"account": account, **label(platform), **shown(artifact)}
    match dispatch.tool_call.action:
        case "create_thread":
            return {**spoken, "posts": list(artifact.parts)}
        case "post_tweet":
            return {**spoken, "text": artifact.parts[0]}
        case "reply_tweet":
            return {**spoken, "text": artifact.parts[0], "in_reply_to": _needed(given, "in_reply_to")}
        case "promote_tweet":
            return {
                "account": account,
                "post_id": _target(given, upstream),
                "token_amount": _needed(given, "token_amount"),
            }
        case _:
            return {**given, **spoken, "content": list(artifact.parts)}


def shown(artifact: Artifact) -> JsonObject:
    """The files of a piece, by what is in them; the Publisher lends the platform a copy when it calls."""
    if not artifact.media:
        return {}
    return {
        "media": [
            {"uri": item.storage_uri, "sha256": item.sha256, "media_type": item.facts.media_type, "alt": item.alt}
            for item in artifact.media
        ]
    }


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
