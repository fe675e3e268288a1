"""Effects of unknown outcome, put to a human."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chimera_protocol.wire import Wire


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
