"""Tasks: dispatch, trace, cancel, and the lease for workers outside the swarm."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints

from chimera.api.auth import Anyone, Author, Dispatcher, Operator, Wired
from chimera.api.paging import Before, Limit, TaskName
from chimera.tasks.types.envelope import Envelope
from chimera.tasks.types.views import TaskView
from chimera.tasks.types.work import ExecutionResult, TaskDispatch
from chimera.values import Page, Stage, TaskStatus
from chimera.wiring import Claimed, check_prompt
from chimera_protocol.errors import NotFound
from chimera_protocol.wire import Name, Wire

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


class Accepted(Wire):
    """A task that was taken on."""

    task_id: UUID
    execution_id: str


class Claim(Wire):
    """A wish for work."""

    persona: Name | None = None
    lease_seconds: Annotated[float, Field(ge=5, le=3_600)] = 60


class Renewal(Wire):
    """A wish to keep a lease."""

    attempt: Annotated[int, Field(ge=0, lt=2**31)]
    lease_seconds: Annotated[float, Field(ge=5, le=3_600)] = 60


class Cancellation(Wire):
    """Why a task is stopped; it is kept as its cause."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")] | None = None


@router.post("", status_code=202)
async def dispatch(wanted: TaskDispatch, who: Dispatcher, system: Wired, response: Response) -> Accepted:
    """Take on a task (ORC-2, ORC-4). The same body twice is taken on once and answered with 200."""
    if not system.tools.knows(wanted.tool_call.target_mcp, wanted.tool_call.action):
        raise NotFound(
            f"the tool {wanted.tool_call.target_mcp}/{wanted.tool_call.action} is not configured",
            remedy="GET /v1/tools lists what is.",
        )
    check_prompt(wanted)
    await system.check_capacity(Stage.WORK)
    task_id, new = await system.desk.dispatch(who.tenant_id, wanted, who.actor)
    if not new:
        response.status_code = 200
    return Accepted(task_id=task_id, execution_id=wanted.execution_id)


@router.get("")
async def tasks(
    who: Anyone,
    system: Wired,
    limit: Limit = 50,
    before: Before = None,
    status: TaskStatus | None = None,
    campaign_id: Annotated[UUID | None, Query()] = None,
    agent_id: Annotated[UUID | None, Query()] = None,
) -> Page[TaskView]:
    """Tasks, newest first."""
    return await system.reads.tasks(
        who.tenant_id, limit, before, status=status, campaign_id=campaign_id, agent_id=agent_id
    )


@router.get("/{name}", response_model_exclude_unset=True)
async def task(name: TaskName, who: Anyone, system: Wired) -> Envelope:
    """One task whole: dispatch, result, verdicts, money, delivery and every step (ORC-3). By either id."""
    return await system.reads.task(who.tenant_id, name)


@router.post("/{name}/cancel", status_code=204)
async def cancel(name: TaskName, who: Author, system: Wired, why: Cancellation | None = None) -> None:
    """Stop a task that is not over, or close a dead letter for good."""
    task_id = await _id(name, who, system)
    await system.desk.cancel(who.tenant_id, task_id, who.actor, why.reason if why else None)


@router.post("/{name}/replay", status_code=202)
async def replay(name: TaskName, who: Operator, system: Wired) -> Accepted:
    """Give a dead letter another life (ORC-11). 409 before its cool-down is over, and after its last life."""
    found = await system.reads.task(who.tenant_id, name)
    await system.desk.replay(who.tenant_id, found.task_id, who.actor)
    return Accepted(task_id=found.task_id, execution_id=found.execution_id)


@router.post("/claim", response_model_exclude_unset=True, responses={204: {"description": "Nothing to do."}})
async def claim(wish: Claim, who: Dispatcher, system: Wired, response: Response) -> Claimed | None:
    """Claim the next task with `worker: external` (ORC-13); its lease runs out by itself."""
    found = await system.desk.claim(who.tenant_id, who.key_id, wish.persona, wish.lease_seconds)
    if found is None:
        response.status_code = 204
    return found


@router.post("/{name}/lease", response_model_exclude_unset=True)
async def renew(name: TaskName, wish: Renewal, who: Dispatcher, system: Wired) -> Claimed:
    """Keep a claimed task longer."""
    task_id = await _id(name, who, system)
    return await system.desk.renew(who.tenant_id, who.key_id, task_id, wish.attempt, wish.lease_seconds)


@router.post("/{name}/result", status_code=202)
async def result(
    name: TaskName,
    result: ExecutionResult,
    who: Dispatcher,
    system: Wired,
    attempt: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> Accepted:
    """Return a claimed task's result; it goes to the Judge. `judge_evaluation` in it is refused (ORC-6)."""
    task_id = await _id(name, who, system)
    await system.desk.submit(who.tenant_id, who.key_id, task_id, result, attempt)
    return Accepted(task_id=task_id, execution_id=result.execution_id)


async def _id(name: str, who: Anyone, system: Wired) -> UUID:
    return (await system.reads.task(who.tenant_id, name)).task_id
