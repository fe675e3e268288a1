"""What may be spent, and what is suspicious though it may."""

from typing import Literal

from pydantic import Field

from chimera_protocol.money import AmountText, Money
from chimera_protocol.wire import Wire


class Limit(Wire):
    """How much may be spent: by transaction, day (in the tenant's time zone), month or in total (FIN-5)."""

    span: Literal["transaction", "day", "month", "total"]
    amount: AmountText

    @property
    def money(self) -> Money:
        """The amount, exact."""
        return Money.parse(self.amount)


class AnomalyRules(Wire):
    """When a spend that fits its budgets is refused all the same and shown to a human (FIN-5).

    Nothing is suspicious before `learn_from` spends are known; the rhythm counts after `learn_days` days.
    """

    enabled: bool = True
    learn_from: int = Field(8, ge=1, le=200)
    learn_days: int = Field(7, ge=0, le=365)
    deviations: int = Field(6, ge=1, le=100, description="Robust standard deviations above the usual amount.")
    times_usual: int = Field(3, ge=1, le=1_000, description="An amount up to so many times the usual one is no news.")
    times_busiest: int = Field(3, ge=1, le=1_000, description="Spends an hour, against the busiest hour so far.")
    many_small: int = Field(10, ge=2, le=1_000, description="Small spends to one payee within an hour.")
