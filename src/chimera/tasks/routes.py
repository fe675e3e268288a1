"""Tasks: dispatch, trace, cancel, the lease for workers outside the swarm, dead letters, lineage."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, StringConstraints

from chimera.api.auth import Anyone, Author, Dispatcher, Operator
from chimera.api.paging import Before, Limit, TaskName
from chimera.api.services import provided
from chimera.tasks.reads import TaskReads
from chimera.tasks.service.admission import Admission
from chimera.tasks.service.dispatch import Claimed, TaskService
from chimera.tasks.types.envelope import Envelope
from chimera.tasks.types.lineage import Lineage
from chimera.tasks.types.views import DeadLetterView, TaskView
from chimera.tasks.types.work import ExecutionResult, TaskDispatch
from chimera.values import Page, TaskStatus
from chimera_protocol.wire import Name, Wire

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])
letter_router = APIRouter(prefix="/v1", tags=["recovery"])
lineage_router = APIRouter(prefix="/v1", tags=["fleet"])

Tasks = Annotated[TaskService, Depends(provided(TaskService))]
Reads = Annotated[TaskReads, Depends(provided(TaskReads))]
Gate = Annotated[Admission, Depends(provided(Admission))]


class Accepted(Wire):
    """A task that was taken on."""

    task_id: UUID
    execution_id: str


class TaskClaim(Wire):
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
async def dispatch(
    wanted: TaskDispatch, who: Dispatcher, admission: Gate, tasks: Tasks, response: Response
) -> Accepted:
    """Take on a task (ORC-2, ORC-4). The same body twice is taken on once and answered with 200."""
    await admission.check(wanted)
    task_id, new = await tasks.dispatch(who.tenant_id, wanted, who.actor)
    if not new:
        response.status_code = 200
    return Accepted(task_id=task_id, execution_id=wanted.execution_id)


@router.get("")
async def tasks(
    who: Anyone,
    reads: Reads,
    limit: Limit = 50,
    before: Before = None,
    status: TaskStatus | None = None,
    campaign_id: Annotated[UUID | None, Query()] = None,
    agent_id: Annotated[UUID | None, Query()] = None,
) -> Page[TaskView]:
    """Tasks, newest first."""
    return await reads.tasks(who.tenant_id, limit, before, status=status, campaign_id=campaign_id, agent_id=agent_id)


@router.get("/{name}", response_model_exclude_unset=True)
async def task(name: TaskName, who: Anyone, reads: Reads) -> Envelope:
    """One task whole: dispatch, result, verdicts, money, delivery and every step (ORC-3). By either id."""
    return await reads.task(who.tenant_id, name)


@router.post("/{name}/cancel", status_code=204)
async def cancel(name: TaskName, who: Author, tasks: Tasks, reads: Reads, why: Cancellation | None = None) -> None:
    """Stop a task that is not over, or close a dead letter for good."""
    task_id = await _id(name, who, reads)
    await tasks.cancel(who.tenant_id, task_id, who.actor, why.reason if why else None)


@router.post("/{name}/replay", status_code=202)
async def replay(name: TaskName, who: Operator, reads: Reads, tasks: Tasks) -> Accepted:
    """Give a dead letter another life (ORC-11). 409 before its cool-down is over, and after its last life."""
    found = await reads.task(who.tenant_id, name)
    await tasks.replay(who.tenant_id, found.task_id, who.actor)
    return Accepted(task_id=found.task_id, execution_id=found.execution_id)


@router.post("/claim", response_model_exclude_unset=True, responses={204: {"description": "Nothing to do."}})
async def claim(wish: TaskClaim, who: Dispatcher, tasks: Tasks, response: Response) -> Claimed | None:
    """Claim the next task with `worker: external` (ORC-13); its lease runs out by itself."""
    found = await tasks.claim(who.tenant_id, who.key_id, wish.persona, wish.lease_seconds)
    if found is None:
        response.status_code = 204
    return found


@router.post("/{name}/lease", response_model_exclude_unset=True)
async def renew(name: TaskName, wish: Renewal, who: Dispatcher, tasks: Tasks, reads: Reads) -> Claimed:
    """Keep a claimed task longer."""
    task_id = await _id(name, who, reads)
    return await tasks.renew(who.tenant_id, who.key_id, task_id, wish.attempt, wish.lease_seconds)


@router.post("/{name}/result", status_code=202)
async def result(
    name: TaskName,
    result: ExecutionResult,
    who: Dispatcher,
    tasks: Tasks,
    reads: Reads,
    attempt: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> Accepted:
    """Return a claimed task's result; it goes to the Judge. `judge_evaluation` in it is refused (ORC-6)."""
    task_id = await _id(name, who, reads)
    await tasks.submit(who.tenant_id, who.key_id, task_id, result, attempt)
    return Accepted(task_id=task_id, execution_id=result.execution_id)


async def _id(name: str, who: Anyone, reads: Reads) -> UUID:
    return (await reads.task(who.tenant_id, name)).task_id


@letter_router.get("/dead-letters")
async def dead_letters(who: Anyone, tasks: Tasks, limit: Limit = 50, before: Before = None) -> Page[DeadLetterView]:
    """Tasks that were given up, each with its cause and when it can be replayed; the newest first."""
    return await tasks.dead_letters(who.tenant_id, limit, before)


@lineage_router.get("/assets/{asset_id}")
async def lineage(asset_id: UUID, who: Anyone, reads: Reads) -> Lineage:
    """One asset back to its goal: prompts, model, seeds, tool calls, scores, costs (PRV-3)."""
    return await reads.lineage(who.tenant_id, asset_id)
