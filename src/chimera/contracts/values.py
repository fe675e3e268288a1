"""Small values that every floor shares: states, roles, money, bounds."""

import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_serializer, field_validator

MAX_TEXT = 20_000
"""Longest free text that the API takes, in characters."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
Score = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Wire(BaseModel):
    """Base of every type that crosses a boundary: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class TaskStatus(StrEnum):
    """Where a task is in its life (ORC-12); `domain.lifecycle` says which may follow which."""

    PENDING = "pending"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    STALE = "stale"
    CANCELLED = "cancelled"
    DEAD_LETTER = "dead_letter"


class EffectStatus(StrEnum):
    """Where an outside effect is (PUB-2)."""

    AUTHORISED = "authorised"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"


class CampaignStatus(StrEnum):
    """Where a campaign is."""

    DRAFT = "draft"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """The four queues; each is served by the role of the same trade."""

    PLAN = "plan"
    WORK = "work"
    JUDGE = "judge"
    PUBLISH = "publish"


class Role(StrEnum):
    """The roles of the swarm (ORC-1). The CFO decides inside the process that asks it."""

    PLANNER = "planner"
    WORKER = "worker"
    JUDGE = "judge"
    PUBLISHER = "publisher"


class KeyRole(StrEnum):
    """What the holder of an API key may do (OPS-5)."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    DEVELOPER = "developer"
    AUDITOR = "auditor"
    AGENT = "agent"


class Priority(StrEnum):
    """How urgent a task is (ORC-10)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class TaskKind(StrEnum):
    """What a task is for: planning and revising are the Planner's, the rest a Worker's."""

    PLAN = "plan"
    REVISE = "revise"
    CREATE = "create"
    SPEND = "spend"


class Decision(StrEnum):
    """What a judge, or a human in its place, decides about a result (JDG-2)."""

    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"


class HaltScope(StrEnum):
    """How much of the fleet a halt stops."""

    FLEET = "fleet"
    TENANT = "tenant"
    INFLUENCER = "influencer"
    CAMPAIGN = "campaign"
    TOOL = "tool"


EXPONENTS = {"USDC": 6, "ETH": 18, "USD": 2, "EUR": 2, "COMPUTE": 0}
"""Known currencies and their decimal places; COMPUTE counts model tokens (FIN-4)."""

_MONEY = re.compile(r"^([0-9]{1,20}(?:\.[0-9]{1,18})?) ([A-Z]{2,8})$")


class Money(Wire):
    """An exact amount in one currency; never converted by itself (FIN-2, FIN-3)."""

    amount: Decimal
    currency: str

    @field_validator("amount", mode="before")
    @classmethod
    def _exact(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError("money is an exact decimal in a string, never a float")
        return value

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise ValueError(f"unknown currency {value!r}; known: {', '.join(EXPONENTS)}")
        return value

    @field_serializer("amount")
    def _plain(self, value: Decimal) -> str:
        return plain(value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "50 USDC"; ValueError for anything else, too many decimals, or an amount of zero."""
        match = _MONEY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:64]!r} is not an amount; write it like '50 USDC'")
        try:
            money = cls(amount=Decimal(match[1]), currency=match[2])
        except InvalidOperation as error:
            raise ValueError(f"{text[:64]!r} is not a decimal number") from error
        places = EXPONENTS[money.currency]
        _, _, fraction = match[1].partition(".")
        if len(fraction.rstrip("0")) > places:
            raise ValueError(f"{money.currency} has at most {places} decimal places")
        if money.amount <= 0:
            raise ValueError("an amount must be greater than zero")
        return money

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}"


def _is_amount(text: str) -> str:
    Money.parse(text)
    return text


AmountText = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_amount)]
"""Money in words, like "50 USDC"; what cannot be parsed is refused where it enters."""


def plain(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros: 50, 0.5."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
