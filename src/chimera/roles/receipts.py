"""What platforms answer: their receipts, and how one is found again when nobody knows what became of a call (PUB-2)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue, TypeAdapter, ValidationError

from chimera.errors import ToolFailed
from chimera.gateways.mcp.types import ReadBack, Tools
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import Effect, Receipt
from chimera_protocol.wire import Wire

Json = dict[str, JsonValue]

_SKEW = timedelta(minutes=5)
"""How far a platform's clock may be behind ours."""


class Seen(Wire):
    """A post of an account, as the platform shows it."""

    id: str
    text: str
    url: str = ""
    created_at: datetime | None = None


SEEN: TypeAdapter[list[Seen]] = TypeAdapter(list[Seen])


class ReceiptReader:
    """Looks on a platform for what an effect may have brought about."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def find(self, effect: Effect, way: ReadBack) -> Receipt | None:
        """The receipt of what is there, which for a thread may be its beginning; None when nothing is."""
        return await (self._by_key if way.by == "idempotency_key" else self._by_content)(effect, way.tool)

    async def _by_key(self, effect: Effect, tool: str) -> Receipt | None:
        receipt = await self._under(effect, tool, effect.idempotency_key)
        wanted = len(parts_of(effect))
        while receipt is not None and len(receipt.ids) < wanted:
            key = publishing.part_key(effect.idempotency_key, len(receipt.ids))
            more = await self._under(effect, tool, key)
            if more is None:
                break
            receipt = receipt.model_copy(update={"ids": [*receipt.ids, *more.ids[:1]]})
        return receipt

    async def _under(self, effect: Effect, tool: str, key: str) -> Receipt | None:
        wanted: Json = {"account": effect.arguments["account"], "idempotency_key": key}
        answer = await self._tools.call(effect.server, tool, wanted)
        return receipt_of(answer.data, effect) if answer.data.get("found") else None

    async def _by_content(self, effect: Effect, tool: str) -> Receipt | None:
        answer = await self._tools.call(effect.server, tool, {"account": effect.arguments["account"]})
        posts = answer.data.get("posts")
        try:
            seen = SEEN.validate_python([_trimmed(post) for post in posts] if isinstance(posts, list) else None)
        except ValidationError as error:
            raise ToolFailed(f"{effect.server} answered with something else than posts", uncertain=False) from error
        found = _matching(effect, seen)
        if not found:
            return None
        first = found[0]
        return Receipt(
            kind=effect.tool,
            ids=[post.id for post in found],
            url=first.url,
            created_at=first.created_at or datetime.now(UTC),
            content_hash="",
        )


def parts_of(effect: Effect) -> list[str]:
    """The posts that an effect is to bring about, where there are several."""
    posts = effect.arguments.get("posts")
    return [post for post in posts if isinstance(post, str)] if isinstance(posts, list) else []


def texts_of(effect: Effect) -> list[str]:
    """What an effect says, whatever its tool calls it; nothing for one that only acts, such as a promotion, or that
    has nothing to know it by."""
    given = effect.arguments
    said = given.get("posts", given.get("text", given.get("content")))
    texts = [text for text in (said if isinstance(said, list) else [said]) if isinstance(text, str)]
    return texts if any(publishing.fingerprint(text) for text in texts) else []


def receipt_of(data: Json, effect: Effect) -> Receipt:
    """A platform's answer as a receipt. ToolFailed, uncertain, when it is something else."""
    try:
        receipt = Receipt.model_validate(
            {
                "kind": data.get("kind", effect.tool),
                "ids": data.get("ids", []),
                "url": data.get("url", ""),
                "created_at": data.get("created_at") or datetime.now(UTC),
                "content_hash": data.get("content_hash", ""),
                "replayed": data.get("replayed", False),
            }
        )
    except ValidationError as error:
        # The call went through; only its answer cannot be read: that is doubt, not failure.
        raise ToolFailed(f"{effect.server} answered with something else than a receipt", uncertain=True) from error
    if parts_of(effect) and not receipt.ids:
        raise ToolFailed(f"{effect.server} does not say which posts are out", uncertain=True)
    return receipt


def _matching(effect: Effect, seen: Sequence[Seen]) -> list[Seen]:
    """The posts that say what the effect was to say, from its first text on, none of them older than itself."""
    since = effect.created_at - _SKEW
    fresh = [post for post in reversed(seen) if post.created_at is None or post.created_at >= since]
    found: list[Seen] = []
    for text in texts_of(effect):
        match = [post for post in fresh if publishing.fingerprint(post.text) == publishing.fingerprint(text)]
        if not match:
            break
        found.append(match[0])
        fresh.remove(match[0])  # said twice, it has to be there twice
    return found


def _trimmed(post: JsonValue) -> JsonValue:
    if not isinstance(post, dict):
        return post
    return {name: post[name] for name in ("id", "text", "url", "created_at") if post.get(name) is not None}
