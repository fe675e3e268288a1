"""What the books say: balance, profit and loss, how limits burn down, and what an export is made of."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from chimera.money.types.views import Amount, LimitView
from chimera_protocol.wire import Wire


class Section(StrEnum):
    """Where a line stands. Debits raise wallets, claims, pending and expenses; credits raise the others."""

    WALLET = "wallet"
    CLAIM = "claim"
    VENDOR = "vendor"
    FUNDING = "funding"
    EARLIER = "earlier"
    INCOME = "income"
    EXPENSE = "expense"
    PENDING = "pending"
    RESULT = "result"


class BookLine(Wire):
    """A line of a statement: what it began with, what was added, and what that makes."""

    section: Section
    name: str
    opening: Amount
    movement: Amount
    closing: Amount


class Statement(Wire):
    """Balance and profit and loss in one currency; currencies are never added up or converted.

    `pending` is set aside and not yet spent: it is in no other line. `result` is income less expenses.
    """

    currency: str
    lines: list[BookLine]
    pending: BookLine
    result: BookLine

    def of(self, *sections: Section) -> list[BookLine]:
        """The lines of some sections."""
        return [line for line in self.lines if line.section in sections]


class Books(Wire):
    """The books of a tenant, an influencer or a campaign, from `first` to `last`, both days included."""

    scope: str
    scope_id: UUID | None
    name: str
    first: date
    last: date
    time_zone: str
    statements: list[Statement]


class BurnPoint(Wire):
    """How much of a limit was used at a time: spent and reserved."""

    at: datetime
    used: Amount


class Outlook(StrEnum):
    """What will become of a limit when spending goes on as it has so far."""

    UNKNOWN = "unknown"
    HOLDS = "holds"
    RUNS_OUT = "runs_out"
    EXHAUSTED = "exhausted"


class BurnDown(Wire):
    """A limit in its present span: how it was used up, and when it will be at this rate."""

    limit: LimitView
    name: str
    since: datetime
    at: datetime
    until: datetime | None
    points: list[BurnPoint]
    outlook: Outlook
    exhausted_at: datetime | None = None


class BookAccount(Wire):
    """An account with what it is about and what is on it in one currency; a debit is positive."""

    code: str
    kind: str
    persona: str | None
    campaign: str | None
    category: str | None
    party: str | None
    currency: str
    balance: Decimal


class BookEntry(Wire):
    """A transaction with its postings."""

    transaction_id: UUID
    at: datetime
    day: date
    entry: str
    currency: str
    persona: str | None
    campaign: str | None
    reservation_id: UUID | None
    asset_id: UUID | None
    verification: str
    memo: str
    accounts: list[str]
    amounts: list[Decimal]


class EvidenceHead(Wire):
    """Where the tenant's chain of evidence ends now: an export that ends elsewhere is older, or was cut."""

    tenant_id: UUID
    sequence: int
    hash: str


class ClosedSpend(Wire):
    """How an authorised spend has ended."""

    reservation_id: UUID
    budget_verification_hash: str
    status: str
    authorized: str
    paid: str
    reference: str
