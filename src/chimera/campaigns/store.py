"""Campaigns and plans: one function for each statement of `campaigns.sql`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan
from chimera.database.postgres import Connection, queries
from chimera.ids import new_id
from chimera.tasks.types.messages import Task
from chimera.values import CampaignStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("campaigns/campaigns")


async def standing(connection: Connection, agent_id: UUID) -> UUID | None:
    """The influencer's standing campaign."""
    found: UUID | None = await connection.fetchval(SQL["standing"], agent_id)
    return found


async def create(
    connection: Connection, tenant_id: UUID, agent_id: UUID, brief: Brief, status: CampaignStatus, *, standing: bool
) -> UUID | None:
    """A new campaign; None when its name is taken."""
    found: UUID | None = await connection.fetchval(
        SQL["create"],
        new_id(),
        tenant_id,
        agent_id,
        brief.name,
        standing,
        brief.model_dump_json(),
        status.value,
        brief.autostart,
    )
    return found


async def lock(connection: Connection, tenant_id: UUID, campaign_id: UUID) -> "Record | None":
    """A campaign with its influencer, so that nobody moves it meanwhile."""
    return await connection.fetchrow(SQL["lock"], campaign_id, tenant_id)


async def move(
    connection: Connection, campaign_id: UUID, to: CampaignStatus, guard: Sequence[str], *, bump: bool
) -> bool:
    """Another state; `bump` makes stale what was made before. False when it is in none of the guard's states."""
    return await connection.fetchval(SQL["move"], campaign_id, to.value, bump, guard) is not None


async def bump(connection: Connection, tenant_id: UUID) -> None:
    """A new state for every campaign of the tenant that is not over."""
    await connection.execute(SQL["bump"], tenant_id)


async def add_plan(connection: Connection, campaign: "Record", task_id: UUID, planned: NewPlan) -> None:
    """A plan that waits, in the place of those that waited before."""
    await connection.execute(SQL["supersede_plans"], campaign["campaign_id"])
    await connection.execute(
        SQL["add_plan"],
        planned.plan_id,
        campaign["tenant_id"],
        campaign["campaign_id"],
        task_id,
        planned.draft.model_dump_json(),
        "draft",
        planned.author,
    )


async def latest_plan(connection: Connection, campaign_id: UUID) -> "Record | None":
    """The plan that waits or runs."""
    return await connection.fetchrow(SQL["latest_plan"], campaign_id)


async def run_plan(connection: Connection, plan_id: UUID) -> UUID:
    """The plan runs; the task that made it."""
    task_id: UUID = await connection.fetchval(SQL["run_plan"], plan_id)
    return task_id


async def has_run(connection: Connection, campaign_id: UUID) -> bool:
    """Whether a plan of the campaign runs."""
    return bool(await connection.fetchval(SQL["has_run"], campaign_id))


async def withdraw(connection: Connection, campaign_id: UUID, states: Sequence[str], cause: str, actor: str) -> None:
    """What is left of a campaign: its tasks in these states, effects that have not begun, what waits for a human."""
    await connection.execute(SQL["cancel_tasks"], campaign_id, states, cause)
    await connection.execute(SQL["withdraw_effects"], campaign_id, cause, actor)
    await connection.execute(SQL["withdraw_approvals"], campaign_id)


async def idle_reservations(connection: Connection, campaign_id: UUID) -> list[UUID]:
    """Money that nothing is on its way to spend any more."""
    return [row["reservation_id"] for row in await connection.fetch(SQL["idle_reservations"], campaign_id)]


async def context(connection: Connection, task: Task) -> "Record | None":
    """Persona, policy and brief as the task names them, each as it was written."""
    return await connection.fetchrow(SQL["context"], task.tenant_id, task.soul_hash, task.policy_hash, task.campaign_id)


async def rejected(connection: Connection, task_id: UUID | None) -> "Record | None":
    """A task with its latest result and the latest verdict about it."""
    return await connection.fetchrow(SQL["rejected"], task_id)
