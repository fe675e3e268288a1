"""Which accounts a movement of money touches: double entry, so that every transaction sums to zero (FIN-3)."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from chimera.money.types.authorization import SpendOutcome
from chimera_protocol.wire import Wire


class Kind(StrEnum):
    """The five kinds of accounts; debits raise the first and the last, credits the others."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


class LedgerAccount(Wire):
    """An account and what it is about. `code` names it within its tenant."""

    code: str
    kind: Kind
    agent_id: UUID | None = None
    campaign_id: UUID | None = None
    category: str | None = None
    party: str | None = None


class Posting(Wire):
    """An amount on an account: positive is a debit."""

    account: LedgerAccount
    amount: Decimal


class JournalEntry(NamedTuple):
    """A transaction of the journal, apart from its postings."""

    tenant_id: UUID
    kind: str
    amount: Decimal
    currency: str
    memo: str
    agent_id: UUID | None = None
    campaign_id: UUID | None = None
    reservation_id: UUID | None = None
    asset_id: UUID | None = None
    compute_tokens: int = 0
    verification: str = ""


class Spender(Wire):
    """Who a movement is about; nobody in particular means the tenant itself."""

    agent_id: UUID | None
    campaign_id: UUID | None
    category: str
    payee: str


def _owner(agent_id: UUID | None) -> str:
    return str(agent_id or "tenant")


def wallet(agent_id: UUID | None) -> LedgerAccount:
    """The money in an influencer's wallet."""
    return LedgerAccount(code=f"wallet:{_owner(agent_id)}", kind=Kind.ASSET, agent_id=agent_id)


def vendor(party: str) -> LedgerAccount:
    """What is owed to somebody who sends a bill."""
    return LedgerAccount(code=f"vendor:{party}", kind=Kind.LIABILITY, party=party)


def expense(who: Spender, category: str | None = None) -> LedgerAccount:
    """What was consumed, by category, influencer and campaign."""
    about = category or who.category
    return LedgerAccount(
        code=f"expense:{about}:{_owner(who.agent_id)}:{who.campaign_id or '-'}",
        kind=Kind.EXPENSE,
        agent_id=who.agent_id,
        campaign_id=who.campaign_id,
        category=about,
    )


def _memorandum(name: str, who: Spender) -> LedgerAccount:
    """Budget accounts stand beside the money: what may be spent and what is set aside of it."""
    return LedgerAccount(
        code=f"{name}:{_owner(who.agent_id)}:{who.campaign_id or '-'}",
        kind=Kind.EQUITY,
        agent_id=who.agent_id,
        campaign_id=who.campaign_id,
    )


def reserving(who: Spender, amount: Decimal) -> list[Posting]:
    """A transfer becomes pending: set aside, not yet spent."""
    return [
        Posting(account=_memorandum("reserved", who), amount=amount),
        Posting(account=_memorandum("budget", who), amount=amount.copy_negate()),
    ]


def closing(who: Spender, held: Decimal, outcome: SpendOutcome, paid: Decimal, source: LedgerAccount) -> list[Posting]:
    """A pending transfer ends: what was set aside is free again, and what was paid has left `source`."""
    freed = [
        Posting(account=_memorandum("budget", who), amount=held),
        Posting(account=_memorandum("reserved", who), amount=held.copy_negate()),
    ]
    if outcome is not SpendOutcome.POSTED or paid == 0:
        return freed
    return [*freed, Posting(account=expense(who), amount=paid), Posting(account=source, amount=paid.copy_negate())]


def receiving(agent_id: UUID, amount: Decimal, sender: str, *, funding: bool) -> list[Posting]:
    """Money came into a wallet: its owner put it in, or somebody paid the influencer."""
    origin = (
        LedgerAccount(code="equity:funding", kind=Kind.EQUITY)
        if funding
        else LedgerAccount(code=f"income:received:{agent_id}", kind=Kind.INCOME, agent_id=agent_id, party=sender)
    )
    return [Posting(account=wallet(agent_id), amount=amount), Posting(account=origin, amount=amount.copy_negate())]


def disputing(who: Spender, excess: Decimal, source: LedgerAccount) -> list[Posting]:
    """Somebody took more than was authorised: it has left `source`, but nobody here has spent it."""
    claim = LedgerAccount(code=f"disputed:{who.payee}", kind=Kind.ASSET, agent_id=who.agent_id, party=who.payee)
    return [Posting(account=claim, amount=excess), Posting(account=source, amount=excess.copy_negate())]


def attributing(who: Spender, amount: Decimal) -> list[Posting]:
    """Compute that went into a published piece becomes the cost of that piece."""
    return [
        Posting(account=expense(who, "content"), amount=amount),
        Posting(account=expense(who), amount=amount.copy_negate()),
    ]
