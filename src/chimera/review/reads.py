"""Approvals, to read."""

from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import queries
from chimera.database.reads import TenantReads, one
from chimera.review.types.views import ApprovalView
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera.values import Page

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("review/reads")


class ReviewReads(TenantReads):
    """What humans have to decide, and have decided."""

    async def approvals(
        self,
        tenant_id: UUID,
        limit: int,
        before: UUID | None = None,
        status: str | None = "waiting",
        *,
        snoozed: bool = False,
        revocable: bool = False,
    ) -> Page[ApprovalView]:
        """What waits for a human; with another status, what was decided.

        `snoozed` has also what was put off, `revocable` what was decided and can still be taken back.
        """
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["approvals"], before, limit, status, None, snoozed, revocable)
        views = [_approval(row) for row in found]
        return Page(items=views, next=views[-1].approval_id if len(views) == limit else None)

    async def approval(self, tenant_id: UUID, approval_id: UUID) -> ApprovalView:
        """One approval. NotFound when there is none."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["approvals"], None, 1, None, approval_id, True, False)
        return _approval(one(found, f"approval {approval_id} does not exist"))


def _approval(row: "Record") -> ApprovalView:
    values = {name: value for name, value in row.items() if name not in ("verdict", "result")}
    result = ExecutionResult.model_validate_json(row["result"])
    return ApprovalView.model_validate(
        {
            **values,
            "verdict": Verdict.model_validate_json(row["verdict"]),
            "content": result.artifact.parts if result.artifact else [],
            "media": result.artifact.media if result.artifact else [],
            "reasoning": result.reasoning_trace,
            "self_assessment": result.self_assessment_score,
        }
    )
