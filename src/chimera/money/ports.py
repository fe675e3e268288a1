"""Money as the roles see it: authorise, close, pay."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from chimera.money.types.authorization import Closing, Decided
from chimera.money.types.limits import Limit
from chimera.money.types.messages import PaymentDue, SpendOrder
from chimera_protocol.payments import PaymentOrder, PaymentReceipt


class TreasuryPort(Protocol):
    """Budgets and the ledger in PostgreSQL (FIN-1..4)."""

    async def authorise(self, order: SpendOrder) -> Decided:
        """Reserve the money or refuse it; the same key gives the same answer, with another body a Conflict."""
        ...

    async def close(self, closing: Closing) -> None:
        """End a pending transfer; one that has ended already stays as it is."""
        ...

    async def mark_unknown(self, reservation_id: UUID, cause: str) -> None:
        """Nobody knows what it cost: it keeps its reservation, and a human is shown it."""
        ...


class Payments(Protocol):
    """Payments by wallet in PostgreSQL: ordered before they are carried out, booked once (FIN-6)."""

    async def due(self, reservation_id: UUID) -> PaymentDue:
        """What a transfer is to pay, and how far that has come."""
        ...

    async def keep(self, due: PaymentDue, order: PaymentOrder, signature: str, fee_id: UUID | None) -> PaymentDue:
        """Keep an order before it is carried out; the answer has the order that was first."""
        ...

    async def confirmed(self, due: PaymentDue, receipt: PaymentReceipt, asset_id: UUID | None = None) -> None:
        """The chain has it: post the amount and the fee. Done twice it changes nothing."""
        ...

    async def failed(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        """It did not happen and will not: the amount is free again; what fee the chain took is posted."""
        ...


class WalletPayer(Protocol):
    """Pays by wallet what the CFO has authorised."""

    async def pay(self, reservation_id: UUID, asset_id: UUID) -> str | None:
        """The transaction that paid a reservation; None when it is not a wallet that pays it. Pays once, ever."""
        ...


class Cfo(Protocol):
    """The CFO Judge: decides on every spend before it happens (FIN-1)."""

    def instruct(self, order: PaymentOrder) -> str:
        """Sign a payment order for the signer, which carries out nothing else. A detached JWS."""
        ...

    async def authorise(self, order: SpendOrder) -> Decided:
        """Authorise or refuse; an authorised amount is reserved until it is settled or released."""
        ...


class SpendPolicy(Protocol):
    """What of a fleet policy is about money: the limits that it sets."""

    @property
    def limits(self) -> Sequence[Limit]:
        """The tenant's own."""
        ...

    @property
    def category_limits(self) -> Mapping[str, Sequence[Limit]]:
        """For what may be spent how much."""
        ...

    @property
    def payee_limits(self) -> Mapping[str, Sequence[Limit]]:
        """Who may be paid how much."""
        ...


class Chargeable(Protocol):
    """What a cost is booked on: a task in one of its attempts."""

    @property
    def tenant_id(self) -> UUID:
        """Whose money it is."""
        ...

    @property
    def agent_id(self) -> UUID:
        """Whose budget it counts against."""
        ...

    @property
    def campaign_id(self) -> UUID:
        """Which campaign's budget it counts against."""
        ...

    @property
    def task_id(self) -> UUID:
        """What it is for."""
        ...

    @property
    def attempt(self) -> int:
        """Each attempt is paid for by itself."""
        ...
