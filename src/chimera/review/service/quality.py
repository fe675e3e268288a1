"""How well the Judge judges: audits of what it approved by itself, and its scores against human verdicts (JDG-7)."""

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.personas.reads import policy_in_force
from chimera.review.rules import calibration
from chimera.review.store import quality
from chimera.review.types.quality import AuditStatus, Calibration, SampleAudit
from chimera.values import Page
from chimera_protocol.errors import NotFound

if TYPE_CHECKING:
    from asyncpg import Record


BATCH = 500
"""Candidates that one draw looks at."""


class QualityService:
    """What measures the Judge. Drawing is the swarm's, everything else is under the caller's tenant."""

    def __init__(self, tenants: Database, swarm: Database) -> None:
        self._tenants = tenants
        self._swarm = swarm

    async def draw(self, batch: int = BATCH) -> int:
        """Put a share of what the Judge approved by itself to a human, as each tenant's policy has it; how many.

        The hash of a verdict's id decides, so a second draw changes nothing, and nobody who makes or judges a piece
        can know. What comes after the batch is looked at the next time.
        """
        async with self._swarm.transaction() as connection:
            drawn = await quality.draw(connection, batch)
            for row in drawn:
                await _note(connection, row["tenant_id"], "swarm", "audit.drawn", row, {})
        return len(drawn)

    async def audits(
        self, tenant_id: UUID, limit: int, before: UUID | None = None, status: AuditStatus = "waiting"
    ) -> Page[SampleAudit]:
        """The audits in this state, the latest verdict first."""
        async with self._tenants.transaction(tenant_id) as connection:
            views = await quality.audits(connection, before, limit, status)
        return Page(items=views, next=views[-1].audit_id if len(views) == limit else None)

    async def tally(self, tenant_id: UUID) -> dict[str, int]:
        """How many audits are in each state; states without any are missing."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await quality.tally(connection)

    async def decide(
        self, tenant_id: UUID, audit_id: UUID, verdict: Literal["agreed", "disagreed"], actor: str, note: str | None
    ) -> None:
        """Say once whether the Judge was right. Nothing is unpublished by it; Conflict when somebody has said it."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await quality.lock(connection, audit_id)
            if row is None:
                raise NotFound(f"audit {audit_id} does not exist")
            if row["status"] != "waiting":
                raise Conflict(f"this was decided already: {row['status']}", decided_by=row["decided_by"])
            await quality.decide(connection, audit_id, verdict, actor, note)
            await _note(connection, tenant_id, actor, f"audit.{verdict}", row, {"note": note})

    async def calibration(
        self, tenant_id: UUID, agent_id: UUID | None = None, days: int | None = None, bins: int = calibration.BINS
    ) -> Calibration:
        """The Judge's scores against what humans said of the same pieces, of one influencer or since so many days."""
        async with self._tenants.transaction(tenant_id) as connection:
            heard = await quality.heard(connection, agent_id, days)
            policy = await policy_in_force(connection)
        measured = calibration.calibrate(heard, policy.bounds, bins)
        return measured.model_copy(update={"agent_id": agent_id, "days": days})


async def _note(
    connection: Connection, tenant_id: UUID, actor: str, action: str, row: "Record", body: dict[str, JsonValue]
) -> None:
    said: dict[str, JsonValue] = {"audit_id": str(row["audit_id"]), "score": row["score"], **body}
    await audit.note(connection, tenant_id, actor=actor, action=action, subject=str(row["task_id"]), body=said)
