"""Campaigns and their plans: from a brief to a graph of tasks that runs, pauses and ends."""

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera import lifecycle
from chimera.audit.service import trail as audit
from chimera.campaigns import store
from chimera.campaigns.rules import planning
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict, Superseded
from chimera.ids import new_id
from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import void
from chimera.personas import rules as persona
from chimera.personas.reads import agent_of
from chimera.personas.types.policy import Policy
from chimera.tasks.rules import kind_of
from chimera.tasks.service import graph
from chimera.tasks.types.messages import NewTask, Task
from chimera.tasks.types.work import DispatchContext, ExecutionResult, TaskDispatch, ToolCall, Verdict
from chimera.values import CampaignStatus, TaskKind, TaskStatus
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record

STANDING = "Direct tasks"
"""Name of the campaign that tasks without one belong to."""

_OPEN = [TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.IN_PROGRESS, TaskStatus.IN_REVIEW]

_CONTEXTS_KEPT = 2_048

_persona = lru_cache(maxsize=512)(persona.parse)


class CampaignService:
    """What operators do with campaigns. Every call is one transaction under the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, brief: Brief, actor: str) -> UUID:
        """Store a campaign as a draft. NotFound for an unknown persona, Conflict for a name that is taken."""
        async with self._database.transaction(tenant_id) as connection:
            return await _create(connection, tenant_id, brief, actor)

    async def launch(self, tenant_id: UUID, brief: Brief, actor: str) -> UUID:
        """Store a campaign and ask the Planner for its plan, both or neither: what starts by itself is never left
        as a draft that nobody plans."""
        async with self._database.transaction(tenant_id) as connection:
            campaign_id = await _create(connection, tenant_id, brief, actor)
            await _plan(connection, tenant_id, campaign_id, actor)
            return campaign_id

    async def plan(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> UUID:
        """Ask the Planner for a (new) plan; the id of the planning task.

        Conflict unless the campaign is a draft or waits for a start.
        """
        async with self._database.transaction(tenant_id) as connection:
            return await _plan(connection, tenant_id, campaign_id, actor)

    async def edit_plan(self, tenant_id: UUID, campaign_id: UUID, draft: PlanDraft, actor: str) -> None:
        """Put an edited plan in the place of the one that waits for its start (UI-2)."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await _lock(connection, tenant_id, campaign_id)
            latest = await _waiting_plan(connection, campaign)
            planning.check(draft)
            planning.within(draft, Brief.model_validate_json(campaign["brief"]))
            edited = NewPlan(plan_id=new_id(), draft=draft, author=actor)
            await store.add_plan(connection, campaign, latest["task_id"], edited)
            await _note(connection, tenant_id, actor, "plan.edited", campaign_id, {"nodes": len(draft.nodes)})

    async def start(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """Run the plan that waits, or go on after a pause."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await _lock(connection, tenant_id, campaign_id)
            await _note(connection, tenant_id, actor, "campaign.started", campaign_id, {})
            if campaign["status"] == CampaignStatus.PAUSED.value:
                begun = await store.has_run(connection, campaign_id)
                on = CampaignStatus.RUNNING if begun else CampaignStatus.PLANNING
                await _move(connection, campaign, on, bump=True)
                return
            latest = await _waiting_plan(connection, campaign)
            await _run(connection, campaign, latest["plan_id"], PlanDraft.model_validate_json(latest["draft"]))

    async def pause(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """Stop starting work; what is being made goes stale, what is approved is not published (ORC-8)."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await _lock(connection, tenant_id, campaign_id)
            await _move(connection, campaign, CampaignStatus.PAUSED, bump=True)
            await _note(connection, tenant_id, actor, "campaign.paused", campaign_id, {})

    async def cancel(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """End a campaign: open tasks are cancelled, effects that have not begun are withdrawn."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await _lock(connection, tenant_id, campaign_id)
            await _move(connection, campaign, CampaignStatus.CANCELLED, bump=True)
            states = [*_OPEN, TaskStatus.AWAITING_APPROVAL]
            await store.withdraw(connection, campaign_id, states, "the campaign was cancelled", actor)
            await _note(connection, tenant_id, actor, "campaign.cancelled", campaign_id, {})
            await void(connection, await store.idle_reservations(connection, campaign_id))


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
            campaign = await _lock(connection, task.tenant_id, task.campaign_id)
            if campaign["status"] != CampaignStatus.PLANNING.value:
                raise Superseded(f"campaign {task.campaign_id} is not waiting for a plan any more")
            await store.add_plan(connection, campaign, task.task_id, planned)
            if campaign["autostart"]:
                await _run(connection, campaign, planned.plan_id, planned.draft)
            else:
                await _move(connection, campaign, CampaignStatus.PLANNED)

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


async def renew_states(connection: Connection, tenant_id: UUID) -> None:
    """A new fleet policy is a new state of every campaign that is not over, in the caller's transaction (SOUL-3)."""
    await store.bump(connection, tenant_id)


async def open_standing(connection: Connection, tenant_id: UUID, agent_id: UUID, brief: Brief) -> UUID:
    """The influencer's standing campaign, made if it is missing: home of tasks that name no campaign."""
    known = await store.standing(connection, agent_id)
    if known is not None:
        return known
    campaign_id = await store.create(connection, tenant_id, agent_id, brief, CampaignStatus.RUNNING, standing=True)
    if campaign_id is None:
        raise Conflict(f"{brief.persona} has a campaign of its own named {STANDING!r}")
    await set_limits(connection, tenant_id, "campaign", str(campaign_id), brief.budget, "chimera")
    return campaign_id


async def _create(connection: Connection, tenant_id: UUID, brief: Brief, actor: str) -> UUID:
    agent_id = await agent_of(connection, tenant_id, brief.persona)
    if agent_id is None:
        raise NotFound(f"no influencer has the persona {brief.persona!r}", remedy="Import its SOUL.md first.")
    campaign_id = await store.create(connection, tenant_id, agent_id, brief, CampaignStatus.DRAFT, standing=False)
    if campaign_id is None:
        raise Conflict(f"{brief.persona} already has a campaign named {brief.name!r}")
    await set_limits(connection, tenant_id, "campaign", str(campaign_id), brief.budget, actor)
    await _note(connection, tenant_id, actor, "campaign.created", campaign_id, {"name": brief.name})
    return campaign_id


async def _plan(connection: Connection, tenant_id: UUID, campaign_id: UUID, actor: str) -> UUID:
    campaign = await _lock(connection, tenant_id, campaign_id)
    if campaign["status"] == CampaignStatus.PAUSED.value:
        raise Conflict("a paused campaign is not planned", remedy="Start it again first.")
    await _move(connection, campaign, CampaignStatus.PLANNING)
    goal = Brief.model_validate_json(campaign["brief"]).goal
    new = NewTask(
        task_id=(task_id := new_id()),
        parent_id=None,
        node_key=None,
        kind=TaskKind.PLAN,
        dispatch=TaskDispatch(
            execution_id=str(task_id),
            context=_context(campaign, goal),
            tool_call=ToolCall(target_mcp="chimera", action="plan"),
        ),
        depends_on=[],
    )
    await graph.add(connection, campaign, [new])
    await _note(connection, tenant_id, actor, "campaign.planning", campaign_id, {})
    return task_id


async def _waiting_plan(connection: Connection, campaign: "Record") -> "Record":
    latest = await store.latest_plan(connection, campaign["campaign_id"])
    if latest is None or latest["status"] != "draft" or campaign["status"] != CampaignStatus.PLANNED.value:
        raise Conflict(f"no plan waits: the campaign is {campaign['status']}", remedy="Plan it first, or wait.")
    return latest


async def _lock(connection: Connection, tenant_id: UUID, campaign_id: UUID) -> "Record":
    """A campaign, so that nobody moves it meanwhile; NotFound when there is none."""
    row = await store.lock(connection, tenant_id, campaign_id)
    if row is None:
        raise NotFound(f"campaign {campaign_id} does not exist")
    return row


async def _move(connection: Connection, campaign: "Record", to: CampaignStatus, *, bump: bool = False) -> None:
    """Bring a campaign into another state. Conflict when it cannot get there from where it is."""
    if campaign["standing"]:
        raise Conflict("the standing campaign is neither planned nor ended", remedy="Halt the influencer instead.")
    guard = lifecycle.campaign_before(to)
    if not await store.move(connection, campaign["campaign_id"], to, guard, bump=bump):
        raise Conflict(f"a campaign that is {campaign['status']} cannot become {to.value}")


async def _run(connection: Connection, campaign: "Record", plan_id: UUID, draft: PlanDraft) -> None:
    """Make tasks of a plan; what waits for nothing is queued."""
    await _move(connection, campaign, CampaignStatus.RUNNING)
    plan_task = await store.run_plan(connection, plan_id)
    await graph.add(connection, campaign, _new_tasks(campaign, draft, plan_task))


def _new_tasks(campaign: "Record", draft: PlanDraft, plan_task: UUID) -> list[NewTask]:
    brief = Brief.model_validate_json(campaign["brief"])
    ids = {node.key: new_id() for node in draft.nodes}

    def made(node: PlanNode) -> NewTask:
        dispatch = TaskDispatch(
            execution_id=str(ids[node.key]),
            context=_context(campaign, node.goal),
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


def _context(campaign: "Record", goal: str) -> DispatchContext:
    """Who speaks in a campaign, and to what end."""
    return DispatchContext(
        persona=campaign["persona"],
        goal=goal,
        soul_hash=campaign["soul_hash"],
        campaign_id=campaign["campaign_id"],
    )


async def _note(
    connection: Connection,
    tenant_id: UUID,
    actor: str,
    action: str,
    campaign_id: UUID,
    body: dict[str, JsonValue],
) -> None:
    await audit.note(connection, tenant_id, actor=actor, action=action, subject=str(campaign_id), body=body)
