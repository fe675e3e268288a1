"""How a spend ends that somebody outside the swarm settles, and when it may."""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from chimera.errors import Conflict
from chimera.money.types.authorization import COMPUTE, Closing, Settlement, SpendOutcome, metered
from chimera.money.types.books import ClosedSpend
from chimera_protocol.errors import Invalid
from chimera_protocol.money import Money

_FRESH = "Ask for a new authorisation with a fresh Idempotency-Key."


class Spend(NamedTuple):
    """A spend as it stands. `late` once its time is over; `swarms` when the swarm itself ends it."""

    reservation_id: UUID
    verification: str
    status: str
    currency: str
    amount: Decimal
    paid: Decimal | None
    reference: str
    task_id: UUID | None
    doubt: str | None
    category: str
    payee: str
    server: str
    late: bool = False
    swarms: bool = False

    @property
    def closed(self) -> ClosedSpend:
        """How it has ended."""
        return ClosedSpend(
            reservation_id=self.reservation_id,
            budget_verification_hash=self.verification,
            status=self.status,
            authorized=metered(self.amount, self.currency),
            paid=metered(self.paid or Decimal(0), self.currency),
            reference=self.reference,
        )


def check_authorised(spend: Spend) -> None:
    """Conflict when whoever was authorised may not end it."""
    if spend.swarms or spend.task_id is not None:
        raise Conflict(
            "this was authorised for the swarm, and is settled by what it brings about",
            remedy="Cancel the task that it is for, if any, to free the money.",
        )
    if spend.status == "pending" and spend.late:
        raise Conflict("this authorisation has expired", remedy=_FRESH)


def check_doubted(spend: Spend) -> None:
    """Conflict when nobody doubts how it ends."""
    if spend.doubt is None and spend.status == "pending":
        raise Conflict("this spend is not in doubt: it ends by itself", remedy="Wait, or cancel its task.")


def posted(spend: Spend, wish: Settlement) -> Closing:
    """What was spent of it. Invalid in another currency, or for more than was authorised."""
    paid = spend.amount
    if wish.amount is not None:
        money = Money.parse(wish.amount)
        if money.currency != spend.currency:
            raise Invalid(f"this was authorised in {spend.currency}, not in {money.currency}")
        if money.amount > paid:
            raise Invalid(
                f"{money} is more than the {metered(paid, spend.currency)} that were authorised",
                remedy="Settle what was authorised, and ask for the rest before it is spent.",
            )
        paid = money.amount
    return Closing(
        reservation_id=spend.reservation_id,
        outcome=SpendOutcome.POSTED,
        paid=paid,
        source=spend.payee if spend.category == COMPUTE and spend.task_id else spend.server,
        reference=wish.reference,
    )


def voided(spend: Spend) -> Closing:
    """Nothing was spent."""
    return Closing(reservation_id=spend.reservation_id, outcome=SpendOutcome.VOIDED)


def check_same(spend: Spend, closing: Closing) -> None:
    """What has ended otherwise is a Conflict; what has ended just so is done."""
    if spend.status != closing.outcome.value:
        raise Conflict(f"this authorisation is {spend.status} already", remedy=_FRESH)
    if closing.paid is not None and spend.paid != closing.paid:
        paid = metered(spend.paid or Decimal(0), spend.currency)
        raise Conflict(f"this authorisation was settled with {paid} already", remedy="Read it under GET /v1/spends.")
