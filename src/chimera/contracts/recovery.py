"""What is shown when something went wrong: health, questions that only a human can answer, dead letters."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from chimera.contracts.values import Stage, Wire


class BacklogView(Wire):
    """What waits in a stage, and for how many seconds the oldest of it has been due."""

    stage: Stage
    waiting: int
    oldest_seconds: float


class BreakerView(Wire):
    """An MCP server that is not called for a while, because it failed again and again."""

    server: str
    failures: int


class Health(Wire):
    """Whether the fleet works, and if not, why (OPS-3)."""

    healthy: bool
    problems: list[str]
    roles: dict[str, int]
    backlog: list[BacklogView]
    breakers: list[BreakerView] = []


class QuestionView(Wire):
    """Something that may or may not be out there, and that only a human can find out."""

    effect_id: UUID
    task_id: UUID
    agent_id: UUID
    persona: str
    campaign: str
    server: str
    tool: str
    account: str
    parts: list[str]
    idempotency_key: str
    question: str
    asked_at: datetime


class Answered(StrEnum):
    """What a human says of an effect that nobody else can find out about."""

    IT_HAPPENED = "it_happened"
    TRY_AGAIN = "try_again"
    GIVE_UP = "give_up"
    LOOK_AGAIN = "look_again"


class DeadLetterView(Wire):
    """A task that was given up, why, and what can be done about it."""

    task_id: UUID
    execution_id: str
    agent_id: UUID
    persona: str
    campaign_id: UUID
    campaign: str
    goal: str
    cause: str
    attempt: int
    replays: int
    lives_left: int
    replayable_at: datetime | None = Field(description="None when it has had all its lives.")
    buried_at: datetime
