"""Small stand-ins for the ports of the swarm: they remember what they were told, and answer as given."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from pydantic import BaseModel, JsonValue

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.gateways.mcp.types import Disclosure, Platform, Precondition, ReadBack, ToolRecord, ToolResult
from chimera.gateways.models.types import ModelAnswer, RenderedPrompt, Usage
from chimera.ids import new_id
from chimera.personas.types.persona import Persona, Soul
from chimera.personas.types.policy import Policy
from chimera.provenance.rules.hashes import content_hash
from chimera.publishing.types import Effect, Receipt
from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.tasks.types.messages import CommitResult, Lease, NewTask, Task
from chimera.tasks.types.work import Artifact, ExecutionResult, ResultMetadata, TaskDispatch
from chimera.values import EffectStatus, Role, Stage, TaskKind, TaskStatus
from chimera_protocol.errors import NotFound
from chimera_protocol.statements import canonical_hash

SOUL_HASH = "5" * 64
MARK = "7" * 64
"""The CFO's mark on what `FakeModel` costs."""
WALLET = "0xABCDEF1234567890"
TWITTER = Platform(
    max_length=280,
    ai_label="ai_label",
    read_back=ReadBack(tool="find_by_idempotency_key"),
    read_post="read_post",
    thread_part="reply_tweet",
)
READS = {("news-mcp", "list_items"), *(("twitter-mcp", name) for name in ("find_by_idempotency_key", "read_post"))}
ACTS = {("twitter-mcp", name) for name in ("post_tweet", "create_thread", "reply_tweet", "promote_tweet")}


def make_task(action: str = "post_tweet", **changes: Any) -> Task:
    """A claimed task; `parameters` and `constraints` reach its dispatch."""
    task_id = changes.pop("task_id", None) or new_id()
    dispatch = TaskDispatch.model_validate(
        {
            "execution_id": "run-1",
            "context": {"persona": "Nora", "goal": "Write about old light"},
            "tool_call": {
                "target_mcp": "twitter-mcp",
                "action": action,
                "parameters": changes.pop("parameters", {"topic": "old light"}),
            },
            "constraints": changes.pop("constraints", {}),
            "prompt": changes.pop("prompt", None),
        }
    )
    given: dict[str, Any] = {
        "tenant_id": new_id(),
        "agent_id": new_id(),
        "campaign_id": new_id(),
        "parent_id": None,
        "kind": TaskKind.SPEND if action == "promote_tweet" else TaskKind.CREATE,
        "attempt": 1,
        "tries": 1,
        "revision": 0,
        "state_version": 3,
        "soul_hash": SOUL_HASH,
        "policy_hash": "6" * 64,
    }
    return Task(task_id=task_id, dispatch=dispatch, **{**given, **changes})


def make_setting(**policy: Any) -> TaskContext:
    """A persona, a policy and a brief that offers one promotion."""
    soul = Soul(id="Nora", name="Nora", account="nora", voice_traits=["calm"], directives=["Be kind."])
    brief = Brief.model_validate(
        {
            "persona": "Nora",
            "name": "Look up",
            "goal": "Get people to look up",
            "strategy": ["Old light makes large numbers feel near."],
            "deliverables": [{"topics": ["old light"]}],
            "promotions": [{"token_amount": "50 USDC", "purpose": "reach", "wallet": WALLET}],
            "sources": [{"feed": "night-sky"}],
            "budget": [{"span": "total", "amount": "300 USDC"}],
        }
    )
    persona = Persona(soul=soul, body="I am an AI.", soul_hash=SOUL_HASH)
    return TaskContext(persona=persona, policy=Policy.model_validate(policy), brief=brief)


def make_result(task: Task, content: str | list[str] | None = "Old light is old.", **changes: Any) -> ExecutionResult:
    """What a Worker returned for a task."""
    kind = "thread" if isinstance(content, list) else "text"
    return ExecutionResult(
        execution_id=task.dispatch.execution_id,
        status=changes.pop("status", "completed"),
        reasoning_trace=changes.pop("trace", []),
        artifact=Artifact(type=kind, content=content) if content is not None else None,
        metadata=ResultMetadata(compute_duration_ms=1, model_used="composer", **changes),
        self_assessment_score=0.9,
    )


def make_piece(task: Task | None = None, result: ExecutionResult | None = None, **changes: Any) -> PendingReview:
    """A result in the Judge's hands."""
    task = task or make_task()
    result = result or make_result(task)
    hashed = content_hash(result.artifact.parts) if result.artifact else None
    given: dict[str, Any] = {"human": None, "spend": None, "reservation_id": None, "content_hash": hashed}
    return PendingReview(task=task, result=result, **{**given, **changes})


def make_effect(**changes: Any) -> Effect:
    """A claimed effect, marked as executing."""
    given: dict[str, Any] = {
        "effect_id": new_id(),
        "tenant_id": new_id(),
        "agent_id": new_id(),
        "campaign_id": new_id(),
        "task_id": new_id(),
        "attempt": 1,
        "tries": 1,
        "status": EffectStatus.EXECUTING,
        "asset_id": new_id(),
        "reservation_id": None,
        "server": "twitter-mcp",
        "tool": "post_tweet",
        "arguments": {"account": "nora", "text": "Old light is old.", "ai_label": True},
        "idempotency_key": "chm-1",
        "disclosure": Disclosure.LABEL,
        "created_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
    }
    return Effect(**{**given, **changes})


def make_lease(id: UUID | None = None) -> Lease:
    return Lease(id=id or new_id(), stream="s", entry="1-0", redelivered=False)


@dataclass
class FakeWork:
    """`Tasks`, `Plans` and `Reviews`: keeps what was written, hands out what a test has put into it."""

    setting_: TaskContext = field(default_factory=make_setting)
    rejected_: RevisionRequest | None = None
    taken_over: bool = False
    submitted: list[ExecutionResult] = field(default_factory=list)
    judgements: list[CommitCommand] = field(default_factory=list)
    planned: list[NewPlan] = field(default_factory=list)
    replaced: list[NewTask] = field(default_factory=list)
    buried: list[tuple[TaskStatus, str]] = field(default_factory=list)
    replanned: list[str] = field(default_factory=list)
    alike: list[Lookalike] = field(default_factory=list)
    postponed: list[tuple[str, datetime]] = field(default_factory=list)

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        return [make_task(task_id=lease.id) for lease in leases]

    async def claim_reviews(self, leases: Sequence[Lease], process_id: UUID) -> list[PendingReview]:
        return [make_piece(make_task(task_id=lease.id)) for lease in leases]

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> CommitResult:
        self.submitted.append(result)
        return self._committed(task, TaskStatus.IN_REVIEW)

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        self.judgements.append(judgement)
        return self._committed(judgement.task, TaskStatus.COMPLETED)

    def _committed(self, task: Task, status: TaskStatus) -> CommitResult:
        return CommitResult(task_id=task.task_id, status=None if self.taken_over else status)

    async def postpone(self, task: Task, cause: str, due_at: datetime) -> None:
        self.postponed.append((cause, due_at))

    async def dead_letter(self, task: Task, status: TaskStatus, cause: str) -> None:
        self.buried.append((status, cause))

    async def replan(self, task: Task, cause: str) -> None:
        self.replanned.append(cause)

    async def context(self, task: Task) -> TaskContext:
        return self.setting_

    async def lookalikes(self, task: Task, minhash: Sequence[int]) -> list[Lookalike]:
        return self.alike

    async def earlier(self, task: Task, limit: int) -> list[str]:
        return ["An earlier piece."][:limit]

    async def store_plan(self, task: Task, planned: NewPlan) -> None:
        self.planned.append(planned)

    async def revision_request(self, task: Task) -> RevisionRequest:
        if self.rejected_ is None:
            raise NotFound("it revises nothing")
        return self.rejected_

    async def replace_task(self, task: Task, old: Task, new: NewTask) -> None:
        self.replaced.append(new)


@dataclass
class FakeModel:
    """`ports.PaidModel`: gives the same answer every time, or fails every time."""

    output: BaseModel | None = None
    error: Exception | None = None
    prompts: list[tuple[Role, RenderedPrompt, int]] = field(default_factory=list)

    async def ask(
        self, task: Task, role: Role, prompt: RenderedPrompt, output: type[Any], *, seed: int
    ) -> ModelAnswer[Any]:
        self.prompts.append((role, prompt, seed))
        if self.error is not None:
            raise self.error
        assert isinstance(self.output, output)
        usage = Usage(input_tokens=100, output_tokens=20, budget_verification_hash=MARK)
        return ModelAnswer[output](output=self.output, model_used="fake", seed=seed, usage=usage, duration_ms=1)


@dataclass
class FakeTools:
    """`ports.Tools` with the allow-list of the bundled servers."""

    data: dict[str, JsonValue] = field(default_factory=dict)
    error: Exception | None = None
    answers: list[dict[str, JsonValue] | Exception] = field(default_factory=list)
    """What the next calls bring, before `data` does."""
    other: Platform = field(default_factory=Platform)
    calls: list[tuple[str, str, Mapping[str, JsonValue]]] = field(default_factory=list)

    def knows(self, server: str, tool: str) -> bool:
        return (server, tool) in READS | ACTS

    def effectful(self, server: str, tool: str) -> bool:
        return (server, tool) in ACTS

    def platform(self, server: str) -> Platform:
        return TWITTER if server == "twitter-mcp" else self.other

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        if last_look is not None:
            await last_look()
        self.calls.append((server, tool, arguments))
        if self.error is not None:
            raise self.error
        data = self.answers.pop(0) if self.answers else self.data
        if isinstance(data, Exception):
            raise data
        hashed = canonical_hash(arguments)
        record = ToolRecord(server=server, tool=tool, arguments_hash=hashed, duration_ms=1, outcome="ok")
        return ToolResult(data=data, record=record)


@dataclass
class FakeEffects:
    """`ports.Effects`: a list of what became of effects."""

    happened: list[tuple[str, str]] = field(default_factory=list)
    due: list[datetime] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    asked_until: list[datetime | None] = field(default_factory=list)
    objection: Exception | None = None
    looked: int = 0

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        return [make_effect(effect_id=lease.id) for lease in leases]

    async def clear(self, effect: Effect) -> None:
        self.looked += 1
        if self.objection is not None:
            raise self.objection

    async def ask(self, effect: Effect, question: str, due_at: datetime | None) -> None:
        self.happened.append(("ask", question))
        self.asked_until.append(due_at)

    async def finish(self, effect: Effect, receipt: Receipt) -> None:
        self.happened.append(("finish", receipt.url))
        self.receipts.append(receipt)

    async def mark_unknown(self, effect: Effect, cause: str, due_at: datetime) -> None:
        self.happened.append(("doubt", cause))
        self.due.append(due_at)

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        self.happened.append(("retry", cause))
        self.due.append(due_at)

    async def fail(self, effect: Effect, cause: str) -> None:
        self.happened.append(("fail", cause))


class FakeMemory:
    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        return [f"I once wrote about {about}."]


class FakePulse:
    async def thinking(self, task: Task, role: Role) -> None:
        return


class FakeSigner:
    def sign(self, payload: bytes) -> str:
        return f"signed:{len(payload)}"


def soon() -> datetime:
    """A time to try again."""
    return datetime.now(UTC) + timedelta(seconds=1)


def told(model: FakeModel) -> dict[str, Any]:
    """The input that the first prompt put before the model."""
    found: dict[str, Any] = json.loads(model.prompts[0][1].text.split("```json\n")[1].removesuffix("\n```"))
    return found


async def until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Give way to others until something holds."""
    async with asyncio.timeout(seconds):
        for _ in count():
            if holds():
                return
            await asyncio.sleep(0)
