"""Everything that moves a tenant's money, from several processes' connections and in random order: no deadlock."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.money.proofs import proven

from chimera.database.postgres import Access, Database
from chimera.errors import Unavailable
from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera.review.types.messages import PendingReview
from chimera.tasks.service.sweeper import Sweeper
from chimera.values import Decision
from chimera.wiring import System
from chimera_protocol.errors import ChimeraError

CAMPAIGNS, SPENDS, ROUNDS = 6, 3, 220


class Riot:
    """What the processes do. Errors that name a rule are part of life; whatever else escapes is a finding."""

    def __init__(self, house: Any, processes: list[System], chance: random.Random) -> None:
        self.house, self.processes, self.chance = house, processes, chance
        self.campaigns: list[Any] = []
        self.pieces: list[PendingReview] = []
        self.held: list[Any] = []
        self.count = 0

    async def prepare(self) -> None:
        """Campaigns with spends that the Judge has in hand."""
        house = self.house
        for number in range(CAMPAIGNS):
            nodes = [house.node(f"pay{n}", spend="1 USDC") for n in range(SPENDS)]
            made = await house.running(*nodes, name=f"campaign {number}")
            self.campaigns.append(made.campaign_id)
            tasks = [await house.claim(made[node.key]) for node in nodes]
            for task in tasks:
                order = {"task_id": task.task_id, "campaign_id": task.campaign_id}
                await house.authorise("1 USDC", f"task-{task.task_id}", **order)
                await house.submit(task)
            self.pieces += await house.pieces(*(task.task_id for task in tasks))
        self.chance.shuffle(self.pieces)

    @property
    def process(self) -> System:
        return self.chance.choice(self.processes)

    async def authorise(self) -> None:
        self.count += 1
        order = self.house.order(
            f"{self.chance.randint(1, 9)} USDC", f"key {self.count}", campaign_id=self.chance.choice(self.campaigns)
        )
        decided = await self.process.treasury.authorise(
            order.model_copy(update={"expires": self.chance.random() < 0.3})
        )
        if decided.granted:
            self.held.append(decided.reservation_id)

    async def close(self) -> None:
        if self.held:
            chosen = self.chance.sample(self.held, min(len(self.held), 3))
            treasury, paid = self.process.treasury, Decimal(self.chance.randint(0, 10))
            outcome = self.chance.choice([SpendOutcome.POSTED, SpendOutcome.VOIDED])
            await asyncio.gather(
                *(treasury.close(Closing(reservation_id=id, outcome=outcome, paid=paid, source="n")) for id in chosen)
            )

    async def judge(self) -> None:
        """Several verdicts in one commit: of several campaigns, some giving money back."""
        judging, some = self.process.judging, [self.pieces.pop() for _ in range(min(len(self.pieces), 3))]
        decisions = [self.chance.choice([Decision.REJECT, Decision.REJECT, Decision.ESCALATE]) for _ in some]
        done = await asyncio.gather(
            *(judging.commit(self.house.judgement(*each)) for each in zip(some, decisions, strict=True)),
            return_exceptions=True,
        )
        for each in done:
            if isinstance(each, BaseException):
                raise each

    async def cancel(self) -> None:
        if self.chance.random() < 0.25:
            await self.process.campaigns.cancel(
                self.house.tenant_id, self.chance.choice(self.campaigns[1:]), "operator:me"
            )

    async def pause(self) -> None:
        campaigns, which = self.process.campaigns, self.chance.choice(self.campaigns)
        act = self.chance.choice([campaigns.pause, campaigns.start])
        await act(self.house.tenant_id, which, "operator:me")

    async def policy(self) -> None:
        limits = [Limit(span="day", amount=f"{self.chance.randint(150, 200)} USDC")]
        payee = {f"0x{self.chance.choice('AB')}": [Limit(span="day", amount=f"{self.chance.randint(80, 200)} USDC")]}
        policy = Policy(boundaries=[str(self.chance.random())], limits=limits, payee_limits=payee)
        await self.process.accounts.set_policy(self.house.tenant_id, policy, "operator:me")

    async def limit(self) -> None:
        async with self.process.swarm.transaction() as connection:
            wanted = [Limit(span="total", amount=f"{self.chance.randint(100, 300)} USDC")]
            campaign_id = str(self.chance.choice(self.campaigns))
            await set_limits(connection, self.house.tenant_id, "campaign", campaign_id, wanted, "operator:me")

    async def confirm(self) -> None:
        limits = self.process.limits
        changes = (await limits.changes(self.house.tenant_id, 10)).items
        waiting = [change.change_id for change in changes if change.status == "waiting"]
        if waiting:
            await limits.confirm(self.house.tenant_id, self.chance.choice(waiting), "operator:you")

    async def flag(self) -> None:
        limits = self.process.limits
        flags = [flag for flag in (await limits.flags(self.house.tenant_id, 10)).items if flag.status == "open"]
        if flags:
            flag = self.chance.choice(flags)
            await limits.decide_flag(self.house.tenant_id, flag.flag_id, accept=True, actor="operator:me")

    async def sweep(self) -> None:
        await self.process.treasury.tidy()
        await Sweeper(self.process.swarm, lease_seconds=60).sweep()
        await self.process.judging.escalate()

    async def mark_unknown(self) -> None:
        if self.held:
            await self.process.treasury.mark_unknown(self.chance.choice(self.held), "who knows")

    def steps(self) -> list[Callable[[], Awaitable[None]]]:
        often = [self.authorise] * 4 + [self.close] * 3
        rare = [self.judge, self.judge, self.cancel, self.pause, self.policy, self.policy, self.limit]
        return [*often, *rare, self.confirm, self.flag, self.sweep, self.mark_unknown]


@pytest.fixture
async def processes(house: Any) -> AsyncIterator[list[System]]:
    """Systems of their own: nothing is shared but the database."""
    made = [System(house.system.settings) for _ in range(3)]
    for system in made:
        await system.open()
    yield made
    for system in made:
        await system.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_order_of_steps_deadlocks_or_breaks_the_books(house: Any, processes: list[System], seed: int) -> None:
    riot = Riot(house, processes, random.Random(seed))
    await riot.prepare()
    steps = [riot.chance.choice(riot.steps()) for _ in range(ROUNDS)]
    width = asyncio.Semaphore(12)

    async def go(step: Callable[[], Awaitable[None]]) -> None:
        async with width:
            await step()

    ended = await asyncio.gather(*map(go, steps), return_exceptions=True)
    strange = [
        (step.__name__, repr(error))
        for step, error in zip(steps, ended, strict=True)
        if error is not None and (not isinstance(error, ChimeraError) or isinstance(error, Unavailable))
    ]
    assert strange == []
    assert any(error is None for error in ended)
    books = await proven(house.raw, house.tenant_id)
    assert {"posted", "voided"} <= {row["status"] for row in books.states}


async def test_batches_of_several_tenants_lock_them_in_one_order(house: Any, other_tenant: Any) -> None:
    """Each batch holds orders and bills of both, in another order each time."""
    swarms = [Database(house.system.settings.database_url, Access.SWARM, size=4) for _ in range(4)]
    for swarm in swarms:
        await swarm.open()
    async with house.system.swarm.transaction() as connection:
        limits = [Limit(span="day", amount="1000 USDC")]
        scope = "tenant", str(other_tenant[0])
        await set_limits(connection, other_tenant[0], *scope, limits, "operator:me")
    chance = random.Random(7)

    async def one(number: int) -> None:
        treasury = Treasury(chance.choice(swarms))
        wishes = [house.order("1 USDC", f"mine {number}"), house.order("1 USDC", f"theirs {number}", agent_id=None)]
        wishes[1] = wishes[1].model_copy(update={"tenant_id": other_tenant[0]})
        chance.shuffle(wishes)
        decided = await asyncio.gather(*map(treasury.authorise, wishes))
        chance.shuffle(decided)
        await asyncio.gather(
            *(
                treasury.close(Closing(reservation_id=each.reservation_id, outcome=SpendOutcome.POSTED))
                for each in decided
                if each.granted
            )
        )

    try:
        ended = await asyncio.gather(*(one(number) for number in range(80)), return_exceptions=True)
    finally:
        for swarm in swarms:
            await swarm.close()
    assert [error for error in ended if error is not None] == []
    for tenant_id in (house.tenant_id, other_tenant[0]):
        assert (await proven(house.raw, tenant_id)).under("tenant") == (0, 80)
