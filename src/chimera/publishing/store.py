"""The effect table and what is out there: one function for each statement of `effects.sql`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries
from chimera.ids import new_id
from chimera.publishing.types import Effect, Receipt
from chimera.tasks.types.messages import Lease, due_ids
from chimera.values import EffectStatus

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("publishing/effects")


async def lock(connection: Connection, leases: Sequence[Lease]) -> "Sequence[Record]":
    """The effects that are due, with everything that their grants are checked against."""
    return await connection.fetch(SQL["lock"], due_ids(leases))


async def claim(
    connection: Connection, effect_id: UUID, process_id: UUID, status: EffectStatus, guard: Sequence[str]
) -> "Record | None":
    """The effect's next attempt and its tries; None when it is in none of the guard's states."""
    return await connection.fetchrow(SQL["claim"], effect_id, process_id, status.value, guard)


async def stopped(connection: Connection, effects: Sequence[Effect]) -> dict[UUID, bool]:
    """Whether each has been stopped since it was begun; what another process has is missing."""
    ids, attempts = [effect.effect_id for effect in effects], [effect.attempt for effect in effects]
    return {row["effect_id"]: row["halted"] for row in await connection.fetch(SQL["clear"], ids, attempts)}


async def move(
    connection: Connection, effect: Effect, to: EffectStatus, cause: str, due_at: datetime | None, guard: Sequence[str]
) -> "Record | None":
    """Another state, with its cause; None when the effect has moved on."""
    return await connection.fetchrow(SQL["move"], effect.effect_id, effect.attempt, to.value, cause, guard, due_at)


async def ask(
    connection: Connection, effect: Effect, question: str, due_at: datetime | None, guard: Sequence[str]
) -> "Record | None":
    """A doubt for a human to settle, and whether it is a new one; None when the effect has moved on."""
    unknown = EffectStatus.UNKNOWN.value
    return await connection.fetchrow(SQL["ask"], effect.effect_id, effect.attempt, unknown, question, guard, due_at)


async def finish(
    connection: Connection, effect: Effect, status: EffectStatus, receipt: Receipt, guard: Sequence[str]
) -> "Record | None":
    """The effect with its receipt; None when it has moved on."""
    return await connection.fetchrow(
        SQL["finish"], effect.effect_id, effect.attempt, status.value, receipt.model_dump_json(), guard
    )


async def publish(connection: Connection, effect: Effect, asset_id: UUID, receipt: Receipt) -> list[str]:
    """It is out there, and its proof says since when; the texts of the piece."""
    await connection.execute(
        SQL["publish"],
        new_id(),
        effect.tenant_id,
        effect.agent_id,
        effect.campaign_id,
        effect.effect_id,
        asset_id,
        effect.server,
        receipt.kind,
        receipt.ids,
        receipt.url,
        effect.disclosure.value,
        receipt.created_at,
    )
    await connection.execute(SQL["mark_published"], asset_id, receipt.created_at)
    parts: list[str] = await connection.fetchval(SQL["parts"], asset_id)
    return parts


async def orphaned(connection: Connection, lease_seconds: float) -> "Sequence[Record]":
    """Effects of processes that are gone; what was executing is unknown now."""
    return await connection.fetch(SQL["orphaned"], lease_seconds)


async def due(connection: Connection, batch: int, seconds: float) -> "Sequence[Record]":
    """Effects that have been due for longer than that, whether or not Redis has them."""
    return await connection.fetch(SQL["due"], batch, seconds)


async def release_lost_claims(connection: Connection, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
    """Unknown is what the process began longer ago than that and does not hold."""
    await connection.execute(SQL["release_lost_claims"], process_id, held, seconds)
