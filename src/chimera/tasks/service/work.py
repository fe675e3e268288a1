"""The life of tasks in the swarm. Every transition is one guarded statement: status and attempt as claimed (ORC-8)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from chimera import lifecycle
from chimera.audit.service import trail as audit
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database
from chimera.errors import Superseded
from chimera.ids import new_id
from chimera.money.service.treasury import void
from chimera.provenance.rules.hashes import hash_of
from chimera.tasks.service.graph import queue_item, tidy
from chimera.tasks.store import tasks
from chimera.tasks.types.messages import CommitResult, Lease, Task
from chimera.tasks.types.work import ExecutionResult
from chimera.values import Stage, TaskKind, TaskStatus

_KINDS = {
    Stage.PLAN: [TaskKind.PLAN.value, TaskKind.REVISE.value],
    Stage.WORK: [TaskKind.CREATE.value, TaskKind.SPEND.value],
}


class WorkService:
    """What planners, workers and judges do with tasks; many at once share one statement (`GroupCommit`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submit: GroupCommit[Mapping[str, JsonValue], CommitResult] = GroupCommit(self._write_results)

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        """Take hold of the tasks that are due; what is missing in the answer is not, or no longer, to be done."""
        guard = lifecycle.before(TaskStatus.IN_PROGRESS)
        async with self._database.connection() as connection:
            return await tasks.claim(connection, leases, process_id, _KINDS[stage], guard)

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> CommitResult:
        """Record a Worker's result and queue it for the Judge; no status when another attempt has the task."""
        return await self._submit(
            {
                "task_id": str(task.task_id),
                "attempt": task.attempt,
                "author": author,
                "result": result.model_dump(mode="json", exclude_unset=True),
                "content_hash": hash_of(result.artifact) if result.artifact else None,
            }
        )

    async def postpone(self, task: Task, cause: str, due_at: datetime) -> None:
        """Let the same task be tried again later. Superseded when another attempt has it."""
        guard = sorted({*lifecycle.before(TaskStatus.QUEUED), TaskStatus.IN_REVIEW.value} - {"dead_letter", "pending"})
        async with self._database.connection() as connection:
            postponed = await tasks.postpone(connection, task, cause, due_at, guard)
        if not postponed:
            raise Superseded(f"task {task.task_id} has moved on")

    async def dead_letter(self, task: Task, status: TaskStatus, cause: str) -> None:
        """End a task that cannot be done, with its cause; its money is free again. Superseded when it has moved on."""
        async with self._database.transaction() as connection:
            await _end(connection, task, status, cause)
        await tidy(self._database, [task.campaign_id])

    async def replan(self, task: Task, cause: str) -> None:
        """End a task that has had its tries: the Planner makes it anew with the cause, as often as the policy allows;
        then it is a dead letter (ORC-11). Superseded when it has moved on."""
        async with self._database.transaction() as connection:
            again = await tasks.replan(connection, task.task_id, new_id())
            await _end(connection, task, TaskStatus.FAILED if again else TaskStatus.DEAD_LETTER, cause)
        await tidy(self._database, [task.campaign_id])

    async def release_lost_claims(self, process_id: UUID, stage: Stage, held: Sequence[UUID], seconds: float) -> None:
        """Give back what the process claimed longer ago than that and does not hold: it has lost track of it."""
        status = TaskStatus.IN_REVIEW if stage is Stage.JUDGE else TaskStatus.IN_PROGRESS
        kinds = _KINDS.get(stage, list(TaskKind))
        async with self._database.connection() as connection:
            await tasks.release_lost_claims(connection, process_id, status, kinds, held, seconds)

    async def _write_results(self, group: Sequence[Mapping[str, JsonValue]]) -> Sequence[CommitResult]:
        async with self._database.connection() as connection:
            found = await tasks.submit(connection, group)
            connection.enqueue(Stage.JUDGE, (queue_item(row, row["task_id"]) for row in found))
        moved = {(str(row["task_id"]), row["attempt"]) for row in found}
        return [
            CommitResult(
                task_id=UUID(str(item["task_id"])),
                status=TaskStatus.IN_REVIEW if (item["task_id"], item["attempt"]) in moved else None,
            )
            for item in group
        ]


async def _end(connection: Connection, task: Task, status: TaskStatus, cause: str) -> None:
    if not await tasks.dead_letter(connection, task, status, cause, lifecycle.before(status)):
        raise Superseded(f"task {task.task_id} has moved on")
    await audit.note(
        connection,
        task.tenant_id,
        actor="swarm",
        action=f"task.{status.value}",
        subject=str(task.task_id),
        body={"cause": cause, "attempt": task.attempt},
    )
    await void(connection, await tasks.open_reservations(connection, task.task_id))
