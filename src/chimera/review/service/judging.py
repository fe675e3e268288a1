"""The Judge's work in PostgreSQL: results to be judged, what they are compared with, and the commit of verdicts."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera import lifecycle
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database
from chimera.ids import new_id
from chimera.money.service.treasury import void
from chimera.money.types.authorization import ANSWER
from chimera.review.store import approvals, judging
from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.tasks.service import graph
from chimera.tasks.types.messages import CommitResult, Lease, Task
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera.values import Decision, Stage, TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

_AFTER_VERDICT = {
    Decision.APPROVE: TaskStatus.COMPLETED,
    Decision.REJECT: TaskStatus.REJECTED,
    Decision.ESCALATE: TaskStatus.AWAITING_APPROVAL,
}


class JudgingService:
    """What judges do with results; many at once share one statement (`GroupCommit`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commit: GroupCommit[Mapping[str, JsonValue], CommitResult] = GroupCommit(self._write_verdicts)
        self._alike: GroupCommit[tuple[Task, Sequence[int]], list[Lookalike]] = GroupCommit(self._read_alike)
        self._earlier: dict[int, GroupCommit[Task, list[str]]] = {}

    async def claim_reviews(self, leases: Sequence[Lease], process_id: UUID) -> list[PendingReview]:
        """Take hold of results that are to be judged, each with a human's word and the CFO's where there is one."""
        async with self._database.connection() as connection:
            found = await judging.claim(connection, leases, process_id)
        return [
            PendingReview(
                task=graph.task_of(row),
                result=ExecutionResult.model_validate_json(row["result"]),
                content_hash=row["content_hash"],
                human=Verdict.model_validate_json(row["human"]) if row["human"] else None,
                spend=ANSWER.validate_json(row["spend"]) if row["spend"] else None,
                reservation_id=row["reservation_id"],
            )
            for row in found
        ]

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        """Commit a verdict with all that it brings about, or nothing of it; no status when another attempt has the
        task. What was made under another state of the campaign or the persona goes stale instead (ORC-8)."""
        return await self._commit(_commit_row(judgement))

    async def earlier(self, task: Task, limit: int) -> list[str]:
        """The influencer's latest approved texts but the task's own, newest first."""
        group = self._earlier.setdefault(limit, GroupCommit(partial(self._read_earlier, limit)))
        return await group(task)

    async def lookalikes(self, task: Task, minhash: Sequence[int]) -> list[Lookalike]:
        """Earlier pieces of the tenant's fleet that share some of these hashes, newest first."""
        return await self._alike((task, minhash)) if minhash else []

    async def escalate(self) -> None:
        """Say in the trail what has waited for a human too long."""
        async with self._database.connection() as connection:
            await approvals.escalate(connection)

    async def _read_earlier(self, limit: int, group: Sequence[Task]) -> Sequence[list[str]]:
        async with self._database.connection() as connection:
            return await judging.earlier(connection, group, limit)

    async def _read_alike(self, group: Sequence[tuple[Task, Sequence[int]]]) -> Sequence[list[Lookalike]]:
        async with self._database.connection() as connection:
            return await judging.lookalikes(connection, group)

    async def _write_verdicts(self, group: Sequence[Mapping[str, JsonValue]]) -> Sequence[CommitResult]:
        """One statement, and so one transaction; a longer one only where money has to be given back with it."""
        if any(item["reservation_id"] is not None for item in group):
            async with self._database.transaction() as connection:
                moved = await _commit_rows(connection, group)
                held = [
                    UUID(str(item["reservation_id"]))
                    for item in group
                    if item["reservation_id"] is not None and _refused(moved.get(_which(item)))
                ]
                await void(connection, held)
        else:
            async with self._database.connection() as connection:
                moved = await _commit_rows(connection, group)
        over = {UUID(str(item["campaign_id"])) for item in group if _ends(moved.get(_which(item)))}
        if over:
            await graph.tidy(self._database, over)
        return [moved.get(_which(item)) or _nothing(item) for item in group]


async def _commit_rows(
    connection: Connection, group: Sequence[Mapping[str, JsonValue]]
) -> Mapping[tuple[str, JsonValue], CommitResult]:
    found = await judging.commit(connection, group)
    for row in found:
        if row["effect_id"] is not None:
            connection.enqueue(Stage.PUBLISH, [graph.queue_item(row, row["effect_id"])])
        if row["revise_id"] is not None:
            connection.enqueue(Stage.PLAN, [graph.queue_item(row, row["revise_id"])])
    return {(str(row["task_id"]), row["attempt"]): _committed(row) for row in found}


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
