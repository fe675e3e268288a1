"""The life of effects: a durable mark before the call, a receipt after it, doubt in between (PUB-2)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera.contracts.claims import Effect, Grant, Lease, Receipt, Ticket
from chimera.contracts.errors import Superseded
from chimera.contracts.finance import Closing, Outcome
from chimera.contracts.ids import new_id
from chimera.contracts.values import EffectStatus, Priority, Stage, TaskStatus
from chimera.domain import lifecycle, publishing
from chimera.stores import audit, campaigns, rows
from chimera.stores.money.treasury import close, void
from chimera.stores.postgres import Database, queries

if TYPE_CHECKING:
    from asyncpg import Record

    from chimera.stores.postgres import Connection

SQL = queries("effects")
TASKS = queries("tasks")
ARGUMENTS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class EffectStore:
    """Implements `ports.Effects`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        """See `ports.Effects.begin`."""
        begun: list[Effect] = []
        async with self._database.transaction() as connection:
            for row in await connection.fetch(SQL["lock"], rows.tickets(leases)):
                if row["halted"]:
                    continue
                effect = await self._begin(connection, row, process_id)
                if effect is not None:
                    begun.append(effect)
        return begun

    async def _begin(self, connection: "Connection", row: "Record", process_id: UUID) -> Effect | None:
        fresh = row["status"] == EffectStatus.AUTHORISED.value
        objection = fresh and publishing.objection(
            Grant.model_validate_json(row["effect_grant"]),
            tenant_id=row["tenant_id"],
            parts=row["parts"],
            soul_hash=row["soul_hash"],
            state_version=row["state_version"],
            now=datetime.now(UTC),
        )
        if objection:
            effect = _effect(row, row["attempt"], row["tries"], EffectStatus.AUTHORISED)
            await self._refuse(connection, effect, objection)
            return None
        # Found as executing: its process died in mid-call, so it may have happened.
        status = EffectStatus.EXECUTING if fresh else EffectStatus.UNKNOWN
        claimed = await connection.fetchrow(
            SQL["claim"], row["effect_id"], process_id, status.value, lifecycle.effect_before(status)
        )
        return _effect(row, claimed["attempt"], claimed["tries"], status) if claimed is not None else None

    async def finish(self, effect: Effect, receipt: Receipt) -> Sequence[Ticket]:
        """See `ports.Effects.finish`."""
        status = EffectStatus.DONE if effect.status is EffectStatus.EXECUTING else EffectStatus.RECONCILED
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                SQL["finish"],
                effect.effect_id,
                effect.attempt,
                status.value,
                receipt.model_dump_json(),
                lifecycle.effect_before(status),
            )
            if row is None:
                raise Superseded(f"effect {effect.effect_id} has moved on")
            await self._publish(connection, effect, row["asset_id"], receipt)
            await audit.note(
                connection,
                effect.tenant_id,
                actor="publisher",
                action=f"effect.{status.value}",
                subject=str(effect.task_id),
                body={"url": receipt.url, "idempotency_key": effect.idempotency_key},
            )
            if row["reservation_id"] is not None:
                await close(connection, [_bill(effect, row["reservation_id"], row["asset_id"], receipt)])
        # On their own, as they lock in another order; should they be lost, the sweeper does them.
        async with self._database.transaction() as connection:
            released = await connection.fetch(TASKS["release_pending"], effect.campaign_id, TaskStatus.PENDING.value)
        async with self._database.transaction() as connection:
            await campaigns.finish(connection, effect.campaign_id)
        return [ticket for stage, ticket in rows.placed(released) if stage is Stage.WORK]

    async def doubt(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """See `ports.Effects.doubt`."""
        async with self._database.transaction() as connection:
            await self._move(connection, effect, EffectStatus.UNKNOWN, cause, due_at)

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """See `ports.Effects.retry`."""
        async with self._database.transaction() as connection:
            await self._move(connection, effect, EffectStatus.AUTHORISED, cause, due_at)

    async def fail(self, effect: Effect, cause: str) -> None:
        """See `ports.Effects.fail`."""
        async with self._database.transaction() as connection:
            await self._refuse(connection, effect, cause)

    async def let_go(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """See `ports.Effects.let_go`."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["let_go"], process_id, held, seconds)

    async def sweep(self, lease_seconds: float, batch: int = 1_000) -> list[Ticket]:
        """Effects that are due but may be missing in Redis; those of dead processes become unknown."""
        async with self._database.transaction() as connection:
            found = await connection.fetch(SQL["orphaned"], lease_seconds)
            found += await connection.fetch(SQL["due"], batch, min(lease_seconds, 2.0))
        return [
            Ticket(
                id=row["effect_id"],
                tenant_id=row["tenant_id"],
                agent_id=row["agent_id"],
                priority=Priority(row["priority"]),
            )
            for row in found
        ]

    async def _refuse(self, connection: "Connection", effect: Effect, cause: str) -> None:
        reservation_id = await self._move(connection, effect, EffectStatus.FAILED, cause, None)
        await connection.fetch(SQL["replan"], effect.task_id, new_id())
        await audit.note(
            connection,
            effect.tenant_id,
            actor="publisher",
            action="effect.failed",
            subject=str(effect.task_id),
            body={"cause": cause},
        )
        if reservation_id is not None:
            await void(connection, [reservation_id])

    async def _move(
        self, connection: "Connection", effect: Effect, to: EffectStatus, cause: str, due_at: datetime | None
    ) -> UUID | None:
        row = await connection.fetchrow(
            SQL["move"],
            effect.effect_id,
            effect.attempt,
            to.value,
            cause,
            lifecycle.effect_before(to),
            due_at,
        )
        if row is None:
            raise Superseded(f"effect {effect.effect_id} has moved on")
        reservation_id: UUID | None = row["reservation_id"]
        return reservation_id

    async def _publish(self, connection: "Connection", effect: Effect, asset_id: UUID, receipt: Receipt) -> None:
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
            receipt.disclosure,
            receipt.created_at,
        )
        await connection.execute(SQL["mark_published"], asset_id, receipt.created_at)
        parts = await connection.fetchval(SQL["parts"], asset_id)
        memory = f"I published: {' '.join(parts)}"
        await connection.execute(
            SQL["remember"], new_id(), effect.tenant_id, effect.agent_id, memory, f"asset:{asset_id}"
        )


def _bill(effect: Effect, reservation_id: UUID, asset_id: UUID, receipt: Receipt) -> Closing:
    """What no wallet has paid by now is on the platform's bill."""
    return Closing(
        reservation_id=reservation_id,
        outcome=Outcome.POSTED,
        source=effect.server,
        asset_id=asset_id,
        reference=receipt.url[:256],
    )


def _effect(row: "Record", attempt: int, tries: int, status: EffectStatus) -> Effect:
    return Effect(
        effect_id=row["effect_id"],
        tenant_id=row["tenant_id"],
        agent_id=row["agent_id"],
        campaign_id=row["campaign_id"],
        task_id=row["task_id"],
        attempt=attempt,
        tries=tries,
        status=status,
        asset_id=row["asset_id"],
        reservation_id=row["reservation_id"],
        server=row["server"],
        tool=row["tool"],
        arguments=ARGUMENTS.validate_json(row["arguments"]),
        idempotency_key=row["idempotency_key"],
    )
