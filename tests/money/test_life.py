"""A tenant's money through days, limits and quarrels, in any order, against a model that shares no code with it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.money.proofs import Slot, proven
from tests.money.strategies import (
    CATEGORIES,
    HUGE,
    PAYEES,
    PLACES,
    SCOPES,
    SOUL,
    START,
    Allowance,
    Transfer,
    Wish,
    allowances,
    amounts,
    exactly,
    loosened,
    meanwhile,
    metered,
    start_of,
    strict,
)

from chimera.accounts.service import AccountService
from chimera.database.postgres import Access, Database
from chimera.errors import Conflict, Forbidden
from chimera.ids import new_id
from chimera.money.service.limits import LimitService, set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, Decided, SpendOutcome, TransactionRequest
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera_protocol.errors import Invalid

T = TypeVar("T")
Key = tuple[str, str]  # a scope and what in it
ZONES = ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]


class Life(RuleBasedStateMachine):
    """One tenant. The model counts in fractions, which know no rounding."""

    url: str
    runner: asyncio.Runner
    database: Database

    @initialize(data=st.data(), zone=st.sampled_from(ZONES), hour=st.sampled_from([12, 5, 23]))
    def settle_in(self, data: st.DataObject, zone: str, hour: int) -> None:
        self.zone, self.now = ZoneInfo(zone), START.replace(hour=hour)
        self.limits: dict[Key, Allowance] = defaultdict(dict)
        self.waiting: dict[Key, tuple[UUID, Allowance]] = {}
        self.used: dict[Slot, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        self.transfers: dict[str, Transfer] = {}
        self.run(self._settle_in(zone))
        self.start_again()
        first = {("total", "ETH"): HUGE[1], ("transaction", "USD"): Decimal(30), ("day", "USD"): Decimal(60)}
        self.change_limits_of(("tenant", str(self.tenant_id)), {**first, ("month", "USDC"): Decimal(100)})
        narrow = {("transaction", "ETH"): HUGE[0], ("day", "COMPUTE"): Decimal(60)}
        self.change_limits_of(self.key_of("payee", data), narrow)

    async def _settle_in(self, zone: str) -> None:
        accounts = AccountService(self.database)
        self.tenant_id = await accounts.open_tenant(f"tenant {new_id()}", zone)
        await accounts.set_policy(self.tenant_id, Policy(anomalies=AnomalyRules(enabled=False)), "operator:me")
        nora = await accounts.import_persona(self.tenant_id, SOUL, "operator:me")
        self.agent_id, self.campaign_id = nora.agent_id, nora.campaign_id
        self.limits["tenant", str(self.tenant_id)] = {("day", "COMPUTE"): Decimal(50_000_000)}
        self.limits["campaign", str(self.campaign_id)] = {("day", "USDC"): Decimal(200)}

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def start_of(self, span: str) -> date:
        return start_of(span, self.now, self.zone)

    def key_of(self, scope: str, data: st.DataObject) -> Key:
        named = {"tenant": self.tenant_id, "influencer": self.agent_id, "campaign": self.campaign_id}
        if scope in named:
            return scope, str(named[scope])
        return scope, data.draw(st.sampled_from(CATEGORIES if scope == "category" else PAYEES))

    # asking --------------------------------------------------------------------------------------

    def order(self, wish: Wish) -> SpendOrder:
        request = TransactionRequest(
            destination_wallet=wish.payee,
            token_amount=f"{wish.amount:f} {wish.currency}",
            purpose="reach",
            category=wish.category,
            valid_for_seconds=wish.valid or 86_400,
        )
        return SpendOrder(
            tenant_id=self.tenant_id,
            agent_id=self.agent_id if wish.by_nora else None,
            campaign_id=self.campaign_id if wish.by_nora else None,
            task_id=None,
            idempotency_key=wish.key,
            request=request,
            expires=wish.valid is not None,
        )

    def keys(self, wish: Wish) -> list[Key]:
        """The scopes that it falls under."""
        nora = [("influencer", str(self.agent_id)), ("campaign", str(self.campaign_id))] if wish.by_nora else []
        return [("tenant", str(self.tenant_id)), ("category", wish.category), ("payee", wish.payee), *nora]

    def fits(self, wish: Wish) -> tuple[bool, list[Slot]]:
        """Whether every limit has room for it, and where it would count."""
        slots, room, budgets = [], True, False
        for key in self.keys(wish):
            for (span, currency), limit in self.limits[key].items():
                if currency != wish.currency:
                    continue
                if span == "transaction":
                    room &= wish.amount <= limit
                    continue
                slot = (*key, span, currency, self.start_of(span))
                slots.append(slot)
                budgets |= key[0] in ("tenant", "influencer", "campaign")  # the others only narrow a budget
                room &= sum(self.used[slot]) + Fraction(wish.amount) <= Fraction(limit)
        return room and budgets, slots

    def expect(self, wish: Wish, got: Decided | BaseException) -> None:
        """One answer, in the order in which it was asked for."""
        known = self.transfers.get(wish.key)
        if known is not None:
            if self.order(known.wish).request == self.order(wish).request:
                assert got == known.decided
            else:
                assert isinstance(got, Conflict)
            return
        assert isinstance(got, Decided), got
        room, slots = self.fits(wish)
        assert got.granted is room, (wish, got)
        made = self.transfers[wish.key] = Transfer(wish, got, "pending" if room else "refused", self.now)
        if room:
            made.slots, made.keys = slots, self.keys(wish)
            made.expires = self.now + timedelta(seconds=wish.valid) if wish.valid else None
            for slot in slots:
                self.used[slot][0] += Fraction(wish.amount)

    async def ask(self, wishes: Iterable[Wish]) -> list[Decided | BaseException]:
        """All in one batch, as they arrive in one turn of the event loop."""
        asked = (self.treasury.authorise(self.order(wish)) for wish in wishes)
        return await asyncio.gather(*asked, return_exceptions=True)

    @rule(data=st.data(), size=st.integers(1, 4))
    def authorise(self, data: st.DataObject, size: int) -> None:
        self.authorise_some(data, size)

    def authorise_some(self, data: st.DataObject, size: int) -> None:
        wishes: list[Wish] = []
        for number in range(size):
            currency = data.draw(st.sampled_from(sorted(PLACES)))
            known = data.draw(st.booleans()) and number > 0
            wishes.append(
                Wish(
                    key=wishes[-1].key if known else f"key {len(self.transfers)}.{number}",
                    currency=currency,
                    amount=data.draw(amounts(currency)),
                    category=data.draw(st.sampled_from(CATEGORIES)),
                    payee=data.draw(st.sampled_from(PAYEES)),
                    by_nora=data.draw(st.booleans()),
                    valid=data.draw(st.sampled_from([None, 60, 86_400, 30 * 86_400])),
                )
            )
        for wish, got in zip(wishes, self.run(self.ask(wishes)), strict=True):
            self.expect(wish, got)

    @rule(data=st.data())
    def authorise_more(self, data: st.DataObject) -> None:
        """Asking is what happens most."""
        self.authorise_some(data, 2)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data(), other=st.booleans())
    def ask_again(self, data: st.DataObject, other: bool) -> None:
        known = self.transfers[data.draw(st.sampled_from(sorted(self.transfers)))].wish
        wish = Wish(**{**vars(known), "payee": "0xC"}) if other else known
        (got,) = self.run(self.ask([wish]))
        self.expect(wish, got)

    # settling ------------------------------------------------------------------------------------

    @precondition(lambda self: any(each.status != "refused" for each in self.transfers.values()))
    @rule(
        data=st.data(),
        outcome=st.sampled_from(list(SpendOutcome)),
        part=st.sampled_from(["0", "0.5", "0.333333333333333333333333", "1", "1.5", "1.000000000000000001"]),
        whole=st.booleans(),
        source=st.sampled_from(["", "network"]),
        again=st.booleans(),
    )
    def close(
        self, data: st.DataObject, outcome: SpendOutcome, part: str, whole: bool, source: str, again: bool
    ) -> None:
        keys = sorted(key for key, each in self.transfers.items() if each.status != "refused")
        chosen = data.draw(st.lists(st.sampled_from(keys), unique=True, min_size=1, max_size=3))
        closings = []
        for key in chosen:
            transfer = self.transfers[key]
            paid = None if whole else exactly(transfer.wish.amount, part)
            named = {"reservation_id": transfer.decided.reservation_id, "source": source, "reference": "receipt"}
            closings.append(Closing(outcome=outcome, paid=paid, **named))
            self.closed(transfer, outcome, paid)
        self.run(self._close(closings))
        if again:
            self.run(self._close(closings))

    async def _close(self, closings: list[Closing]) -> None:
        await asyncio.gather(*(self.treasury.close(closing) for closing in closings))

    def closed(self, transfer: Transfer, outcome: SpendOutcome, paid: Decimal | None) -> None:
        if transfer.status != "pending":
            return
        held = Fraction(transfer.wish.amount)
        taken = held if paid is None else metered(paid)
        transfer.status = outcome.value
        if outcome is SpendOutcome.POSTED:
            transfer.paid, transfer.excess = min(taken, held), max(taken - held, Fraction(0))
        for slot in transfer.slots:
            self.used[slot][0] -= held
            self.used[slot][1] += transfer.paid

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def mark_unknown(self, data: st.DataObject) -> None:
        transfer = self.transfers[data.draw(st.sampled_from(sorted(self.transfers)))]
        self.run(self.treasury.mark_unknown(transfer.decided.reservation_id, "nobody knows"))
        transfer.doubted |= transfer.status == "pending"

    @rule()
    def expire(self) -> None:
        """What an outside caller let lie ends; a model call that nobody ended is in doubt."""
        pending = [each for each in self.transfers.values() if each.status == "pending"]
        due = [each for each in pending if each.expires and each.expires <= self.now and not each.doubted]
        for each in pending:
            lost = each.expires is None and each.at < self.now - timedelta(minutes=15)
            each.doubted |= lost and each.wish.category == "compute"
        assert self.run(self.treasury.tidy()) == len(due)
        for each in due:
            self.closed(each, SpendOutcome.EXPIRED, None)

    # limits and time -----------------------------------------------------------------------------

    @rule(data=st.data(), scope=st.sampled_from(SCOPES), wanted=allowances())
    def change_limits(self, data: st.DataObject, scope: str, wanted: Allowance) -> None:
        self.change_limits_of(self.key_of(scope, data), wanted)

    @rule(data=st.data(), by=st.sampled_from(["0.5", "0.9", "1.1", "2"]))
    def stretch_limits(self, data: st.DataObject, by: str) -> None:
        """What is in force, a little tighter or looser."""
        key = data.draw(st.sampled_from(sorted(key for key, limits in self.limits.items() if limits)))
        unit = {currency: Decimal(1).scaleb(-places) for currency, places in PLACES.items()}
        wanted = {
            (span, currency): min(max((amount * Decimal(by)).quantize(unit[currency]), unit[currency]), HUGE[1])
            for (span, currency), amount in self.limits[key].items()
            if amount < 10**9
        }
        self.change_limits_of(key, wanted | {each: top for each, top in self.limits[key].items() if top >= 10**9})

    def change_limits_of(self, key: Key, wanted: Allowance) -> None:
        before = self.limits[key]
        default = {("day", "COMPUTE"): Decimal(50_000_000)}
        loose = bool(before) and before != default and loosened(before, wanted)
        after = strict(before, wanted) if loose else wanted
        change_id = self.attempt(lambda: self._set(key, wanted), after, key)
        if isinstance(change_id, Invalid):
            return
        self.waiting.pop(key, None)
        if loose:
            assert change_id is not None
            self.waiting[key] = change_id, wanted

    def attempt(self, change: Callable[[], Any], after: Allowance, key: Key) -> Any:
        """Invalid exactly when a limit would be below what is used of it; else its limits hold, and count it all."""
        anew = [which for which in after if which not in self.limits[key] and which[0] != "transaction"]
        slots: list[Slot] = [(*key, *which, self.start_of(which[0])) for which in anew]
        adopted = {slot: meanwhile(slot, self.transfers.values(), self.zone, self.used[slot][0]) for slot in slots}
        used = self.used | {slot: figures for slot, (figures, _) in adopted.items()}
        too_low = any(
            slot[:4] == (*key, span, currency) and slot[4] >= self.start_of(span) and sum(figures) > Fraction(limit)
            for (span, currency), limit in after.items()
            if span != "transaction"
            for slot, figures in used.items()
        )
        if too_low:
            with pytest.raises(Invalid) as refusal:
                self.run(change())
            return refusal.value
        done = self.run(change())
        self.limits[key] = dict(after)
        self.used = used
        for transfer, slot in [(each, slot) for slot, (_, held) in adopted.items() for each in held]:
            transfer.slots.append(slot)
        return done

    async def _set(self, key: Key, wanted: Allowance) -> UUID | None:
        limits = [Limit(span=span, amount=f"{amount:f} {currency}") for (span, currency), amount in wanted.items()]
        async with self.database.transaction() as connection:
            return await set_limits(connection, self.tenant_id, *key, limits, "operator:me", self.now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), by=st.sampled_from(["operator:you", "operator:you", "operator:me"]))
    def confirm(self, data: st.DataObject, by: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.waiting)))
        change_id, wanted = self.waiting[key]
        store = LimitService(self.database, lambda: self.now)
        if by == "operator:me":
            with pytest.raises(Forbidden):
                self.run(store.confirm(self.tenant_id, change_id, by))
            return
        if not isinstance(self.attempt(lambda: store.confirm(self.tenant_id, change_id, by), wanted, key), Invalid):
            del self.waiting[key]

    @rule(step=st.sampled_from([timedelta(seconds=59), timedelta(hours=13), timedelta(days=1), timedelta(days=31)]))
    def wait(self, step: timedelta) -> None:
        self.now += step

    @rule()
    def start_again(self) -> None:
        """Another process goes on."""
        self.treasury = Treasury(self.database, lambda: self.now)

    def teardown(self) -> None:
        """Expiry is everybody's: nothing of this tenant may be left for it in the next life."""
        pending = [each for each in getattr(self, "transfers", {}).values() if each.status == "pending"]
        voided = [Closing(reservation_id=each.decided.reservation_id, outcome=SpendOutcome.VOIDED) for each in pending]
        self.run(self._close(voided))

    # what always holds ---------------------------------------------------------------------------

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "treasury"):
            self.run(self._audit())

    async def _audit(self) -> None:
        async with self.database.connection() as connection:
            books = await proven(connection, self.tenant_id)
        found = books.used()
        assert found == {
            slot: (held, spent) for slot, (held, spent) in self.used.items() if slot in found or held or spent
        }
        for key, allowance in self.limits.items():
            for (span, currency), limit in allowance.items():
                if span != "transaction":
                    slot = (*key, span, currency, self.start_of(span))
                    assert sum(self.used[slot]) <= Fraction(limit)
                    anew = meanwhile(slot, self.transfers.values(), self.zone, self.used[slot][0])
                    assert anew == (self.used[slot], [])  # who was in force has counted it all
        assert {row["key"]: (row["status"], row["paid"], row["doubted"]) for row in books.states} == {
            key: (each.status, each.paid, each.doubted and each.status == "pending")
            for key, each in self.transfers.items()
        }
        assert books.flags == sum(each.excess > 0 for each in self.transfers.values())
        for currency in PLACES:
            of = [each for each in self.transfers.values() if each.wish.currency == currency]
            assert books.sums.get(("disputed", currency), 0) == sum(each.excess for each in of)
            gone = books.sums.get(("wallet", currency), Fraction(0)) + books.sums.get(("vendor", currency), Fraction(0))
            assert -gone == sum(each.paid + each.excess for each in of)


def test_no_life_overspends_unbalances_or_forgets(database_url: str) -> None:
    database = Database(database_url, Access.SWARM, size=2)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(database.open())
        Life.database, Life.runner = database, runner
        slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
        bounds = settings(
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a life takes longer than a test may
            suppress_health_check=slow,
        )
        try:
            stateful.run_state_machine_as_test(Life, settings=bounds)
        finally:
            runner.run(database.close())
