"""The life of tasks. Every transition is one guarded statement: status and attempt must be as claimed (ORC-8)."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera import lifecycle
from chimera.audit.service import trail as audit
from chimera.campaigns import service as campaigns
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database, queries
from chimera.errors import Superseded
from chimera.ids import new_id
from chimera.money.service.treasury import void
from chimera.money.types.authorization import ANSWER
from chimera.personas import rules as persona
from chimera.personas.types.policy import Policy
from chimera.provenance.rules.hashes import content_hash
from chimera.review.service.approvals import escalate
from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.tasks.store import task_rows as rows
from chimera.tasks.types.messages import CommitResult, Lease, NewTask, Task
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera.values import Decision, Stage, TaskKind, TaskStatus
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("tasks/tasks")
_KINDS = {
    Stage.PLAN: [TaskKind.PLAN.value, TaskKind.REVISE.value],
    Stage.WORK: [TaskKind.CREATE.value, TaskKind.SPEND.value],
}
_AFTER_VERDICT = {
    Decision.APPROVE: TaskStatus.COMPLETED,
    Decision.REJECT: TaskStatus.REJECTED,
    Decision.ESCALATE: TaskStatus.AWAITING_APPROVAL,
}
_SETTINGS_KEPT = 2_048
_SWEEP_LOCK = 7_310_577_202


_persona = lru_cache(maxsize=512)(persona.parse)


class WorkService:
    """Implements `ports.Work`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submit: GroupCommit[Mapping[str, JsonValue], CommitResult] = GroupCommit(self._write_results)
        self._commit: GroupCommit[Mapping[str, JsonValue], CommitResult] = GroupCommit(self._write_verdicts)
        self._alike: GroupCommit[tuple[Task, Sequence[int]], list[Lookalike]] = GroupCommit(self._read_alike)
        self._earlier: dict[int, GroupCommit[Task, list[str]]] = {}
        self._settings: dict[tuple[UUID, str, str, UUID, int], asyncio.Future[TaskContext]] = {}

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        """See `ports.Work.claim`."""
        guard = lifecycle.before(TaskStatus.IN_PROGRESS)
        async with self._database.connection() as connection:
            found = await connection.fetch(SQL["claim"], rows.due(leases), process_id, _KINDS[stage], guard)
        return [rows.task(row) for row in found]

    async def pieces(self, leases: Sequence[Lease], process_id: UUID) -> list[PendingReview]:
        """See `ports.Work.pieces`."""
        guard = [TaskStatus.IN_REVIEW.value]
        async with self._database.connection() as connection:
            found = await connection.fetch(SQL["claim_pieces"], rows.due(leases), process_id, guard)
        return [
            PendingReview(
                task=rows.task(row),
                result=ExecutionResult.model_validate_json(row["result"]),
                content_hash=row["content_hash"],
                human=Verdict.model_validate_json(row["human"]) if row["human"] else None,
                spend=ANSWER.validate_json(row["spend"]) if row["spend"] else None,
                reservation_id=row["reservation_id"],
            )
            for row in found
        ]

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> CommitResult:
        """See `ports.Work.submit`."""
        return await self._submit(
            {
                "task_id": str(task.task_id),
                "attempt": task.attempt,
                "author": author,
                "result": result.model_dump(mode="json", exclude_unset=True),
                "content_hash": content_hash(result.artifact.said_and_shown) if result.artifact else None,
            }
        )

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        """See `ports.Work.commit`."""
        return await self._commit(_commit_row(judgement))

    async def postpone(self, task: Task, cause: str, due_at: datetime) -> None:
        """See `ports.Work.postpone`."""
        guard = sorted({*lifecycle.before(TaskStatus.QUEUED), TaskStatus.IN_REVIEW.value} - {"dead_letter", "pending"})
        await self._guarded("postpone", task, cause, due_at, guard)

    async def dead_letter(self, task: Task, status: TaskStatus, cause: str) -> None:
        """See `ports.Work.bury`."""
        async with self._database.transaction() as connection:
            await _end(connection, task, status, cause)
        await self._tidy([task.campaign_id])

    async def replan(self, task: Task, cause: str) -> None:
        """See `ports.Work.replan`."""
        async with self._database.transaction() as connection:
            again = await connection.fetch(SQL["replan"], task.task_id, new_id())
            await _end(connection, task, TaskStatus.FAILED if again else TaskStatus.DEAD_LETTER, cause)
        await self._tidy([task.campaign_id])

    async def release_lost_claims(self, process_id: UUID, stage: Stage, held: Sequence[UUID], seconds: float) -> None:
        """See `ports.Work.let_go`."""
        status = TaskStatus.IN_REVIEW if stage is Stage.JUDGE else TaskStatus.IN_PROGRESS
        kinds = _KINDS.get(stage, list(TaskKind))
        async with self._database.connection() as connection:
            await connection.execute(SQL["release_lost_claims"], process_id, status.value, kinds, held, seconds)

    async def setting(self, task: Task) -> TaskContext:
        """See `ports.Work.setting`. Versions never change, so they are read once per process."""
        key = (task.tenant_id, task.soul_hash, task.policy_hash, task.campaign_id, task.state_version)
        known = self._settings.get(key)
        if known is None or (known.done() and (known.cancelled() or known.exception() is not None)):
            if len(self._settings) >= _SETTINGS_KEPT:
                self._settings.clear()
            known = self._settings[key] = asyncio.ensure_future(self._read_setting(task))
        return await asyncio.shield(known)

    async def _read_setting(self, task: Task) -> TaskContext:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                SQL["setting"], task.tenant_id, task.soul_hash, task.policy_hash, task.campaign_id
            )
        if row is None:
            raise NotFound(f"task {task.task_id} names a persona, policy or campaign that is not there")
        return TaskContext(
            persona=_persona(row["source"]),
            policy=Policy.model_validate_json(row["policy"]),
            brief=Brief.model_validate_json(row["brief"]),
        )

    async def earlier(self, task: Task, limit: int) -> list[str]:
        """See `ports.Work.earlier`."""
        group = self._earlier.setdefault(limit, GroupCommit(partial(self._read_earlier, limit)))
        return await group(task)

    async def _read_earlier(self, limit: int, group: Sequence[Task]) -> Sequence[list[str]]:
        agents, tasks = [task.agent_id for task in group], [task.task_id for task in group]
        async with self._database.connection() as connection:
            return [row["texts"] for row in await connection.fetch(SQL["earlier"], agents, tasks, limit)]

    async def lookalikes(self, task: Task, sketch: Sequence[int]) -> list[Lookalike]:
        """See `ports.Work.lookalikes`."""
        return await self._alike((task, sketch)) if sketch else []

    async def _read_alike(self, group: Sequence[tuple[Task, Sequence[int]]]) -> Sequence[list[Lookalike]]:
        wanted = [
            {
                "number": number,
                "tenant_id": str(task.tenant_id),
                "task_id": str(task.task_id),
                "agent_id": str(task.agent_id),
                "sketch": list(sketch),
            }
            for number, (task, sketch) in enumerate(group)
        ]
        found: list[list[Lookalike]] = [[] for _ in group]
        async with self._database.connection() as connection:
            for row in await connection.fetch(SQL["lookalikes"], json.dumps(wanted)):
                alike = Lookalike(persona=row["persona"], own=row["own"], parts=row["parts"], url=row["url"])
                found[row["number"]].append(alike)
        return found

    async def store_plan(self, task: Task, planned: NewPlan) -> None:
        """See `ports.Work.lay_out`."""
        async with self._database.transaction() as connection:
            await connection.fetch(SQL["lock_for_planning"], task.task_id)  # the campaign first, as everybody does
            await self._complete(connection, task)
            await campaigns.store_plan(connection, task, planned)

    async def rejected(self, task: Task) -> RevisionRequest:
        """See `ports.Work.rejected`."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL["rejected"], task.parent_id)
        if row is None:
            raise NotFound(f"task {task.task_id} revises nothing")
        return RevisionRequest(
            task=rows.task(row),
            node_key=row["node_key"],
            verdict=Verdict.model_validate_json(row["verdict"]) if row["verdict"] else None,
            cause=row["cause"],
            result=ExecutionResult.model_validate_json(row["result"]) if row["result"] else None,
        )

    async def replace_task(self, task: Task, old: Task, new: NewTask) -> None:
        """See `ports.Work.replace`."""
        async with self._database.transaction() as connection:
            where = await connection.fetchrow(SQL["lock_for_planning"], task.task_id)
            await self._complete(connection, task)
            if where is None:
                raise Superseded(f"task {task.task_id} has gone")
            row = rows.task_row(new, where, TaskStatus.QUEUED)
            rows.enqueue(connection, await connection.fetch(SQL["insert"], json.dumps([row])))
            await connection.execute(SQL["rewire_dependents"], old.task_id, new.task_id, task.campaign_id)

    async def _guarded(self, name: str, task: Task, *args: object) -> None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL[name], task.task_id, task.attempt, *args)
        if row is None:
            raise Superseded(f"task {task.task_id} has moved on")

    async def _complete(self, connection: Connection, task: Task) -> None:
        row = await connection.fetchrow(SQL["complete"], task.task_id, task.attempt, TaskStatus.IN_PROGRESS.value)
        if row is None:
            raise Superseded(f"task {task.task_id} has moved on")

    async def _write_results(self, group: Sequence[Mapping[str, JsonValue]]) -> Sequence[CommitResult]:
        async with self._database.connection() as connection:
            found = await connection.fetch(SQL["submit"], json.dumps(group), TaskStatus.IN_PROGRESS.value)
            connection.enqueue(Stage.JUDGE, map(rows.queue_item, found))
        moved = {
            (str(row["task_id"]), row["attempt"]): CommitResult(task_id=row["task_id"], status=TaskStatus.IN_REVIEW)
            for row in found
        }
        return [moved.get(_which(item)) or _nothing(item) for item in group]

    async def _write_verdicts(self, group: Sequence[Mapping[str, JsonValue]]) -> Sequence[CommitResult]:
        """One statement, and so one transaction; a longer one only where money has to be given back with it."""
        if any(item["reservation_id"] is not None for item in group):
            async with self._database.transaction() as connection:
                moved = await self._commit_rows(connection, group)
                held = [
                    UUID(str(item["reservation_id"]))
                    for item in group
                    if item["reservation_id"] is not None and _refused(moved.get(_which(item)))
                ]
                await void(connection, held)
        else:
            async with self._database.connection() as connection:
                moved = await self._commit_rows(connection, group)
        over = {UUID(str(item["campaign_id"])) for item in group if _ends(moved.get(_which(item)))}
        if over:
            await self._tidy(over)
        return [moved.get(_which(item)) or _nothing(item) for item in group]

    async def _commit_rows(
        self, connection: Connection, group: Sequence[Mapping[str, JsonValue]]
    ) -> Mapping[tuple[str, JsonValue], CommitResult]:
        found = await connection.fetch(SQL["commit"], json.dumps(group), TaskStatus.IN_REVIEW.value)
        for row in found:
            item = rows.queue_item(row)
            if row["effect_id"] is not None:
                connection.enqueue(Stage.PUBLISH, [item.model_copy(update={"id": row["effect_id"]})])
            if row["revise_id"] is not None:
                connection.enqueue(Stage.PLAN, [item.model_copy(update={"id": row["revise_id"]})])
        return {(str(row["task_id"]), row["attempt"]): _committed(row) for row in found}

    async def _tidy(self, campaign_ids: Iterable[UUID]) -> None:
        """What the end of a task means for others. On its own, as it takes locks in another order; should it be
        lost, the sweeper does it."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["cancel_orphans"], TaskStatus.PENDING.value)
        for campaign_id in campaign_ids:
            async with self._database.transaction() as connection:
                await campaigns.finish(connection, campaign_id)


class Sweeper:
    """What keeps the promise that nothing is forgotten: it asks PostgreSQL, never Redis, what is due (DAT-3)."""

    def __init__(self, database: Database, *, lease_seconds: float, batch: int = 1_000) -> None:
        self._database = database
        self._lease = lease_seconds
        self._batch = batch

    async def sweep(self) -> bool:
        """Start what waits for nothing, take work back from dead processes, queue what is due; False while another
        process is at it."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval(SQL["lead"], _SWEEP_LOCK):
                return False
            await connection.execute(SQL["cancel_orphans"], TaskStatus.PENDING.value)
            found = await connection.fetch(SQL["orphaned"], self._lease)
            found += await connection.fetch(SQL["release_pending"], None, TaskStatus.PENDING.value)
            found += await connection.fetch(SQL["due"], self._batch, min(self._lease, 2.0))
            rows.enqueue(connection, found)
        async with self._database.transaction() as connection:
            await campaigns.finish(connection, None)
            await escalate(connection)
        return True


async def _end(connection: Connection, task: Task, status: TaskStatus, cause: str) -> None:
    guard = lifecycle.before(status)
    if await connection.fetchrow(SQL["dead_letter"], task.task_id, task.attempt, status.value, cause, guard) is None:
        raise Superseded(f"task {task.task_id} has moved on")
    await audit.note(
        connection,
        task.tenant_id,
        actor="swarm",
        action=f"task.{status.value}",
        subject=str(task.task_id),
        body={"cause": cause, "attempt": task.attempt},
    )
    held = await connection.fetch(SQL["open_reservation"], task.task_id)
    await void(connection, [row["reservation_id"] for row in held])


def _commit_row(judgement: CommitCommand) -> Mapping[str, JsonValue]:
    task = judgement.task
    asset = judgement.asset
    return {
        "task_id": str(task.task_id),
        "attempt": task.attempt,
        "campaign_id": str(task.campaign_id),
        "status": _AFTER_VERDICT[judgement.verdict.decision].value,
        "verdict_id": str(new_id()),
        "verdict": judgement.verdict.model_dump(mode="json"),
        "content_hash": judgement.content_hash,
        "revise_id": str(new_id()) if judgement.revise else None,
        "max_revisions": judgement.max_revisions,
        "approval_id": str(new_id()),
        "asset": asset.model_dump(mode="json") if asset else None,
        "costs": [cost.model_dump(mode="json") for cost in judgement.costs],
        "effect": judgement.effect.model_dump(mode="json") if judgement.effect else None,
        "reservation_id": str(judgement.reservation_id) if judgement.reservation_id else None,
    }


def _committed(row: "Record") -> CommitResult:
    followed = row["effect_id"] is not None or row["revise_id"] is not None
    return CommitResult(task_id=row["task_id"], status=TaskStatus(row["status"]), followed=followed)


def _which(item: Mapping[str, JsonValue]) -> tuple[str, JsonValue]:
    return str(item["task_id"]), item["attempt"]


def _nothing(item: Mapping[str, JsonValue]) -> CommitResult:
    return CommitResult(task_id=UUID(str(item["task_id"])), status=None)


def _refused(done: CommitResult | None) -> bool:
    return done is not None and done.status not in (TaskStatus.COMPLETED, TaskStatus.AWAITING_APPROVAL)


def _ends(done: CommitResult | None) -> bool:
    return done is not None and done.status is not None and not done.followed and done.status in lifecycle.TASK_OVER
