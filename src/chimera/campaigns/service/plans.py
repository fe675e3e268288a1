"""Plans in PostgreSQL: the surroundings that a task is made in, plans that are stored and run, revisions."""

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from chimera import lifecycle
from chimera.campaigns import store
from chimera.campaigns.rules import planning
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict, Superseded
from chimera.ids import new_id
from chimera.personas import rules as persona
from chimera.personas.types.policy import Policy
from chimera.tasks.rules import kind_of
from chimera.tasks.service import graph
from chimera.tasks.types.messages import NewTask, Task
from chimera.tasks.types.work import DispatchContext, ExecutionResult, TaskDispatch, Verdict
from chimera.values import CampaignStatus
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record

_CONTEXTS_KEPT = 2_048

_persona = lru_cache(maxsize=512)(persona.parse)


class PlanService:
    """What the roles ask of campaigns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._contexts: dict[tuple[UUID, str, str, UUID, int], asyncio.Future[TaskContext]] = {}

    async def context(self, task: Task) -> TaskContext:
        """The persona, policy and brief that the task names; NotFound when one is not there.

        Versions never change, so they are read once per process.
        """
        key = (task.tenant_id, task.soul_hash, task.policy_hash, task.campaign_id, task.state_version)
        known = self._contexts.get(key)
        if known is None or (known.done() and (known.cancelled() or known.exception() is not None)):
            if len(self._contexts) >= _CONTEXTS_KEPT:
                self._contexts.clear()
            known = self._contexts[key] = asyncio.ensure_future(self._read_context(task))
        return await asyncio.shield(known)

    async def _read_context(self, task: Task) -> TaskContext:
        async with self._database.connection() as connection:
            row = await store.context(connection, task)
        if row is None:
            raise NotFound(f"task {task.task_id} names a persona, policy or campaign that is not there")
        return TaskContext(
            persona=_persona(row["source"]),
            policy=Policy.model_validate_json(row["policy"]),
            brief=Brief.model_validate_json(row["brief"]),
        )

    async def store_plan(self, task: Task, planned: NewPlan) -> None:
        """Keep a plan and complete its planning task: it runs at once when its campaign starts by itself, else it
        waits for the operator. Superseded when the campaign waits for no plan any more, or another attempt has it."""
        async with self._database.transaction() as connection:
            await graph.complete(connection, task)
            campaign = await lock(connection, task.tenant_id, task.campaign_id)
            if campaign["status"] != CampaignStatus.PLANNING.value:
                raise Superseded(f"campaign {task.campaign_id} is not waiting for a plan any more")
            await store.add_plan(connection, campaign, task.task_id, planned)
            if campaign["autostart"]:
                await run(connection, campaign, planned.plan_id, planned.draft)
            else:
                await move(connection, campaign, CampaignStatus.PLANNED)

    async def revision_request(self, task: Task) -> RevisionRequest:
        """What a revision task is about: the task that was turned down, and why. NotFound when it revises nothing."""
        async with self._database.connection() as connection:
            row = await store.rejected(connection, task.parent_id)
        if row is None:
            raise NotFound(f"task {task.task_id} revises nothing")
        return RevisionRequest(
            task=graph.task_of(row),
            node_key=row["node_key"],
            verdict=Verdict.model_validate_json(row["verdict"]) if row["verdict"] else None,
            cause=row["cause"],
            result=ExecutionResult.model_validate_json(row["result"]) if row["result"] else None,
        )

    async def replace_task(self, task: Task, old: Task, new: NewTask) -> None:
        """Complete a revision task: the new task takes the old one's place in the graph. Superseded when another
        attempt has the revision."""
        async with self._database.transaction() as connection:
            where = await graph.complete(connection, task)
            await graph.replace(connection, where, old, new)


async def lock(connection: Connection, tenant_id: UUID, campaign_id: UUID) -> "Record":
    """A campaign, so that nobody moves it meanwhile; NotFound when there is none."""
    row = await store.lock(connection, tenant_id, campaign_id)
    if row is None:
        raise NotFound(f"campaign {campaign_id} does not exist")
    return row


async def move(connection: Connection, campaign: "Record", to: CampaignStatus, *, bump: bool = False) -> None:
    """Bring a campaign into another state. Conflict when it cannot get there from where it is."""
    if campaign["standing"]:
        raise Conflict("the standing campaign is neither planned nor ended", remedy="Halt the influencer instead.")
    guard = lifecycle.campaign_before(to)
    if not await store.move(connection, campaign["campaign_id"], to, guard, bump=bump):
        raise Conflict(f"a campaign that is {campaign['status']} cannot become {to.value}")


async def run(connection: Connection, campaign: "Record", plan_id: UUID, draft: PlanDraft) -> None:
    """Make tasks of a plan; what waits for nothing is queued."""
    await move(connection, campaign, CampaignStatus.RUNNING)
    plan_task = await store.run_plan(connection, plan_id)
    await graph.add(connection, campaign, _new_tasks(campaign, draft, plan_task))


def _new_tasks(campaign: "Record", draft: PlanDraft, plan_task: UUID) -> list[NewTask]:
    brief = Brief.model_validate_json(campaign["brief"])
    ids = {node.key: new_id() for node in draft.nodes}

    def made(node: PlanNode) -> NewTask:
        dispatch = TaskDispatch(
            execution_id=str(ids[node.key]),
            context=dispatch_context(campaign, node.goal),
            tool_call=node.tool_call,
            constraints=brief.constraints,
            priority=node.priority,
        )
        return NewTask(
            task_id=ids[node.key],
            parent_id=plan_task,
            node_key=node.key,
            kind=kind_of(node.tool_call),
            dispatch=dispatch,
            depends_on=[ids[key] for key in node.depends_on],
        )

    return [made(node) for node in planning.check(draft)]


def dispatch_context(campaign: "Record", goal: str) -> DispatchContext:
    """Who speaks in a campaign, and to what end."""
    return DispatchContext(
        persona=campaign["persona"],
        goal=goal,
        soul_hash=campaign["soul_hash"],
        campaign_id=campaign["campaign_id"],
    )
