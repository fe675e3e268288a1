"""Campaigns and their plans: from a brief to a graph of tasks that runs, pauses and ends."""

from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.campaigns import store
from chimera.campaigns.rules import planning
from chimera.campaigns.service.plans import dispatch_context, lock, move, run
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan
from chimera.campaigns.types.plans import PlanDraft
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import void
from chimera.tasks.service import graph
from chimera.tasks.types.messages import NewTask
from chimera.tasks.types.work import TaskDispatch, ToolCall
from chimera.values import CampaignStatus, TaskKind, TaskStatus
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


STANDING = "Direct tasks"
"""Name of the campaign that tasks without one belong to."""

_OPEN = [TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.IN_PROGRESS, TaskStatus.IN_REVIEW]


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
            campaign = await lock(connection, tenant_id, campaign_id)
            latest = await _waiting_plan(connection, campaign)
            planning.check(draft)
            planning.within(draft, Brief.model_validate_json(campaign["brief"]))
            edited = NewPlan(plan_id=new_id(), draft=draft, author=actor)
            await store.add_plan(connection, campaign, latest["task_id"], edited)
            await _note(connection, tenant_id, actor, "plan.edited", campaign_id, {"nodes": len(draft.nodes)})

    async def start(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """Run the plan that waits, or go on after a pause."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await lock(connection, tenant_id, campaign_id)
            await _note(connection, tenant_id, actor, "campaign.started", campaign_id, {})
            if campaign["status"] == CampaignStatus.PAUSED.value:
                begun = await store.has_run(connection, campaign_id)
                on = CampaignStatus.RUNNING if begun else CampaignStatus.PLANNING
                await move(connection, campaign, on, bump=True)
                return
            latest = await _waiting_plan(connection, campaign)
            await run(connection, campaign, latest["plan_id"], PlanDraft.model_validate_json(latest["draft"]))

    async def pause(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """Stop starting work; what is being made goes stale, what is approved is not published (ORC-8)."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await lock(connection, tenant_id, campaign_id)
            await move(connection, campaign, CampaignStatus.PAUSED, bump=True)
            await _note(connection, tenant_id, actor, "campaign.paused", campaign_id, {})

    async def cancel(self, tenant_id: UUID, campaign_id: UUID, actor: str) -> None:
        """End a campaign: open tasks are cancelled, effects that have not begun are withdrawn."""
        async with self._database.transaction(tenant_id) as connection:
            campaign = await lock(connection, tenant_id, campaign_id)
            await move(connection, campaign, CampaignStatus.CANCELLED, bump=True)
            states = [*_OPEN, TaskStatus.AWAITING_APPROVAL]
            await store.withdraw(connection, campaign_id, states, "the campaign was cancelled", actor)
            await _note(connection, tenant_id, actor, "campaign.cancelled", campaign_id, {})
            await void(connection, await store.idle_reservations(connection, campaign_id))


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


async def bump(connection: Connection, tenant_id: UUID) -> None:
    """A new state for every campaign of the tenant that is not over: what was made before goes stale (ORC-8)."""
    await store.bump(connection, tenant_id)


async def _create(connection: Connection, tenant_id: UUID, brief: Brief, actor: str) -> UUID:
    agent_id = await store.agent_id(connection, tenant_id, brief.persona)
    if agent_id is None:
        raise NotFound(f"no influencer has the persona {brief.persona!r}", remedy="Import its SOUL.md first.")
    campaign_id = await store.create(connection, tenant_id, agent_id, brief, CampaignStatus.DRAFT, standing=False)
    if campaign_id is None:
        raise Conflict(f"{brief.persona} already has a campaign named {brief.name!r}")
    await set_limits(connection, tenant_id, "campaign", str(campaign_id), brief.budget, actor)
    await _note(connection, tenant_id, actor, "campaign.created", campaign_id, {"name": brief.name})
    return campaign_id


async def _plan(connection: Connection, tenant_id: UUID, campaign_id: UUID, actor: str) -> UUID:
    campaign = await lock(connection, tenant_id, campaign_id)
    if campaign["status"] == CampaignStatus.PAUSED.value:
        raise Conflict("a paused campaign is not planned", remedy="Start it again first.")
    await move(connection, campaign, CampaignStatus.PLANNING)
    goal = Brief.model_validate_json(campaign["brief"]).goal
    new = NewTask(
        task_id=(task_id := new_id()),
        parent_id=None,
        node_key=None,
        kind=TaskKind.PLAN,
        dispatch=TaskDispatch(
            execution_id=str(task_id),
            context=dispatch_context(campaign, goal),
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


async def _note(
    connection: Connection,
    tenant_id: UUID,
    actor: str,
    action: str,
    campaign_id: UUID,
    body: dict[str, JsonValue],
) -> None:
    await audit.note(connection, tenant_id, actor=actor, action=action, subject=str(campaign_id), body=body)
