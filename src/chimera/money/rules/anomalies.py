"""What looks wrong about a spend that fits its budgets: robust statistics over the payer's own history (FIN-5)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import NamedTuple
from uuid import UUID

from chimera.money.types.authorization import ROUTINE
from chimera.money.types.limits import AnomalyRules
from chimera.money.types.messages import SpendOrder
from chimera_protocol.money import Money, plain
from chimera_protocol.wire import Wire

_MAD_TO_SIGMA = Decimal("1.4826")
_HOUR = timedelta(hours=1)


class PastSpend(Wire):
    """A spend of the same payer in the same currency that was not refused."""

    amount: Decimal
    payee: str
    at: datetime


class SpendHistory:
    """How somebody spends in one currency, learnt from what was not refused. Grows as it is told of more."""

    def __init__(self, history: Sequence[PastSpend], rules: AnomalyRules, now: datetime) -> None:
        self._rules = rules
        self._known = len(history)
        self._payees = {each.payee for each in history}
        self._latest = [each for each in history if each.at > now - _HOUR]
        earlier = [each.at for each in history if each.at <= now - _HOUR]
        hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in earlier)
        self._busiest = max(hours.values(), default=0)
        self._settled = bool(earlier) and now - min(earlier) >= timedelta(days=rules.learn_days)
        self._usual = median(each.amount for each in history) if history else Decimal(0)
        spread = median(abs(each.amount - self._usual) for each in history) * _MAD_TO_SIGMA if history else Decimal(0)
        self._bound = max(
            self._usual + rules.deviations * max(spread, self._usual / 10), self._usual * rules.times_usual
        )

    def learn(self, amount: Decimal, payee: str, at: datetime) -> None:
        """One more spend was let through: it counts for the rhythm at once, for the statistics later."""
        self._latest.append(PastSpend(amount=amount, payee=payee, at=at))

    def objections(
        self, wanted: Money, payee: str, *, vouched: Collection[str] = (), payers: Collection[str] = ()
    ) -> list[str]:
        """What is suspicious, each in one sentence; nothing when the history is too short to tell.

        `vouched` are payees that an operator named. `payers`, in lower case, are the tenant's own wallets and
        whoever lately paid into one.
        """
        found: list[str] = []
        if payee.lower() in payers:
            found.append(f"round trip: {payee} is a wallet of this tenant or has lately paid into one")
        if self._known < self._rules.learn_from:
            return found
        usual = plain(self._usual)
        if payee not in self._payees and payee not in vouched and wanted.amount > self._usual:
            found.append(f"new payee: {payee} was never paid before, and {wanted} is more than the usual {usual}")
        if wanted.amount > self._bound:
            found.append(f"size: {wanted} is far above the usual {usual}; up to {plain(self._bound)} is no news")
        return found + (self._rhythm(wanted, payee) if self._settled else [])

    def _rhythm(self, wanted: Money, payee: str) -> list[str]:
        found: list[str] = []
        count = len(self._latest) + 1
        if count > self._rules.times_busiest * self._busiest:
            found.append(f"velocity: {count} spends within an hour, the busiest hour so far had {self._busiest}")
        small = sum(each.payee == payee and each.amount < self._usual for each in self._latest) + 1
        if wanted.amount < self._usual and small >= self._rules.many_small:
            usual = plain(self._usual)
            found.append(f"many small: {small} spends below the usual {usual} to {payee} within an hour")
        return found


class Vouched(NamedTuple):
    """What humans have said about an order before: payees that are named, and flags that each let one spend through."""

    payees: Sequence[str]
    flags: Sequence[UUID]


class AnomalyDetector:
    """What looks wrong in one batch of orders. Routine costs are not watched: limits hold them.

    `rules` and `payers` are by tenant, `vouched` by the order's place in the batch, `histories` by payer and currency.
    """

    def __init__(
        self,
        rules: Mapping[UUID, AnomalyRules],
        payers: Mapping[UUID, frozenset[str]],
        vouched: Mapping[int, Vouched],
        histories: Mapping[tuple[UUID, str], SpendHistory],
    ) -> None:
        self._rules = rules
        self._payers = payers
        self._vouched = vouched
        self._histories = histories
        self._used: set[UUID] = set()

    def objections(self, n: int, order: SpendOrder) -> tuple[list[str], UUID | None]:
        """What is suspicious about an order, and the flag by which a human lets it through."""
        rules = self._rules.get(order.tenant_id)
        if rules is None or not rules.enabled or order.request.category in ROUTINE:
            return [], None
        vouched = self._vouched.get(n, Vouched((), ()))
        flag_id = next((each for each in vouched.flags if each not in self._used), None)
        request = order.request
        history = self._histories[payer_of(order)]
        payers = self._payers.get(order.tenant_id, frozenset())
        found = history.objections(request.money, request.destination_wallet, vouched=vouched.payees, payers=payers)
        return found, flag_id

    def learn(self, order: SpendOrder, now: datetime, flag_id: UUID | None) -> None:
        """What was let through, and by which flag, counts for what follows in the same batch."""
        if flag_id is not None:
            self._used.add(flag_id)
        history = self._histories.get(payer_of(order))
        if history is not None and order.request.category not in ROUTINE:
            history.learn(order.request.money.amount, order.request.destination_wallet, now)


def payer_of(order: SpendOrder) -> tuple[UUID, str]:
    """Whose habits an order is held against, and in which currency."""
    return order.agent_id or order.tenant_id, order.request.money.currency
