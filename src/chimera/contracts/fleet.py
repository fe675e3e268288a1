"""What people write and the fleet obeys: the persona, the fleet policy, the campaign brief."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from chimera.contracts.money.finance import Category, Wallet
from chimera.contracts.money.limits import AnomalyRules, Limit
from chimera.contracts.values import AmountText, Name, Priority, Score, Text, Wire
from chimera.contracts.work import Constraints, Keyword, ToolName

Line = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
Handle = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,30}$")]


class Source(Wire):
    """Where an influencer reads: a feed of a news server."""

    server: ToolName = "news-mcp"
    feed: Name


class Soul(Wire):
    """The front matter of a SOUL.md (SOUL-1); fields of your own are kept and hashed with the rest."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    id: Name
    name: Name
    account: Handle
    voice_traits: list[Line] = Field(min_length=1, max_length=50)
    directives: list[Line] = Field(min_length=1, max_length=50)
    hashtags: list[Line] = Field(default_factory=list, max_length=20)
    sources: list[Source] = Field(default_factory=list, max_length=20)
    character_reference_id: Name | None = None


class Persona(Wire):
    """One version of a persona: who it is, its story, and the hash that names this version."""

    soul: Soul
    body: str
    soul_hash: str


class Bounds(Wire):
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
    bounds: Bounds = Bounds()
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
