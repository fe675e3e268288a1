"""The treasury: so many requests of 1 USDC on so many campaigns' budgets, as many at once as a fleet has in hand."""

import asyncio
import os
import sys
from uuid import UUID

import uvloop

from bench.programs.meter import Meter
from chimera.campaigns.types.brief import Brief
from chimera.money.types.authorization import TransactionRequest
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera.settings import Settings
from chimera.wiring import System

AT_ONCE = 256
WARM = 200
SOUL = """---
id: payer
name: Payer
account: payer
voice_traits: [calm]
directives: [Pay what is owed.]
---
Payer pays.
"""


async def main(spends: int, budgets: int) -> None:
    """Authorise all of them and print how many a second that was."""
    url, redis = os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_REDIS_URL"]
    system = System(Settings(state=os.environ["BENCH_STATE"], database_url=url, redis_url=redis, wallets=False))
    await system.open()
    tenant_id = await system.accounts.open_tenant("bench")
    limits = [Limit(span="total", amount="1000000000 USDC")]
    await system.accounts.set_policy(tenant_id, Policy(limits=limits, anomalies=AnomalyRules(enabled=False)), "bench")
    agent_id = (await system.accounts.import_persona(tenant_id, SOUL, "bench")).agent_id
    campaigns = [await _campaign(system, tenant_id, number) for number in range(budgets)]
    room = asyncio.Semaphore(AT_ONCE)

    async def authorise(number: int) -> bool:
        order = SpendOrder(
            tenant_id=tenant_id,
            agent_id=agent_id,
            campaign_id=campaigns[number % budgets],
            task_id=None,
            idempotency_key=f"bench-{number}",
            request=TransactionRequest(destination_wallet="0xA", token_amount="1 USDC", purpose="reach"),
        )
        async with room:
            return (await system.treasury.authorise(order)).granted

    await asyncio.gather(*(authorise(-number) for number in range(1, WARM + 1)))
    meter = Meter()
    granted = await asyncio.gather(*(authorise(number) for number in range(spends)))
    print(meter.told(spends))  # noqa: T201
    if not all(granted):
        raise SystemExit("a request was refused that had room")
    await system.close()


async def _campaign(system: System, tenant_id: UUID, number: int) -> UUID:
    budget = [Limit(span="total", amount="1000000 USDC")]
    brief = Brief(persona="payer", name=f"Campaign {number}", goal="Pay", strategy=["Promptly."], budget=budget)
    return await system.campaigns.create(tenant_id, brief, "bench")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
