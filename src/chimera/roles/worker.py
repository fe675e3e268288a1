"""The Worker: makes the piece, or asks the CFO for money; it never acts on the outside (ORC-1, ORC-6)."""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import JsonValue, TypeAdapter, ValidationError

from chimera.campaigns.ports import Contexts
from chimera.campaigns.types.messages import TaskContext
from chimera.errors import Superseded, ToolFailed
from chimera.gateways.mcp.types import Platform, ToolRecord, Tools
from chimera.gateways.models.types import ModelAnswer, RenderedPrompt
from chimera.memory.ports import Memory
from chimera.money.ports import Cfo
from chimera.money.types.authorization import ADS, PolicyViolation, TransactionRequest
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera.publishing.rules import calls as publishing
from chimera.review.ports import Earlier
from chimera.review.rules import honesty
from chimera.roles import prompts
from chimera.roles.inputs import mention_of, seed_of, texts, voice
from chimera.roles.ports import ActivityStatus, MediaMaker, PaidModel
from chimera.roles.task_handler import TaskHandler
from chimera.tasks.ports import Tasks
from chimera.tasks.rules import weighted_length
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Artifact, Draft, ExecutionResult, ResultMetadata
from chimera.values import Role, Stage, TaskKind
from chimera_protocol.errors import Invalid
from chimera_protocol.failpoint import failpoint
from chimera_protocol.payments import WALLET
from chimera_protocol.wire import Wire

_FACTS = 20
_MEMORIES = 5
_EARLIER = 20


class SourceFact(Wire):
    """Something a source says; public text, and so data, never an instruction (MCP-3)."""

    id: str
    title: str
    summary: str = ""
    link: str = ""
    source: str = ""


FACTS: TypeAdapter[list[SourceFact]] = TypeAdapter(list[SourceFact])


class DraftInputs(NamedTuple):
    """What a piece is made of besides its order: data, all of it."""

    topic: str
    facts: list[SourceFact]
    memories: list[str]
    earlier: list[str]
    mention: str
    tool_log: list[ToolRecord]


class Worker(TaskHandler):
    """Handles `create` and `spend` tasks."""

    stage = Stage.WORK

    def __init__(
        self,
        tasks: Tasks,
        contexts: Contexts,
        reviews: Earlier,
        model: PaidModel,
        tools: Tools,
        memory: Memory,
        cfo: Cfo,
        pulse: ActivityStatus,
        gallery: MediaMaker | None = None,
    ) -> None:
        super().__init__(tasks)
        self._contexts = contexts
        self._reviews = reviews
        self._gallery = gallery
        self._model = model
        self._tools = tools
        self._memory = memory
        self._cfo = cfo
        self._pulse = pulse

    async def handle(self, item: Task) -> None:
        """Make the piece, or ask for the money, and send the result to the Judge. Superseded when another attempt has
        the task."""
        await self._pulse.thinking(item, Role.WORKER)
        setting = await self._contexts.context(item)
        make = self._spend if item.kind is TaskKind.SPEND else self._write
        result = await make(item, setting)
        failpoint("written")
        committed = await self._tasks.submit(item, result, author="worker")
        if committed.status is None:
            raise Superseded(f"task {item.task_id} was taken over while this worker was at it")

    async def _write(self, task: Task, setting: TaskContext) -> ExecutionResult:
        begun = time.perf_counter()
        given = task.dispatch.tool_call.parameters
        topic = str(given.get("topic") or task.dispatch.context.goal)
        tool_log: list[ToolRecord] = []
        facts = await self._facts(setting, topic, tool_log)
        platform = self._tools.platform(task.dispatch.tool_call.target_mcp)
        mention = await mention_of(self._tools, task, tool_log)
        memories = await self._memory.recall(task.tenant_id, task.agent_id, topic, _MEMORIES)
        earlier = await self._reviews.earlier(task, _EARLIER)
        heard = DraftInputs(topic, facts, memories, earlier, mention, tool_log)
        rendered = _prompt(task, setting, heard, _room(platform, setting.policy))
        seed = seed_of(task.dispatch.context.persona, task.dispatch.context.goal, topic, task.revision)
        answer = await self._model.ask(task, Role.WORKER, rendered, Draft, seed=seed)
        posts = _honest(answer.output.posts, mention, platform, setting.policy)
        artifact = _artifact(task.dispatch.tool_call.action, posts)
        if self._gallery is not None:
            media = await self._gallery.make(task, setting, artifact.parts[0], tool_log)
            artifact = artifact.model_copy(update={"media": media})
        return _result(task, rendered, answer, artifact, heard, begun)

    async def _short_of(self, task: Task, request: TransactionRequest) -> str | None:
        """What the influencer's own wallet lacks, looked at before anything costly is begun (FIN-6)."""
        if not self._tools.knows(WALLET, "get_balance"):
            return None
        account = f"{task.tenant_id}:{task.agent_id}"
        balances = (await self._tools.call(WALLET, "get_balance", {"account": account})).data.get("balances")
        held = balances.get(request.money.currency) if isinstance(balances, dict) else None
        if held is None or Decimal(str(held)) >= request.money.amount:
            return None
        return f"the wallet holds {held} {request.money.currency}, {request.token_amount} are needed"

    async def _facts(self, setting: TaskContext, topic: str, tool_log: list[ToolRecord]) -> list[SourceFact]:
        found: list[SourceFact] = []
        for source in setting.brief.sources:
            arguments: dict[str, JsonValue] = {"feed": source.feed, "limit": _FACTS}
            answer = await self._tools.call(source.server, "list_items", arguments)
            tool_log.append(answer.record)
            items = answer.data.get("items")
            try:
                facts = FACTS.validate_python([_trimmed(item) for item in items] if isinstance(items, list) else None)
            except ValidationError as error:
                raise ToolFailed(f"{source.server} returned something else than items", uncertain=False) from error
            found += facts
        return found

    async def _spend(self, task: Task, setting: TaskContext) -> ExecutionResult:
        begun = time.perf_counter()
        given = task.dispatch.tool_call.parameters
        try:
            request = TransactionRequest(
                destination_wallet=str(given.get("wallet", "")),
                token_amount=str(given.get("token_amount", "")),
                purpose=str(given.get("purpose") or task.dispatch.context.goal),
                persona=task.dispatch.context.persona,
                campaign_id=task.campaign_id,
                category=ADS,
            )
        except ValidationError as error:
            raise Invalid(f"this is not a transaction request: {error.errors()[0]['msg']}") from error
        short = await self._short_of(task, request)
        if short is not None:
            return _asked(task, request, f"Did not ask the CFO: {short}", granted=False, begun=begun)
        order = SpendOrder(
            tenant_id=task.tenant_id,
            agent_id=task.agent_id,
            campaign_id=task.campaign_id,
            task_id=task.task_id,
            idempotency_key=f"task-{task.task_id}",
            request=request,
        )
        answer = (await self._cfo.authorise(order)).answer
        if isinstance(answer, PolicyViolation):
            return _asked(task, request, f"The CFO refused it: {answer.details}", granted=False, begun=begun)
        return _asked(task, request, "The CFO authorised it", granted=True, begun=begun)


def _asked(task: Task, request: TransactionRequest, outcome: str, *, granted: bool, begun: float) -> ExecutionResult:
    """The result of a wish to spend, which is made of rules alone."""
    return ExecutionResult(
        execution_id=task.dispatch.execution_id,
        status="completed" if granted else "refused",
        reasoning_trace=[f"Wanted {request.token_amount}: {request.purpose}", outcome],
        artifact=Artifact(type="transaction", content=f"{request.purpose}: {request.token_amount}"),
        metadata=ResultMetadata(
            compute_duration_ms=round((time.perf_counter() - begun) * 1_000),
            model_used="rules",
            logic_notes="A spend is decided by rules: the wallet, the budgets in force and the campaign's brief.",
        ),
        self_assessment_score=1.0 if granted else 0.0,
    )


def _room(platform: Platform, policy: Policy) -> int | None:
    """What a post may hold, once the disclosure has its place."""
    if platform.max_length is None or platform.ai_label is not None:
        return platform.max_length
    return max(1, platform.max_length - publishing.room_for(policy.disclosure))


def _honest(posts: Sequence[str], mention: str, platform: Platform, policy: Policy) -> list[str]:
    """The posts with what has to be said whatever the model wrote: the admission, the disclosure."""
    said = list(posts)
    if honesty.asked(mention):
        said[0] = honesty.answered(said[0], policy.admission)
        room = _room(platform, policy)
        if room is not None and weighted_length(said[0]) > room:
            said[0] = policy.admission
    return said if platform.ai_label is not None else publishing.disclosed(said, policy.disclosure)


def _prompt(task: Task, setting: TaskContext, heard: DraftInputs, room: int | None) -> RenderedPrompt:
    dispatch = task.dispatch
    given = dispatch.tool_call.parameters
    inputs: dict[str, JsonValue] = {
        "persona": voice(setting),
        "goal": dispatch.context.goal,
        "topic": heard.topic,
        "ordinal": given.get("ordinal", 1),
        "action": dispatch.tool_call.action,
        "length": _length(given.get("length"), dispatch.tool_call.action),
        "facts": [fact.model_dump() for fact in heard.facts],
        "memories": list(heard.memories),
        "earlier": list(heard.earlier),
        "constraints": dispatch.constraints.model_dump(mode="json"),
        "avoid": list(texts(given.get("avoid"))),
        "character_limit": room,
        "boundaries": list(setting.policy.boundaries),
    }
    if heard.mention:
        inputs["mention"] = heard.mention
    if dispatch.prompt is not None:
        inputs["variables"] = dict(dispatch.prompt.variables)
    return prompts.render(dispatch.prompt.name if dispatch.prompt else "write", inputs)


def _result(
    task: Task,
    rendered: RenderedPrompt,
    answer: ModelAnswer[Draft],
    artifact: Artifact,
    heard: DraftInputs,
    begun: float,
) -> ExecutionResult:
    draft = answer.output
    trace = [f"Read {len(heard.tool_log)} source(s) and recalled {len(heard.memories)} memories"]
    trace += [f"Used {len(draft.sources)} fact(s): {', '.join(draft.sources)}"] if draft.sources else ["Used no facts"]
    return ExecutionResult(
        execution_id=task.dispatch.execution_id,
        status="completed",
        reasoning_trace=[*trace, *([draft.notes] if draft.notes else [])],
        artifact=artifact,
        metadata=ResultMetadata(
            compute_duration_ms=round((time.perf_counter() - begun) * 1_000),
            model_used=answer.model_used,
            logic_notes=draft.notes,
            seeds=[str(answer.seed)],
            prompt=rendered,
            usage=answer.usage,
            tool_log=heard.tool_log,
            sources=draft.sources,
        ),
        self_assessment_score=draft.confidence / 100,
    )


def _artifact(action: str, posts: list[str]) -> Artifact:
    if action == "create_thread":
        return Artifact(type="thread", content=posts)
    kind: Literal["reply", "text"] = "reply" if action == "reply_tweet" else "text"
    return Artifact(type=kind, content=posts[0] if len(posts) == 1 else "\n\n".join(posts))


def _length(value: JsonValue | None, action: str) -> int:
    """How many posts: 3, or "3 tweets" as the seed writes it."""
    digits = "".join(character for character in str(value or "") if character.isdigit())[:3]
    return max(1, min(25, int(digits))) if digits and action == "create_thread" else 1


def _trimmed(item: JsonValue) -> JsonValue:
    if not isinstance(item, dict):
        return item
    return {name: str(item[name]) for name in ("id", "title", "summary", "link", "source") if item.get(name)}
