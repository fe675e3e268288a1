"""Whatever is authorised, posted, voided and limited, in any order: no overspending, and books that balance."""

import asyncio
from decimal import Decimal
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chimera.accounts.service import AccountService
from chimera.database.postgres import Access, Database
from chimera.ids import new_id
from chimera.money.service.limits import LimitService, set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, Decided, SpendOutcome, TransactionRequest
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera_protocol.money import plain

amounts = st.decimals("0.000001", 60, places=6)


class Money(RuleBasedStateMachine):
    """A tenant with one total limit, against a model of it in three numbers."""

    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.limit, self.reserved, self.spent = Decimal(100), Decimal(0), Decimal(0)
        self.open: dict[str, Decimal] = {}
        self.seen: dict[str, tuple[Decimal, Decided]] = {}
        self.tenant_id: UUID = self.runner.run(self._open())

    async def _open(self) -> UUID:
        tenant_id = await AccountService(self.database).open_tenant(f"tenant {new_id()}")
        quiet = Policy(anomalies=AnomalyRules(enabled=False))
        await AccountService(self.database).set_policy(tenant_id, quiet, "operator:me")
        await self._limit(tenant_id, self.limit)
        return tenant_id

    async def _limit(self, tenant_id: UUID, amount: Decimal) -> None:
        async with self.database.transaction() as connection:
            limit = Limit(span="total", amount=f"{plain(amount)} USDC")
            change_id = await set_limits(connection, tenant_id, "tenant", str(tenant_id), [limit], "operator:me")
        if change_id is not None:
            await LimitService(self.database).confirm(tenant_id, change_id, "operator:you")

    async def _authorise(self, key: str, amount: Decimal) -> Decided:
        request = TransactionRequest(destination_wallet="0xA", token_amount=f"{plain(amount)} USDC", purpose="p")
        places = {"tenant_id": self.tenant_id, "agent_id": None, "campaign_id": None, "task_id": None}
        return await Treasury(self.database).authorise(SpendOrder(idempotency_key=key, request=request, **places))

    async def _close(self, key: str, *, settled: bool) -> None:
        outcome = SpendOutcome.POSTED if settled else SpendOutcome.VOIDED
        await Treasury(self.database).close(Closing(reservation_id=self.seen[key][1].reservation_id, outcome=outcome))

    async def _books(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT coalesce(sum(reserved), 0) AS reserved, coalesce(sum(spent), 0) AS spent,"
                " coalesce(max(limit_amount), $2) AS top FROM budget_counter WHERE tenant_id = $1",
                self.tenant_id,
                self.limit,
            )
            query = "SELECT coalesce(sum(amount), 0) FROM ledger_posting WHERE tenant_id = $1 AND account LIKE $2"
            held = await connection.fetchval(query, self.tenant_id, "reserved:%")
            spent = await connection.fetchval(query, self.tenant_id, "expense:%")
        return row["reserved"], row["spent"], row["top"], held, spent

    @rule(amount=amounts)
    def authorise(self, amount: Decimal) -> None:
        key = f"key {len(self.seen)}"
        answer = self.runner.run(self._authorise(key, amount))
        fits = self.reserved + self.spent + amount <= self.limit
        assert answer.granted is fits
        self.seen[key] = (amount, answer)
        if fits:
            self.reserved += amount
            self.open[key] = amount

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.seen)))
        amount, answer = self.seen[key]
        assert self.runner.run(self._authorise(key, amount)) == answer

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), settled=st.booleans())
    def close(self, data: st.DataObject, settled: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.seen)))
        self.runner.run(self._close(key, settled=settled))
        amount = self.open.pop(key, Decimal(0))
        self.reserved -= amount
        self.spent += amount if settled else 0

    @rule(more=amounts)
    def raise_the_limit(self, more: Decimal) -> None:
        self.limit = self.reserved + self.spent + more
        self.runner.run(self._limit(self.tenant_id, self.limit))

    @invariant()
    def nothing_is_overspent_and_the_books_balance(self) -> None:
        reserved, spent, top, held, gone = self.runner.run(self._books())
        assert (reserved, spent, top) == (self.reserved, self.spent, self.limit)
        assert reserved + spent <= top
        assert (held, gone) == (reserved, spent)


def test_no_order_of_events_overspends_or_unbalances_the_books(database_url: str) -> None:
    database = Database(database_url, Access.SWARM, size=2)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(database.open())
        Money.database, Money.runner = database, runner
        slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
        bounds = settings(stateful_step_count=20, deadline=None, suppress_health_check=slow)
        try:
            run_state_machine_as_test(Money, settings=bounds)
        finally:
            runner.run(database.close())
