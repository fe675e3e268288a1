"""The life of effects: a durable mark before the call, a receipt after it, doubt in between (PUB-2)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera import lifecycle
from chimera.audit.service import trail as audit
from chimera.campaigns import service as campaigns
from chimera.database.group_commit import GroupCommit
from chimera.database.outbox import QueueItem
from chimera.database.postgres import Connection, Database, queries
from chimera.errors import Halted, Superseded
from chimera.gateways.mcp.types import Disclosure
from chimera.ids import new_id
from chimera.media.types import MediaItem
from chimera.money.service.treasury import close, void
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import Effect, Grant, Receipt
from chimera.tasks.store import task_rows as rows
from chimera.tasks.types.messages import Lease
from chimera.values import EffectStatus, Priority, Stage, TaskStatus

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("publishing/queries")
TASKS = queries("tasks/tasks")
MEDIA: TypeAdapter[list[MediaItem]] = TypeAdapter(list[MediaItem])
ARGUMENTS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class EffectService:
    """Implements `ports.Effects`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clear: GroupCommit[Effect, bool | None] = GroupCommit(self._look)

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        """See `ports.Effects.begin`."""
        begun: list[Effect] = []
        async with self._database.transaction() as connection:
            for row in await connection.fetch(SQL["lock"], rows.due(leases)):
                if row["halted"]:
                    continue
                effect = await self._begin(connection, row, process_id)
                if effect is not None:
                    begun.append(effect)
        return begun

    async def _begin(self, connection: Connection, row: "Record", process_id: UUID) -> Effect | None:
        fresh = row["status"] == EffectStatus.AUTHORISED.value
        objection = fresh and publishing.objection(
            Grant.model_validate_json(row["effect_grant"]),
            tenant_id=row["tenant_id"],
            parts=row["parts"],
            files=[item.sha256 for item in MEDIA.validate_json(row["media"])],
            soul_hash=row["soul_hash"],
            state_version=row["state_version"],
            now=datetime.now(UTC),
        )
        if objection:
            effect = effect_of(row, row["attempt"], row["tries"], EffectStatus.AUTHORISED)
            await refuse(connection, effect, objection, actor="publisher")
            return None
        # Found as executing: its process died in mid-call, so it may have happened.
        status = EffectStatus.EXECUTING if fresh else EffectStatus.UNKNOWN
        claimed = await connection.fetchrow(
            SQL["claim"], row["effect_id"], process_id, status.value, lifecycle.effect_before(status)
        )
        return effect_of(row, claimed["attempt"], claimed["tries"], status) if claimed is not None else None

    async def clear(self, effect: Effect) -> None:
        """See `ports.Effects.clear`."""
        halted = await self._clear(effect)
        if halted is None:
            raise Superseded(f"effect {effect.effect_id} is in other hands")
        if halted:
            raise Halted("an operator has stopped it")

    async def _look(self, group: Sequence[Effect]) -> Sequence[bool | None]:
        ids, attempts = [effect.effect_id for effect in group], [effect.attempt for effect in group]
        async with self._database.connection() as connection:
            found = {row["effect_id"]: row["halted"] for row in await connection.fetch(SQL["clear"], ids, attempts)}
        return [found.get(effect_id) for effect_id in ids]

    async def finish(self, effect: Effect, receipt: Receipt) -> None:
        """See `ports.Effects.finish`."""
        status = EffectStatus.DONE if effect.status is EffectStatus.EXECUTING else EffectStatus.RECONCILED
        async with self._database.transaction() as connection:
            await complete(connection, effect, status, receipt, actor="publisher")
        # On their own, as they lock in another order; should they be lost, the sweeper does them.
        async with self._database.transaction() as connection:
            released = await connection.fetch(TASKS["release_pending"], effect.campaign_id, TaskStatus.PENDING.value)
            rows.enqueue(connection, released, Stage.WORK)
        async with self._database.transaction() as connection:
            await campaigns.finish(connection, effect.campaign_id)

    async def mark_unknown(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """See `ports.Effects.doubt`."""
        async with self._database.transaction() as connection:
            await move(connection, effect, EffectStatus.UNKNOWN, cause, due_at)

    async def ask(self, effect: Effect, question: str, due_at: datetime | None) -> None:
        """See `ports.Effects.ask`."""
        async with self._database.transaction() as connection:
            row = await _moved(connection, "ask", effect, EffectStatus.UNKNOWN, question, due_at)
            if row["new"]:
                body: dict[str, JsonValue] = {"question": question, "idempotency_key": effect.idempotency_key}
                await _note(connection, effect, "publisher", "effect.asked", body)

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """See `ports.Effects.retry`."""
        async with self._database.transaction() as connection:
            await move(connection, effect, EffectStatus.AUTHORISED, cause, due_at)

    async def fail(self, effect: Effect, cause: str) -> None:
        """See `ports.Effects.fail`."""
        async with self._database.transaction() as connection:
            await refuse(connection, effect, cause, actor="publisher")

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """See `ports.Effects.let_go`."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["release_lost_claims"], process_id, held, seconds)

    async def sweep(self, lease_seconds: float, batch: int = 1_000) -> None:
        """Queue effects that are due but may be missing in Redis; those of dead processes become unknown."""
        async with self._database.transaction() as connection:
            found = await connection.fetch(SQL["orphaned"], lease_seconds)
            found += await connection.fetch(SQL["due"], batch, min(lease_seconds, 2.0))
            connection.enqueue(
                Stage.PUBLISH,
                (
                    QueueItem(
                        id=row["effect_id"],
                        tenant_id=row["tenant_id"],
                        agent_id=row["agent_id"],
                        priority=Priority(row["priority"]),
                    )
                    for row in found
                ),
            )


async def complete(
    connection: Connection, effect: Effect, status: EffectStatus, receipt: Receipt, *, actor: str
) -> None:
    """It is out there: publication, memory, settlement. Superseded when somebody else was first."""
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
    await _publish(connection, effect, row["asset_id"], receipt)
    body: dict[str, JsonValue] = {"url": receipt.url, "idempotency_key": effect.idempotency_key}
    await _note(connection, effect, actor, f"effect.{status.value}", body)
    if row["reservation_id"] is not None:
        await close(connection, [_bill(effect, row["reservation_id"], row["asset_id"], receipt)])


async def refuse(connection: Connection, effect: Effect, cause: str, *, actor: str) -> None:
    """It did not happen and will not: the Planner hears of it, and its money is free again."""
    reservation_id = await move(connection, effect, EffectStatus.FAILED, cause, None)
    await connection.fetch(TASKS["replan"], effect.task_id, new_id())
    await _note(connection, effect, actor, "effect.failed", {"cause": cause})
    if reservation_id is not None:
        await void(connection, [reservation_id])


async def move(
    connection: Connection,
    effect: Effect,
    to: EffectStatus,
    cause: str,
    due_at: datetime | None,
) -> UUID | None:
    """Bring an effect into another state; its reservation, if any. Superseded when it has moved on."""
    reservation_id: UUID | None = (await _moved(connection, "move", effect, to, cause, due_at))["reservation_id"]
    return reservation_id


async def _moved(
    connection: Connection, name: str, effect: Effect, to: EffectStatus, cause: str, due_at: datetime | None
) -> "Record":
    guard = lifecycle.effect_before(to)
    row = await connection.fetchrow(SQL[name], effect.effect_id, effect.attempt, to.value, cause, guard, due_at)
    if row is None:
        raise Superseded(f"effect {effect.effect_id} has moved on")
    return row


async def _publish(connection: Connection, effect: Effect, asset_id: UUID, receipt: Receipt) -> None:
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
    parts = await connection.fetchval(SQL["parts"], asset_id)
    memory = f"I published: {' '.join(parts)}"
    await connection.execute(SQL["remember"], new_id(), effect.tenant_id, effect.agent_id, memory, f"asset:{asset_id}")


async def _note(connection: Connection, effect: Effect, actor: str, action: str, body: dict[str, JsonValue]) -> None:
    await audit.note(connection, effect.tenant_id, actor=actor, action=action, subject=str(effect.task_id), body=body)


def _bill(effect: Effect, reservation_id: UUID, asset_id: UUID, receipt: Receipt) -> Closing:
    """What no wallet has paid by now is on the platform's bill."""
    return Closing(
        reservation_id=reservation_id,
        outcome=SpendOutcome.POSTED,
        source=effect.server,
        asset_id=asset_id,
        reference=receipt.url[:256],
    )


def effect_of(row: "Record", attempt: int, tries: int, status: EffectStatus) -> Effect:
    """A row as the roles see it."""
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
        disclosure=Disclosure(row["disclosure"]),
        created_at=row["created_at"],
    )
