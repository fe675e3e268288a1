"""Pictures and clips: made by whatever generator is configured, looked at by the Judge, signed when approved."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, ValidationError

from chimera.campaigns.rules import planning
from chimera.campaigns.types.messages import TaskContext
from chimera.errors import ToolFailed, Unavailable
from chimera.gateways.mcp.types import ToolRecord, ToolResult, Tools
from chimera.gateways.models.types import Usage
from chimera.media import rules as generators
from chimera.media.ports import AssetStore
from chimera.media.types import Generator, MediaItem, Tier, storage_uri
from chimera.money.service.usage_billing import Bill, Held, Meter
from chimera.money.types.authorization import PolicyViolation
from chimera.roles.inputs import seed_of
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Artifact
from chimera_credentials.types import FileStatement, SourceType
from chimera_protocol.errors import ChimeraError, Invalid
from chimera_protocol.money import Money
from chimera_protocol.wire import Name, Wire

_KINDS = ("card", "quote", "card", "art")
_BY_RULE = "chimera-studio/"
"""What a generator's name begins with when no trained model drew: the credentials tell the truth about it."""


class _Made(Wire):
    uri: str = Field(max_length=4_096)
    character_box: dict[str, int] | None = None


class _Answer(Wire):
    """A generator's answer, as far as we read it."""

    files: list[_Made]
    model: Name
    seed: int = Field(0, ge=0)
    generation_duration_ms: int = Field(0, ge=0, le=86_400_000)
    poster: _Made | None = None


class MediaService:
    """What a task shows with its text: made at its expense, held against the character, signed (MED-1..4)."""

    def __init__(self, tools: Tools, shelf: AssetStore, makers: Mapping[str, Generator], meter: Meter) -> None:
        self._tools = tools
        self._shelf = shelf
        self._makers = makers
        self._meter = meter

    async def make(self, task: Task, setting: TaskContext, text: str, tool_log: list[ToolRecord]) -> list[MediaItem]:
        """What the task wants to be seen with the text, if anything; the tool's call is logged.

        ToolFailed when it cannot be made, Invalid when nothing is configured that could.
        """
        wanted = task.dispatch.tool_call.parameters.get("media", "none")
        if wanted in ("none", None):
            return []
        maker = self._makers.get(str(wanted))
        if maker is None:
            raise Invalid(f"nothing makes {wanted!r}", remedy=f"media is one of: {', '.join(sorted(self._makers))}.")
        wish = _wish(task, setting, text)
        call, usage = await self._made(task, maker, wish)
        tool_log.append(call.record)
        answer = _read(call.data, maker)
        shown = answer.poster or answer.files[0]
        stored, facts = await self._shelf.ingest(answer.files[0].uri)
        return [
            MediaItem(
                storage_uri=stored.storage_uri,
                sha256=stored.sha256,
                facts=facts,
                alt=f"{wish['title']}. {wish['text']}"[:1_000],
                model=answer.model,
                seed=answer.seed,
                character_reference_id=str(wish["character"]),
                shown_at=shown.uri,
                shown_in=shown.character_box,
                generation_duration_ms=answer.generation_duration_ms,
                usage=usage,
            )
        ]

    async def _made(self, task: Task, maker: Generator, wish: dict[str, JsonValue]) -> tuple[ToolResult, Usage | None]:
        """The better tier where the CFO grants it, else the everyday one (MED-3). What a call costs is known before."""
        refused: PolicyViolation | None = None
        for tier in _tiers(task, maker, wish):
            held = await self._reserve(task, maker, tier)
            if isinstance(held, PolicyViolation):
                refused = held
                continue
            given = (tier is Tier.HERO and maker.hero) or maker.arguments
            arguments = generators.filled(given, {**wish, "tier": tier.value})
            return await self._paid(maker, arguments, held)
        assert refused is not None
        why = f"the CFO refused {maker.server}/{maker.tool}: {refused.error}, {refused.details}"
        raise ToolFailed(why, uncertain=False, permanent=True)

    async def _reserve(self, task: Task, maker: Generator, tier: Tier) -> Held | PolicyViolation | None:
        price = maker.prices.get(tier)
        if price is None:
            return None
        payee, purpose = f"generator:{maker.server}", f"{maker.tool}, {tier.value}"
        return await self._meter.reserve(task, Bill(f"media-{tier.value}", payee, purpose, Money.parse(price)))

    async def _paid(
        self, maker: Generator, arguments: dict[str, JsonValue], held: Held | None
    ) -> tuple[ToolResult, Usage | None]:
        try:
            call = await self._tools.call(maker.server, maker.tool, arguments)
        except ChimeraError as error:
            if held is not None and isinstance(error, ToolFailed) and error.uncertain:
                await self._meter.mark_unknown(held, f"{error.detail}; it may send a bill")
            elif held is not None:
                await self._meter.void(held)
            raise
        if held is None:
            return call, None
        await self._meter.post(
            held, held.ceiling.amount, maker.server, f"{maker.tool}:{call.record.arguments_hash[:16]}"
        )
        return call, Usage(cost=str(held.ceiling), budget_verification_hash=held.verification)

    async def objections(self, artifact: Artifact, setting: TaskContext) -> list[str]:
        """Why what is shown may not leave: it is not the file it says, or does not show the character (MED-2).

        What cannot be checked does not pass.
        """
        found: list[str] = []
        for number, item in enumerate(artifact.media, 1):
            try:
                objection = await self._objection(item, _character(setting))
            except Unavailable:
                raise  # a store that is away is not the piece's fault: it is judged again, and does not pass meanwhile
            except ChimeraError as error:
                objection = f"could not be looked at: {error.detail}"
            if objection is not None:
                found.append(f"picture or clip {number} {objection}")
        return found

    async def sign(self, item: MediaItem, asset_id: str, task: Task, prompt_hash: str | None) -> MediaItem:
        """The item as it is published: its file says who made it, and how."""
        by_rule = item.model.startswith(_BY_RULE)
        statement = FileStatement(
            asset_id=asset_id,
            soul_hash=task.soul_hash,
            prompt_hash=prompt_hash,
            model=item.model,
            seeds=(item.seed,),
            source_type=SourceType.ALGORITHMIC_MEDIA if by_rule else SourceType.TRAINED_ALGORITHMIC_MEDIA,
        )
        return await self._shelf.sign(item, statement)

    async def _objection(self, item: MediaItem, character: str) -> str | None:
        named = storage_uri(item.sha256, item.facts.media_type) == item.storage_uri
        if not named or await self._shelf.measure(item.storage_uri) != item.facts:
            return "is not what the result says it is"
        if item.character_reference_id != character:
            return f"is made for the character {item.character_reference_id}, not {character}"
        clip = item.facts.media_type.startswith("video/")
        maker = self._makers.get("clip" if clip else "image")
        if maker is None or maker.likeness is None or maker.character is None:
            return "cannot be compared with the influencer's character: no tool for that is configured"
        if not clip and PurePosixPath(urlsplit(item.shown_at).path).stem != item.sha256:
            return "is not the picture that its maker shows"
        sheet = await self._tools.call(maker.server, maker.character, {"character_reference_id": character})
        reference = _read(sheet.data, maker).files[0].uri
        asked: dict[str, JsonValue] = {"image": item.shown_at, "reference": reference}
        if item.shown_in is not None:
            asked["box"] = dict(item.shown_in)
        likeness = await self._tools.call(maker.server, maker.likeness, asked)
        if likeness.data.get("same") is not True:
            return f"does not show the influencer's character (likeness {likeness.data.get('score')} of 100)"
        return None


def _wish(task: Task, setting: TaskContext, text: str) -> dict[str, JsonValue]:
    soul, given = setting.persona.soul, task.dispatch.tool_call.parameters
    topic = str(given.get("topic") or task.dispatch.context.goal)
    seed = seed_of(soul.id, topic, given.get("ordinal", 1), task.revision)
    kind = _KINDS[seed % len(_KINDS)] if given.get("media") == "image" else "card"
    return {
        "kind": kind,
        "title": soul.name if kind == "quote" else (topic[:1].upper() + topic[1:])[:100],
        "text": generators.caption(text),
        "handle": f"@{soul.account}",
        "character": _character(setting),
        "scenes": [{"text": scene} for scene in generators.scenes(text)],
        "seed": seed,
    }


def _tiers(task: Task, maker: Generator, wish: Mapping[str, JsonValue]) -> list[Tier]:
    """What to try, in this order. Scenes that a post is too short for are not wanted."""
    given = task.dispatch.tool_call.parameters.get("tier")
    try:
        wanted = Tier(str(given)) if given is not None else planning.tier_of(task.dispatch.priority)
    except ValueError as error:
        raise Invalid(f"{given!r} is no tier", remedy="tier is daily or hero.") from error
    scenes = wish["scenes"]
    told = isinstance(scenes, list) and len(scenes) > 1
    possible = told or "$scenes" not in (maker.hero or {}).values()
    return [Tier.HERO, Tier.DAILY] if wanted is Tier.HERO and possible else [Tier.DAILY]


def _character(setting: TaskContext) -> str:
    soul = setting.persona.soul
    return soul.character_reference_id or soul.id


def _read(data: Mapping[str, JsonValue], maker: Generator) -> _Answer:
    try:
        answer = _Answer.model_validate(_trimmed(data))
    except ValidationError as error:
        raise ToolFailed(f"{maker.server} answered with something else than files", uncertain=False) from error
    if not answer.files:
        raise ToolFailed(f"{maker.server} has made nothing", uncertain=False)
    return answer


def _trimmed(data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The fields that we know; a generator may tell more."""
    found: dict[str, JsonValue] = {
        name: data[name] for name in ("model", "seed", "generation_duration_ms") if name in data
    }
    files, poster = data.get("files"), data.get("poster")
    found["files"] = [_uri(file) for file in files] if isinstance(files, list) else None
    if poster is not None:
        found["poster"] = _uri(poster)
    return found


def _uri(file: JsonValue) -> JsonValue:
    if not isinstance(file, dict):
        return file
    return {name: file[name] for name in ("uri", "character_box") if file.get(name) is not None}
