"""The money contracts: the seed's `financial_authorization`, all three shapes (FIN-1), and what follows from it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, TypeAdapter

from chimera_protocol.money import AmountText, Money, plain
from chimera_protocol.wire import Name, Text, Wire

Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Wallet = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]

ADS = "ads"
COMPUTE = "compute"
FEES = "fees"
ROUTINE = frozenset({COMPUTE, FEES})
"""Categories that are many and small: limits hold them, nobody is told of each."""


class TransactionRequest(Wire):
    """A wish to spend. The wallet is an opaque reference here; moving money validates it.

    `valid_for_seconds` is how long the reservation is kept; it expires when it was not settled by then.
    """

    destination_wallet: Wallet
    token_amount: AmountText
    purpose: Text
    persona: Name | None = None
    campaign_id: UUID | None = None
    category: Category = "general"
    valid_for_seconds: int = Field(86_400, ge=1, le=30 * 86_400)

    @cached_property
    def money(self) -> Money:
        """The amount, exact."""
        return Money.parse(self.token_amount)


class Authorization(Wire):
    """The seed's `cfo_judge_response`: the money is reserved."""

    status: Literal["authorized"] = "authorized"
    budget_verification_hash: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    timestamp: datetime


class PolicyViolation(Wire):
    """The seed's `policy_violation`, with the figures as fields besides, and what looked suspicious."""

    status: Literal[403] = 403
    error: str
    details: str
    requested: str | None = None
    limit: str | None = None
    spent: str | None = None
    reserved: str | None = None
    window: str | None = None
    anomalies: list[str] | None = None


CfoAnswer = Authorization | PolicyViolation

ANSWER: TypeAdapter[CfoAnswer] = TypeAdapter(CfoAnswer)
"""Reads an answer that was kept."""


class Decided(Wire):
    """The CFO Judge's answer with the reservation that it was written down under."""

    reservation_id: UUID
    answer: CfoAnswer

    @property
    def granted(self) -> bool:
        """Whether the money is reserved."""
        return isinstance(self.answer, Authorization)


class SpendOutcome(StrEnum):
    """How a pending transfer ends."""

    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class Settlement(Wire):
    """What really was spent of an authorisation. Without an amount it is all of it."""

    amount: AmountText | None = None
    reference: Annotated[str, StringConstraints(max_length=256)] = ""


class Closing(Wire):
    """The end of one pending transfer. `paid` may be finer than the currency's decimals: it is metered."""

    reservation_id: UUID
    actor: str = "cfo"
    outcome: SpendOutcome
    paid: Decimal | None = None
    source: Annotated[str, StringConstraints(max_length=200)] = ""
    asset_id: UUID | None = None
    compute_tokens: int = Field(0, ge=0)
    reference: Annotated[str, StringConstraints(max_length=256)] = ""


def metered(amount: Decimal, currency: str) -> str:
    """An amount in words, as fine as it was metered."""
    return f"{plain(amount)} {currency}"
