"""What the API tells about money: the ledger, spends, limits, wallets."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, PlainSerializer

from chimera.money.types.limits import Limit
from chimera_protocol.money import plain
from chimera_protocol.wire import Wire

Amount = Annotated[Decimal, PlainSerializer(plain, return_type=str), Field(description="Exact decimal.")]


class TransactionView(Wire):
    """A line of the ledger."""

    transaction_id: UUID
    asset_id: UUID | None
    agent_id: UUID | None
    campaign_id: UUID | None
    entry: str
    currency: str
    amount: Amount
    compute_tokens_used: int
    timestamp: datetime
    cfo_judge_verification: str
    memo: str


class SpendView(Wire):
    """A spend that was asked for, and the CFO Judge's answer."""

    reservation_id: UUID
    task_id: UUID | None
    campaign_id: UUID | None
    status: str
    request: dict[str, JsonValue]
    answer: dict[str, JsonValue]
    doubt: str | None = Field(description="Why nobody knows what became of it; an operator has to find out.")
    created_at: datetime


class Payer(Wire):
    """Who a spend is charged to; nobody in particular means the tenant."""

    agent_id: UUID | None = None
    campaign_id: UUID | None = None


class LimitView(Wire):
    """A limit and what is used of it in its present span."""

    budget_id: UUID
    scope: str
    scope_key: str
    span: str
    currency: str
    limit_amount: Amount
    reserved: Amount
    spent: Amount


class PolicyChange(Wire):
    """A policy that is in force, and the changes of limits that wait for a second operator."""

    policy_hash: str
    limits_waiting: list[UUID] = []


class LimitChangeView(Wire):
    """Limits that loosen something and wait for a second operator, or have been decided about."""

    change_id: UUID
    scope: str
    scope_key: str
    limits: list[Limit]
    status: str
    proposed_by: str
    decided_by: str | None
    proposed_at: datetime
    decided_at: datetime | None


class FlagView(Wire):
    """A spend that looked suspicious, and what a human decided about it."""

    flag_id: UUID
    reservation_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    payee: str
    currency: str
    amount: Amount
    purpose: str
    reasons: list[str]
    disputed: bool = Field(description="It is about a bill above what was authorised: accepting lets nothing through.")
    status: str
    decided_by: str | None
    created_at: datetime
    decided_at: datetime | None


class WalletView(Wire):
    """An influencer's wallet, as its chain tells it."""

    agent_id: UUID
    persona: str
    address: str
    balances: dict[str, str] = Field(description="Exact decimals by currency.")
