"""The brief: a campaign as its operator writes it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from chimera.money.types.authorization import Wallet
from chimera.money.types.limits import Limit
from chimera.personas.types.persona import Line, Source
from chimera.tasks.types.work import Constraints
from chimera.values import Priority, ToolName
from chimera_protocol.money import AmountText
from chimera_protocol.wire import Name, Text, Wire


class Deliverable(Wire):
    """So many pieces of one kind."""

    server: ToolName = "twitter-mcp"
    action: Literal["post_tweet", "create_thread"] = "post_tweet"
    count: int = Field(1, ge=1, le=50)
    topics: list[Line] = Field(min_length=1, max_length=50)
    length: int = Field(1, ge=1, le=25, description="Posts in a thread.")
    media: Literal["none", "image", "clip"] = Field("none", description="What each post is shown with.")
    priority: Priority = Field(Priority.MEDIUM, description="A high one is a milestone: better media, if they fit.")

    @model_validator(mode="after")
    def _one_post(self) -> Self:
        if self.media != "none" and self.action != "post_tweet":
            raise ValueError("media come with single posts: use post_tweet")
        return self


class Promotion(Wire):
    """A wish to buy reach for one of the pieces."""

    server: ToolName = "twitter-mcp"
    token_amount: AmountText
    purpose: Line
    wallet: Wallet


class Brief(Wire):
    """A campaign as its operator writes it."""

    persona: Name
    name: Name
    goal: Text
    strategy: list[Line] = Field(min_length=1, max_length=50)
    constraints: Constraints = Constraints()
    deliverables: list[Deliverable] = Field(default_factory=list, max_length=20)
    promotions: list[Promotion] = Field(default_factory=list, max_length=10)
    sources: list[Source] = Field(default_factory=list, max_length=20)
    budget: list[Limit] = Field(min_length=1, max_length=10)
    autostart: bool = False
