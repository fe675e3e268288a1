"""Chimera's cycle: plans are laid out, the real Worker and the real Judge handle every task, up to the Judge's commit.

It also leaves the rows of a few of its tasks in a file, from which the peers make the same rows.
"""

import asyncio
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import asyncpg
import uvloop

from bench.programs.meter import Meter
from bench.programs.ports import NoCfo, NoMemory, NoModel, NoPulse, NoTools
from bench.programs.sampling import Samples
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.money.types.limits import Limit
from chimera.review.service.judging import JudgingService
from chimera.review.types.messages import CommitCommand
from chimera.settings import Settings
from chimera.tasks.types.messages import CommitResult, Lease
from chimera.tasks.types.work import ToolCall
from chimera.values import Role, Stage
from chimera.wiring import System
from chimera.wiring.roles import serve

PLAN_SIZE = 50
PARENTS = {
    "tenant": "SELECT * FROM tenant",
    "influencer": "SELECT * FROM influencer",
    "campaign": "SELECT * FROM campaign",
    "task": "SELECT * FROM task WHERE kind = 'plan'",
    "account": "SELECT * FROM account",
}
TABLES = {
    "task": "SELECT * FROM task WHERE task_id = $1",
    "execution": "SELECT * FROM execution WHERE task_id = $1",
    "verdict": "SELECT * FROM verdict WHERE task_id = $1",
    "asset": "SELECT * FROM asset WHERE task_id = $1",
    "generation_log": "SELECT g.* FROM generation_log g JOIN asset a USING (asset_id) WHERE a.task_id = $1",
    "transaction_ledger": "SELECT l.* FROM transaction_ledger l JOIN asset a USING (asset_id) WHERE a.task_id = $1",
    "ledger_posting": """SELECT p.* FROM ledger_posting p JOIN transaction_ledger USING (transaction_id)
        JOIN asset a USING (asset_id) WHERE a.task_id = $1""",
    "provenance": "SELECT p.* FROM provenance p JOIN asset a USING (asset_id) WHERE a.task_id = $1",
    "effect": "SELECT * FROM effect WHERE task_id = $1",
    "audit_event": "SELECT * FROM audit_event WHERE subject = $1::uuid::text",
}
"""The rows of one task, by table."""
SOUL = """---
id: influencer-{number}
name: Influencer {number}
account: influencer_{number}
voice_traits: [calm, exact]
directives: [Say one thing at a time., Name the source.]
hashtags: ["#slow"]
---
Influencer {number} reads old documents and tells what became of them.
"""


class CountedVerdicts:
    """The Judge's store, with an event for the moment when so many verdicts are durable."""

    def __init__(self, store: JudgingService, count: int) -> None:
        self._store = store
        self._left = count
        self.finished = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        committed = await self._store.commit(judgement)
        self._left -= committed.status is not None
        if self._left <= 0:
            self.finished.set()
        return committed


async def prepare(system: System, tenant_id: UUID, number: int) -> tuple[Lease, NewPlan]:
    """An influencer with a campaign that waits for its plan, and that plan."""
    await system.accounts.import_persona(tenant_id, SOUL.format(number=number), actor="bench")
    brief = Brief(
        persona=f"influencer-{number}",
        name="Bench",
        goal="Show what a cycle costs.",
        strategy=["One idea to a post."],
        budget=[Limit(span="day", amount="200 USDC")],
        autostart=True,
    )
    campaign_id = await system.campaigns.create(tenant_id, brief, actor="bench")
    plan_id = await system.campaigns.plan(tenant_id, campaign_id, actor="bench")
    nodes = [
        PlanNode(
            key=f"post-{index}",
            goal=f"Post {index}: certificates and trust on the web",
            tool_call=ToolCall(target_mcp="twitter-mcp", action="post_tweet", parameters={"topic": "trust"}),
        )
        for index in range(PLAN_SIZE)
    ]
    lease = Lease(id=plan_id, stream="", entry="", redelivered=False)
    return lease, NewPlan(plan_id=new_id(), draft=PlanDraft(rationale="To measure.", nodes=nodes), author="bench")


async def dispatch(system: System, planner: ProcessHeartbeat, lease: Lease, planned: NewPlan) -> None:
    """Claim a planning task and store its plan, as the Planner does; that queues the plan's tasks."""
    (task,) = await system.work.claim([lease], planner.process_id, Stage.PLAN)
    await system.plans.store_plan(task, planned)


async def stencils(url: str) -> dict[str, object]:
    """The rows of one task of each campaign, and the rows that they refer to."""
    connection = await asyncpg.connect(url)

    async def rows(query: str, *parameters: object) -> list[object]:
        found = await connection.fetch(f"SELECT to_jsonb(r) AS row FROM ({query}) r", *parameters)  # noqa: S608
        return [json.loads(row["row"]) for row in found]

    parents = {name: await rows(query) for name, query in PARENTS.items()}
    first = await connection.fetch("SELECT DISTINCT ON (campaign_id) task_id FROM asset ORDER BY campaign_id, asset_id")
    tasks = [{table: await rows(query, record["task_id"]) for table, query in TABLES.items()} for record in first]
    await connection.close()
    return {"parents": parents, "tasks": tasks}


async def main(cycles: int, profile: bool) -> tuple[str, dict[str, object]]:
    """Run the cycles: how many a second, and the rows for the peers."""
    url = os.environ["BENCH_DATABASE_URL"]
    state = Path(os.environ["BENCH_STATE"])
    system = System(Settings(state=state, database_url=url, redis_url=os.environ["BENCH_REDIS_URL"]))
    await system.open()
    tenant_id = await system.accounts.open_tenant("bench")
    plans = [await prepare(system, tenant_id, number) for number in range(cycles // PLAN_SIZE)]
    judging = CountedVerdicts(system.judging, cycles)
    parts = {"judging": judging, "paid_model": NoModel(), "tools": NoTools(), "memory": NoMemory(), "cfo": NoCfo()}
    system.__dict__.update(parts | {"pulse": NoPulse()})
    stopping = asyncio.Event()
    samples = Samples()
    serving = asyncio.create_task(serve(system, [Role.WORKER, Role.JUDGE], stopping))
    await asyncio.sleep(1)
    planner = ProcessHeartbeat(process_id=new_id(), role=Role.PLANNER, host="bench", pid=os.getpid())
    await system.fleet.mark(planner)
    meter = Meter()
    with samples.taken() if profile else nullcontext():
        await asyncio.gather(*(dispatch(system, planner, *plan) for plan in plans))
        await judging.finished.wait()
    told = meter.told(cycles)
    stopping.set()
    await serving
    await system.close()
    if profile:
        print(samples.told(), file=sys.stderr)  # noqa: T201
    return told, await stencils(url)


if __name__ == "__main__":
    answer, rows_for_peers = uvloop.run(main(int(sys.argv[1]), "--profile" in sys.argv))
    Path(os.environ["BENCH_STENCILS"]).write_text(json.dumps(rows_for_peers))
    print(answer)  # noqa: T201
