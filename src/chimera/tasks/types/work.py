"""The work contracts: what is asked of a Worker, what it returns, what the Judge says of it (ORC-4..7)."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints, model_validator

from chimera.gateways.mcp.types import ToolRecord
from chimera.gateways.models.types import RenderedPrompt, Usage
from chimera.media.types import MediaItem
from chimera.values import Decision, ExecutionId, Keyword, Priority, ToolName
from chimera_protocol.wire import Name, Score, Sha256, Text, Wire

MAX_PARTS = 25
"""Posts in one thread."""


class DispatchContext(Wire):
    """Who speaks, under which version of the persona, and to what end."""

    persona: Name
    directives_source: Name = "SOUL.md"
    goal: Text
    soul_hash: Sha256 | None = Field(None, description="Filled from the persona when left out; a wrong one is a 409.")
    campaign_id: UUID | None = Field(None, description="The influencer's standing campaign when left out.")


class ToolCall(Wire):
    """The MCP tool that the piece is made for."""

    target_mcp: ToolName
    action: ToolName
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=64)


class Constraints(Wire):
    """What the Judge checks in code (JDG-1)."""

    max_word_count: int | None = Field(None, ge=1, le=100_000)
    prohibited_keywords: list[Keyword] = Field(default_factory=list, max_length=200)


class PromptTemplate(Wire):
    """The structured prompt of a task: a template by name and version, and its variables (ORC-5)."""

    name: Name
    version: int | None = Field(None, ge=1, le=10_000, description="The newest when left out.")
    variables: dict[str, JsonValue] = Field(default_factory=dict, max_length=64)


class TaskDispatch(Wire):
    """The seed's `task_dispatch`."""

    execution_id: ExecutionId
    context: DispatchContext
    tool_call: ToolCall
    constraints: Constraints = Constraints()
    prompt: PromptTemplate | None = None
    priority: Priority = Priority.MEDIUM
    worker: Literal["swarm", "external"] = Field(
        "swarm", description="Who makes it: the swarm, or an agent of your own that claims it (ORC-13)."
    )


class Artifact(Wire):
    """What was made. `content` is one text, or a list of texts for a thread."""

    type: Literal["text", "thread", "reply", "transaction"]
    content: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_PARTS)]
    media: list[MediaItem] = Field(default_factory=list, max_length=4)

    @property
    def parts(self) -> list[str]:
        """The texts in order; one for everything but a thread."""
        return [self.content] if isinstance(self.content, str) else self.content


class ResultMetadata(Wire):
    """How the artifact came about."""

    compute_duration_ms: int = Field(ge=0, le=86_400_000)
    model_used: Name
    logic_notes: Annotated[str, StringConstraints(max_length=20_000)] = ""
    seeds: list[str] = Field(default_factory=list, max_length=16)
    prompt: RenderedPrompt | None = None
    usage: Usage | None = None
    tool_log: list[ToolRecord] = Field(default_factory=list, max_length=200)
    sources: list[str] = Field(default_factory=list, max_length=50)


class JudgeEvaluation(Wire):
    """The Judge's word on a result; no Worker may write it (ORC-6)."""

    score: Score
    decision: Decision


class ExecutionResult(Wire):
    """The seed's `execution_result`."""

    execution_id: ExecutionId
    status: Literal["completed", "failed", "refused"]
    reasoning_trace: list[Annotated[str, StringConstraints(max_length=4_000)]] = Field(
        default_factory=list, max_length=200
    )
    artifact: Artifact | None = None
    metadata: ResultMetadata
    self_assessment_score: Score
    judge_evaluation: JudgeEvaluation | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.status == "completed" and self.artifact is None:
            raise ValueError("a completed result needs an artifact")
        return self


class Verdict(Wire):
    """A decision about one result, by the Judge or by a human: the same type (JDG-2, JDG-4)."""

    decision: Decision
    score: Score
    judged_by: str
    reasons: list[str] = Field(default_factory=list)
    topics: list[str] = Field(default_factory=list, description="Sensitive topics that were found (JDG-3).")
    regression_notes: str = Field("", description="How the piece compares with earlier ones (JDG-8).")
    usage: Usage | None = None


class Draft(Wire):
    """What a Worker's model returns for a piece of text."""

    posts: list[Text] = Field(min_length=1, max_length=MAX_PARTS, description="One text, or several for a thread.")
    sources: list[str] = Field(default_factory=list, max_length=50, description="Ids of the facts that were used.")
    notes: str = Field("", description="How the piece was made, in a sentence or two.")
    confidence: int = Field(ge=0, le=100, description="How sure the author is of its quality, in percent.")
