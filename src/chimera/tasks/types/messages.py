"""What travels between the roles and the stores: claimed work, and the outcome of it."""

from uuid import UUID

from chimera.tasks.types.work import TaskDispatch
from chimera.values import Priority, Stage, TaskKind, TaskStatus
from chimera_protocol.wire import Wire


class QueueItem(Wire):
    """A line of a queue: the id of a row that is due, and where it queues."""

    id: UUID
    tenant_id: UUID
    agent_id: UUID
    priority: Priority


class Lease(Wire):
    """A ticket in hand; it is lost when it is not renewed in time."""

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
    """What a commit came to: the task's new state, and the tickets that follow from it.

    No status means that the write found nothing to do: another attempt has won.
    """

    task_id: UUID
    status: TaskStatus | None
    follow_up: dict[Stage, QueueItem] = {}


class NewTask(Wire):
    """A task that a plan brings into being."""

    task_id: UUID
    parent_id: UUID | None
    node_key: str | None
    kind: TaskKind
    dispatch: TaskDispatch
    depends_on: list[UUID]
    revision: int = 0
