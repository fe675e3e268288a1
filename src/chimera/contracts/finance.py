"""The money contracts: the seed's `financial_authorization`, all three shapes (FIN-1)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints, field_validator

from chimera.contracts.values import Money, Name, Text, Wire


class TransactionRequest(Wire):
    """A wish to spend. The wallet is an opaque reference here; moving money validates it."""

    destination_wallet: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
    token_amount: Annotated[str, StringConstraints(max_length=64)]
    purpose: Text
    persona: Name | None = None
    campaign_id: UUID | None = None

    @field_validator("token_amount")
    @classmethod
    def _parses(cls, value: str) -> str:
        Money.parse(value)
        return value

    @property
    def money(self) -> Money:
        """The amount, exact."""
        return Money.parse(self.token_amount)


class Authorization(Wire):
    """The seed's `cfo_judge_response`: the money is reserved."""

    status: Literal["authorized"] = "authorized"
    budget_verification_hash: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    timestamp: datetime


class PolicyViolation(Wire):
    """The seed's `policy_violation`, with the figures as fields besides."""

    status: Literal[403] = 403
    error: str
    details: str
    requested: str | None = None
    limit: str | None = None
    spent: str | None = None
    reserved: str | None = None
    window: str | None = None


CfoAnswer = Authorization | PolicyViolation
