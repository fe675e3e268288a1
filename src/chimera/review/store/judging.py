"""What the Judge reads and writes: one function for each statement of `judging.sql`."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.database.postgres import Connection, queries
from chimera.review.types.messages import Lookalike
from chimera.tasks.types.messages import Lease, Task, due_ids
from chimera.values import TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("review/judging")
_IN_REVIEW = TaskStatus.IN_REVIEW.value


async def claim(connection: Connection, leases: Sequence[Lease], process_id: UUID) -> "Sequence[Record]":
    """Those of the tasks that are in review and due, at their next attempt, each with its latest result."""
    return await connection.fetch(SQL["claim"], due_ids(leases), process_id, [_IN_REVIEW])


async def commit(connection: Connection, verdicts: Sequence[Mapping[str, JsonValue]]) -> "Sequence[Record]":
    """Write verdicts with all that follows; the rows of the tasks that were still at the attempt named."""
    return await connection.fetch(SQL["commit"], json.dumps(verdicts), _IN_REVIEW)


async def earlier(connection: Connection, tasks: Sequence[Task], limit: int) -> list[list[str]]:
    """For each task the latest approved texts of its influencer but its own."""
    agents, ids = [task.agent_id for task in tasks], [task.task_id for task in tasks]
    return [row["texts"] for row in await connection.fetch(SQL["earlier"], agents, ids, limit)]


async def lookalikes(connection: Connection, wanted: Sequence[tuple[Task, Sequence[int]]]) -> list[list[Lookalike]]:
    """For each task with its hashes the pieces of its tenant that share some of them."""
    asked = [
        {
            "number": number,
            "tenant_id": str(task.tenant_id),
            "task_id": str(task.task_id),
            "agent_id": str(task.agent_id),
            "sketch": list(minhash),
        }
        for number, (task, minhash) in enumerate(wanted)
    ]
    found: list[list[Lookalike]] = [[] for _ in wanted]
    for row in await connection.fetch(SQL["lookalikes"], json.dumps(asked)):
        alike = Lookalike(persona=row["persona"], own=row["own"], parts=row["parts"], url=row["url"])
        found[row["number"]].append(alike)
    return found
