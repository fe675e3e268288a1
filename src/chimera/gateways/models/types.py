"""A model as the roles see it: rendered prompts in, typed answers and their usage out."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Generic, Protocol, TypeVar

from pydantic import BaseModel, Field, StringConstraints, field_validator

from chimera.values import Role
from chimera_protocol.money import Money
from chimera_protocol.wire import Sha256, Wire

COMPOSER = "composer"
"""The name of the deterministic model that needs neither key nor network."""

_OVERHEAD_TOKENS = 4_000
"""What the schema of the answer and the provider's own framing take, at most."""

Out = TypeVar("Out", bound=BaseModel)


class Usage(Wire):
    """What a model call consumed; `cost` is absent when no price is known."""

    input_tokens: int = Field(0, ge=0, le=1_000_000_000)
    output_tokens: int = Field(0, ge=0, le=1_000_000_000)
    cost: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})? (USD|EUR|USDC|ETH)$")] | None = Field(
        None, description="Exact amount with currency, like '0.0021 USD'; never zero."
    )
    budget_verification_hash: Sha256 | None = Field(None, description="The CFO's authorisation that it was paid under.")

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input_tokens + self.output_tokens

    @field_validator("cost")
    @classmethod
    def _spent(cls, value: str | None) -> str | None:
        if value is not None and not value.split(" ")[0].strip("0."):
            raise ValueError("a cost of zero is no cost: leave it out")
        return value


class ModelAnswer(Wire, Generic[Out]):
    """A model's typed answer and what it took."""

    output: Out
    model_used: str
    seed: int
    usage: Usage
    duration_ms: int
    unbilled: bool = False
    """Whether a model of our own answered, whose tokens are counted and nobody sends a bill for."""


class RenderedPrompt(Wire):
    """The prompt as the model saw it, so that a piece can be traced to it (PRV-3)."""

    name: str
    version: int
    sha256: Sha256
    text: str


@dataclass(frozen=True)
class ModelBounds:
    """What one ask may take at most."""

    max_output_tokens: int = 4_000
    requests: int = 2
    """2 leaves one for mending an answer that did not fit."""

    def read(self, prompt: RenderedPrompt) -> int:
        """The most tokens that a request reads."""
        # No tokenizer makes more tokens than there are bytes; a second request also reads the first one's answer.
        return len(prompt.text.encode()) + _OVERHEAD_TOKENS + (self.requests - 1) * self.max_output_tokens

    def compute(self, prompt: RenderedPrompt) -> Money:
        """The most tokens that all requests read and write, for models that nobody bills."""
        amount = Decimal((self.read(prompt) + self.max_output_tokens) * self.requests)
        return Money(amount=amount, currency="COMPUTE")


class Model(Protocol):
    """A language model, or the fallback chain of several, for one role."""

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        """The most that one ask can cost, by currency. Invalid where a price is not known: unknown is not free."""
        ...

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> ModelAnswer[Out]:
        """Put a prompt and get a typed answer. ModelFailed when there is none to be had."""
        ...
