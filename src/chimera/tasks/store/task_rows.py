"""Rows of the task table as wire types, and back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter

from chimera import lifecycle
from chimera.database.outbox import QueueItem
from chimera.tasks.types.messages import NewTask, Task, Upstream
from chimera.tasks.types.work import TaskDispatch
from chimera.values import Priority, Stage, TaskKind, TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

UPSTREAM: TypeAdapter[list[Upstream]] = TypeAdapter(list[Upstream])


def task_row(new: NewTask, where: "Record", status: TaskStatus) -> dict[str, JsonValue]:
    """A new task as the `insert` query takes it; `where` has tenant, agent, campaign, state and soul."""
    return {
        "task_id": str(new.task_id),
        "tenant_id": str(where["tenant_id"]),
        "agent_id": str(where["agent_id"]),
        "campaign_id": str(where["campaign_id"]),
        "parent_id": str(new.parent_id) if new.parent_id else None,
        "execution_id": new.dispatch.execution_id,
        "node_key": new.node_key,
        "kind": new.kind.value,
        "status": status.value,
        "priority": new.dispatch.priority.value,
        "dispatch": new.dispatch.model_dump(mode="json", exclude_unset=True),
        "depends_on": [str(task_id) for task_id in new.depends_on],
        "revision": new.revision,
        "external": new.dispatch.worker == "external",
        "state_version": where["state_version"],
        "soul_hash": where["soul_hash"],
    }


def placed(rows: "Sequence[Record]") -> list[tuple[Stage, QueueItem]]:
    """The rows that stand in a queue, each with its stage."""
    stages = [lifecycle.stage_of(TaskKind(row["kind"]), TaskStatus(row["status"]), row["external"]) for row in rows]
    return [(stage, queue_item(row)) for stage, row in zip(stages, rows, strict=True) if stage is not None]


def queue_item(row: "Record") -> QueueItem:
    """A task's row as a line of a queue."""
    return QueueItem(
        id=row["task_id"],
        tenant_id=row["tenant_id"],
        agent_id=row["agent_id"],
        priority=Priority(row["priority"]),
    )


def task(row: "Record") -> Task:
    return Task(
        task_id=row["task_id"],
        tenant_id=row["tenant_id"],
        agent_id=row["agent_id"],
        campaign_id=row["campaign_id"],
        parent_id=row["parent_id"],
        kind=TaskKind(row["kind"]),
        attempt=row["attempt"],
        tries=row["tries"],
        revision=row["revision"],
        state_version=row["state_version"],
        soul_hash=row["soul_hash"],
        policy_hash=row["policy_hash"] or "",
        dispatch=TaskDispatch.model_validate_json(row["dispatch"]),
        upstream=UPSTREAM.validate_json(row["upstream"]) if "upstream" in row.keys() else [],  # noqa: SIM118
    )
