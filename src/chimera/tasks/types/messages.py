"""What travels between the roles and the stores: claimed work, and the outcome of it."""

import json
from collections.abc import Sequence
from uuid import UUID

from chimera.tasks.types.work import TaskDispatch
from chimera.values import TaskKind, TaskStatus
from chimera_protocol.wire import Wire


class Lease(Wire):
    """A queue item in hand; it is lost when it is not renewed in time."""

    id: UUID
    stream: str
    entry: str
    redelivered: bool


class Upstream(Wire):
    """What a task that this one depends on has brought about."""

    task_id: UUID
    external_ids: list[str]
    url: str


class Task(Wire):
    """A claimed task. `attempt` is the fencing token that every write about it must name."""

    task_id: UUID
    tenant_id: UUID
    agent_id: UUID
    campaign_id: UUID
    parent_id: UUID | None
    kind: TaskKind
    attempt: int
    tries: int
    revision: int
    state_version: int
    soul_hash: str
    policy_hash: str
    dispatch: TaskDispatch
    upstream: list[Upstream] = []


class CommitResult(Wire):
    """What a commit came to: the task's new state.

    No status means that the write found nothing to do: another attempt has won.
    """

    task_id: UUID
    status: TaskStatus | None
    followed: bool = False
    """Whether more work comes of it: an effect, or a revision."""


class NewTask(Wire):
    """A task that a plan brings into being."""

    task_id: UUID
    parent_id: UUID | None
    node_key: str | None
    kind: TaskKind
    dispatch: TaskDispatch
    depends_on: list[UUID]
    revision: int = 0


def due_ids(leases: Sequence[Lease]) -> str:
    """Leases as the statements that claim take them."""
    return json.dumps([{"id": str(lease.id), "redelivered": lease.redelivered} for lease in leases])
