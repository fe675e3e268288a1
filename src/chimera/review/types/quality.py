"""How well the Judge judges: its scores against what humans said, and the audits of what it approved alone (JDG-7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from chimera.personas.types.policy import ScoreBounds
from chimera_protocol.wire import Score, Wire

AuditStatus = Literal["waiting", "agreed", "disagreed"]


@dataclass(frozen=True)
class LabelledScore:
    """So many pieces with this score of which humans said the same. `sampled`: the Judge had approved them alone."""

    score: float
    good: bool
    count: int = 1
    sampled: bool = False


class Share(Wire):
    """A part of a whole, and the 95 % interval by Wilson; without a whole nothing is known, and it is 0 to 1."""

    part: int = Field(ge=0)
    whole: int = Field(ge=0)
    share: Score | None
    low: Score
    high: Score


class ScoreBin(Wire):
    """The pieces with a score from `low` up to `high`: the share that humans found good, against the mean score."""

    low: Score
    high: Score
    mean_score: Score | None
    good: Share


class Calibration(Wire):
    """The Judge's scores against human verdicts.

    Humans see everything that the Judge held, a sample of what it approved, and nothing of what it rejected: scores of
    the middle weigh too much, `false_approvals` come out too low, and `false_rejections` say little. `audits` alone
    hold for everything that the Judge approves by itself, as long as none of them is left undecided.
    """

    agent_id: UUID | None = None
    days: int | None = None
    bounds: ScoreBounds
    bins: list[ScoreBin]
    good: Share = Field(description="Found good by humans: approved as it was, or agreed with.")
    mean_score: Score | None
    brier: Score | None = Field(description="Mean squared distance of score and verdict; 0 is perfect.")
    expected_error: Score | None = Field(description="Expected calibration error over the bins; 0 is perfect.")
    false_approvals: Share = Field(description="Of what humans did not find good: scored at `bounds.approve` or above.")
    false_rejections: Share = Field(description="Of what humans found good: scored below `bounds.review`.")
    audits: Share = Field(description="Of the audited pieces that the Judge approved by itself: found good.")


class SampleAudit(Wire):
    """A piece that the Judge approved by itself and that was drawn for a human to look at."""

    audit_id: UUID
    task_id: UUID
    asset_id: UUID
    agent_id: UUID
    persona: str
    campaign_id: UUID
    campaign: str
    goal: str
    parts: list[str]
    score: Score
    judged_by: str
    reasons: list[str]
    url: str | None = Field(description="Where it is published, once it is.")
    status: AuditStatus
    decided_by: str | None
    note: str | None
    decided_at: datetime | None
    created_at: datetime
