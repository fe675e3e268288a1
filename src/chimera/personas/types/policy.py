"""The fleet policy (SOUL-3)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from chimera.money.types.authorization import Category, Wallet
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.personas.types.persona import Line
from chimera.values import Keyword
from chimera_protocol.wire import Name, Score, Wire


class ScoreBounds(Wire):
    """Where the Judge's score approves, holds for a human, or rejects (JDG-2); `approve` is inclusive."""

    approve: Score = 0.90
    review: Score = 0.70

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.review > self.approve:
            raise ValueError("bounds.review must not be above bounds.approve")
        return self


class Policy(Wire):
    """The fleet policy (SOUL-3): what holds for every influencer of a tenant, whatever its persona says."""

    boundaries: list[Line] = Field(default_factory=list, max_length=100)
    forbidden_keywords: list[Keyword] = Field(default_factory=list, max_length=500)
    sensitive_topics: dict[Name, list[Keyword]] = Field(default_factory=dict, max_length=50)
    bounds: ScoreBounds = ScoreBounds()
    disclosure: Line = "AI-made"
    admission: Line = Field("I am an AI.", description="What a reply begins with when it was asked.")
    near_duplicate: Score = Field(0.7, description="The share of word triples from which two pieces are the same.")
    max_revisions: int = Field(2, ge=0, le=10)
    review_within_minutes: int = Field(240, ge=1, le=10_080, description="Then a waiting approval is escalated.")
    four_eyes: list[Literal["money", "topics"]] = Field(
        default_factory=list, max_length=2, description="What a second reviewer has to approve too."
    )
    audit_percent: int = Field(
        5, ge=0, le=100, description="Of what the Judge approves by itself: how much a human looks at afterwards."
    )
    limits: list[Limit] = Field(default_factory=list, max_length=20)
    category_limits: dict[Category, list[Limit]] = Field(default_factory=dict, max_length=50)
    payee_limits: dict[Wallet, list[Limit]] = Field(default_factory=dict, max_length=500)
    anomalies: AnomalyRules = AnomalyRules()
