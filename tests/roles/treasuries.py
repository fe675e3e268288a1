"""A stand-in for the treasury: it answers as given and remembers what it was told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from chimera.ids import new_id
from chimera.money.types.authorization import Authorization, CfoAnswer, Closing, Decided, PolicyViolation
from chimera.money.types.messages import SpendOrder

GRANTED = Authorization(budget_verification_hash="0" * 64, timestamp=datetime.now(UTC))
REFUSED = PolicyViolation(
    error="Daily spend limit exceeded",
    details="Requested 500 USDC, limit is 200 USDC",
    requested="500 USDC",
    limit="200 USDC",
    spent="0 USDC",
    reserved="0 USDC",
    window="tenant:day:2026-11-22",
)


@dataclass
class FakeTreasury:
    """`ports.Treasury`: answers what it is given, and keeps how transfers end. `refuses` are currencies."""

    answer: CfoAnswer = GRANTED
    refuses: frozenset[str] = frozenset()
    orders: list[SpendOrder] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    doubts: list[tuple[UUID, str]] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)

    async def authorise(self, order: SpendOrder) -> Decided:
        self.orders.append(order)
        answer = REFUSED if order.request.money.currency in self.refuses else self.answer
        self.decided.append(Decided(reservation_id=new_id(), answer=answer))
        return self.decided[-1]

    async def close(self, closing: Closing) -> None:
        self.closings.append(closing)

    async def mark_unknown(self, reservation_id: UUID, cause: str) -> None:
        self.doubts.append((reservation_id, cause))
