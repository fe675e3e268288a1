"""The board's pages about tasks: the list, and each from dispatch to delivery."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.responses import Response

from chimera import lifecycle
from chimera.api.paging import TaskName
from chimera.board.names import CampaignNames
from chimera.board.requests import Id, Open, OptionalId, Visitor, done, page, pager
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.personas.reads import PersonaReads
from chimera.provenance.reads import ProvenanceReads
from chimera.tasks.reads import TaskReads
from chimera.tasks.service.dispatch import TaskService
from chimera.tasks.types.envelope import Envelope
from chimera.tasks.types.views import TaskView
from chimera.values import TaskStatus

ROWS = 50


async def tasks(
    request: Visitor,
    before: OptionalId = None,
    status: Annotated[TaskStatus | None, Open, Query()] = None,
    campaign_id: OptionalId = None,
    agent_id: OptionalId = None,
) -> Response:
    """Tasks, newest first, narrowed as wished."""
    tenant_id, personas = request.who.tenant_id, request.service(PersonaReads)
    found = await request.service(TaskReads).tasks(
        tenant_id, ROWS, before, status=status, campaign_id=campaign_id, agent_id=agent_id
    )
    chosen = {"status": status.value if status else None, "campaign_id": campaign_id, "agent_id": agent_id}
    return await page(
        request,
        "tasks.html",
        "/tasks",
        tasks=found.items,
        bounds=(await personas.policy(tenant_id)).bounds,
        statuses=list(TaskStatus),
        campaigns=await request.service(CampaignNames).newest(tenant_id, 100),
        influencers=(await personas.influencers(tenant_id, 100)).items,
        chosen=chosen,
        pager=pager("/tasks", before, found.next, **chosen),
    )


async def task(request: Visitor, name: TaskName) -> Response:
    """One task from dispatch to delivery."""
    return await page(request, "task.html", "/tasks", "task", name)


async def cancel(request: Visitor, task_id: Id) -> Response:
    """Stop a task that is not over."""
    await request.service(TaskService).cancel(request.who.tenant_id, task_id, request.who.actor)
    return done(request, "Cancelled.", f"/tasks/{task_id}")


async def replay(request: Visitor, task_id: Id) -> Response:
    """Give a dead letter another life."""
    await request.service(TaskService).replay(request.who.tenant_id, task_id, request.who.actor)
    return done(request, "Replayed.", f"/tasks/{task_id}")


async def _task(look: BoardLook, name: str) -> Mapping[str, object]:
    reads, tenant_id = look.service(TaskReads), look.tenant_id
    task = await reads.task(tenant_id, name)
    kin = {task.parent_id, *task.children} - {None}
    known: dict[UUID, TaskView] = {}
    if kin:
        near = await reads.tasks(tenant_id, 500, campaign_id=task.campaign_id)
        known = {row.task_id: row for row in near.items if row.task_id in kin}
    return {
        "task": task,
        "prompts": _prompts(task),
        "kin": known,
        "campaign": await look.service(CampaignNames).one(tenant_id, task.campaign_id),
        "asset_id": await look.service(ProvenanceReads).asset_of(tenant_id, task.task_id),
        "over": task.status in lifecycle.TASK_OVER,
        "bounds": (await look.service(PersonaReads).policy(tenant_id)).bounds,
    }


def _prompts(task: Envelope) -> list[tuple[str, str]]:
    made = task.execution_result
    if made is None or made.metadata.prompt is None:
        return []
    prompt = made.metadata.prompt
    return [(f"{prompt.name}, version {prompt.version}", prompt.text)]


PAGES = Pages(
    package="chimera.tasks",
    reading=(("/tasks", tasks), ("/tasks/{name}", task)),
    acting=(("/tasks/{task_id}/cancel", cancel, "author"), ("/tasks/{task_id}/replay", replay, "operate")),
    regions={"task": RegionSource(_task, frozenset({"author", "operate"}), of_one=True)},
    views={"task": ("task",)},
)
