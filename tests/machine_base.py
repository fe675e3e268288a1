"""The surroundings of a life that Hypothesis makes up, and what always holds in it."""

import asyncio
from collections.abc import Awaitable, Sequence
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from hypothesis.stateful import (
    RuleBasedStateMachine,
)

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanNode
from chimera.errors import Conflict, Superseded
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.personas.types.policy import Policy
from chimera.publishing.types import Effect
from chimera.review.types.messages import PendingReview
from chimera.settings import Settings
from chimera.tasks.types.messages import Task
from chimera.values import HaltScope, Role
from chimera.wiring import System
from chimera_protocol.errors import Invalid, NotFound
from tests.house import SOUL, House
from tests.invariants import (
    MOVES,
    all_rests,
    effects_are_judged,
    money_follows,
    moves_are_legal,
)
from tests.money.proofs import proven

T = TypeVar("T")
REFUSALS = (Conflict, Invalid, NotFound)


class Household(RuleBasedStateMachine):
    """One tenant with one campaign. Whoever has claimed something keeps it in hand for ever, as zombies do."""

    settings: Settings
    system: System
    raw: Any
    runner: asyncio.Runner

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    def begin_life(self) -> None:
        self.tasks: list[Task] = []
        self.pieces: list[PendingReview] = []
        self.effects: list[Effect] = []
        self.spent: set[tuple[UUID, int]] = set()
        self.seen, self.versions, self.orders, self.hours = 0, 0, 0, 0
        self.campaigns: list[UUID] = []
        self.run(self._settle_in())

    async def _settle_in(self) -> None:
        accounts = self.system.accounts
        tenant_id = await accounts.open_tenant(f"tenant {new_id()}")
        limits = [Limit(span="total", amount="1000 USDC")]
        policy = Policy(max_revisions=1, limits=limits, anomalies=AnomalyRules(enabled=False))
        await accounts.set_policy(tenant_id, policy, "operator:me")
        nora = await accounts.import_persona(tenant_id, SOUL, "operator:me")
        self.house = House(self.system, self.raw, tenant_id, nora)
        self.tenant_id = tenant_id
        await self._be_born()

    @property
    def campaign_id(self) -> UUID:
        """The latest campaign."""
        return self.campaigns[-1]

    def go_on(self, *, autostart: bool) -> None:
        """A campaign that is over is followed by another one: one that runs, or one that is still to be planned."""
        over = ("finished", "cancelled")
        named = {row["campaign_id"]: row["status"] for row in self.rows("campaign", "campaign_id", "status")}
        if self.campaigns and named[self.campaign_id] not in over:
            return
        house, name = self.house, f"Look up {len(self.campaigns)}"
        self.lift()
        if autostart:
            self.campaigns.append(self.run(house.running(*self.nodes(), name=name)).campaign_id)
            return
        brief = house.brief(name, autostart=len(self.campaigns) % 2 == 0)
        create = self.system.campaigns.create if brief.autostart else self._create_and_plan
        self.campaigns.append(self.run(create(self.tenant_id, brief, "operator:me")))

    async def _create_and_plan(self, tenant_id: UUID, brief: Brief, actor: str) -> UUID:
        return await self.system.campaigns.launch(tenant_id, brief, actor)

    def nodes(self) -> list[PlanNode]:
        """A plan in which something waits for something else, and something costs money."""
        node = self.house.node
        singles = [node(key) for key in "acde"]
        return [*singles, node("b", "a"), node("pay", spend="50 USDC"), node("f", "pay")]

    def lift(self, _: Random | None = None) -> None:
        """All halts are over."""
        for row in self.rows("halt", "scope", "target", where="lifted_at IS NULL"):
            scope = HaltScope(row["scope"])
            self.run(self.system.fleet.resume(self.tenant_id, scope, row["target"], "operator:me"))

    async def _be_born(self) -> None:
        self.house.process_id = new_id()
        await self.system.fleet.mark(
            ProcessHeartbeat(process_id=self.house.process_id, role=Role.WORKER, host="here", pid=1)
        )

    # looking -------------------------------------------------------------------------------------

    def rows(self, table: str, *columns: str, where: str = "true") -> list[Any]:
        told = ", ".join(columns)
        query = f"SELECT {told} FROM {table} WHERE tenant_id = $1 AND {where} ORDER BY 1"  # noqa: S608
        return list(self.run(self.raw.fetch(query, self.tenant_id)))

    def one_of(self, dice: Random, found: Sequence[T]) -> T:
        """One of the newest in half of the cases: old hands are many."""
        return dice.choice(found[-3:] if dice.random() < 0.5 else found)

    def state(self, table: str, id: UUID) -> tuple[str, int]:
        query = f"SELECT status, attempt FROM {table} WHERE {table}_id = $1"  # noqa: S608
        row = self.run(self.raw.fetchrow(query, id))
        return row["status"], row["attempt"]

    def tried(self, work: Awaitable[object], *, good: bool) -> bool:
        """A write by whoever has claimed: accepted when the attempt is the latest and the table has the move."""
        try:
            self.run(work)
        except Superseded:
            assert not good
            return False
        assert good
        return True

    def allowed(self, work: Awaitable[T]) -> T | None:
        """What people wish for: done, or refused with a reason."""
        try:
            return self.run(work)
        except REFUSALS:
            return None

    def task_is(self, task: Task, guard: Sequence[str]) -> bool:
        status, attempt = self.state("task", task.task_id)
        return attempt == task.attempt and status in guard

    # what always holds ---------------------------------------------------------------------------

    async def check(self) -> None:
        """After every step."""
        moves = await self.raw.fetch(MOVES, self.seen, self.tenant_id)
        self.seen = moves[-1]["number"] if moves else self.seen
        moves_are_legal(moves)
        await effects_are_judged(self.raw, self.tenant_id)
        await all_rests(self.raw, self.tenant_id)
        await money_follows(self.raw, self.tenant_id)

    def teardown(self) -> None:
        """The sweeper is everybody's: nothing of this tenant may be left for it in the next life."""
        if hasattr(self, "house"):
            self.run(proven(self.raw, self.tenant_id))
            self.run(
                self.raw.execute(
                    "UPDATE task SET due_at = 'infinity', depends_on = '{}' WHERE tenant_id = $1", self.tenant_id
                )
            )
