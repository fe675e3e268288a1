"""What the Judge's model returns."""

from pydantic import Field

from chimera_protocol.wire import Wire


class Opinion(Wire):
    """What the Judge's model returns; the decision itself is made in code."""

    score: int = Field(ge=0, le=100, description="Fitness against the campaign's strategy, in percent.")
    reasons: list[str] = Field(min_length=1, max_length=20)
    topics: list[str] = Field(default_factory=list, description="Sensitive topics the text touches.")
    regression_notes: str = ""
