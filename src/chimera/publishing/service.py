"""The life of effects: a durable mark before the call, a receipt after it, doubt in between (PUB-2)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera import lifecycle
from chimera.audit.service import trail as audit
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database
from chimera.errors import Halted, Superseded
from chimera.gateways.mcp.types import Disclosure
from chimera.media.types import MediaItem
from chimera.memory.service import remember
from chimera.money.service.treasury import close, void
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.publishing import store
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import Effect, Grant, Receipt
from chimera.tasks.service.graph import ask_for_revision, queue_item, start_next
from chimera.tasks.types.messages import Lease
from chimera.values import EffectStatus, Stage

if TYPE_CHECKING:
    from asyncpg import Record


ARGUMENTS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
MEDIA: TypeAdapter[list[MediaItem]] = TypeAdapter(list[MediaItem])


class EffectService:
    """What publishers do with effects (PUB-2). A doubt stays a doubt until the platform or a human has been asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clear: GroupCommit[Effect, bool | None] = GroupCommit(self._look)

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        """Check the grants and mark the effects as executing, durably; an interrupted one comes back as unknown. What
        its grant does not cover any more is refused, what is halted is left out."""
        begun: list[Effect] = []
        async with self._database.transaction() as connection:
            for row in await store.lock(connection, leases):
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
        guard = lifecycle.effect_before(status)
        claimed = await store.claim(connection, row["effect_id"], process_id, status, guard)
        return effect_of(row, claimed["attempt"], claimed["tries"], status) if claimed is not None else None

    async def clear(self, effect: Effect) -> None:
        """The last look before the platform is asked: Halted when an operator has stopped it, or campaign or persona
        have changed; Superseded when another process has it."""
        halted = await self._clear(effect)
        if halted is None:
            raise Superseded(f"effect {effect.effect_id} is in other hands")
        if halted:
            raise Halted("an operator has stopped it")

    async def _look(self, group: Sequence[Effect]) -> Sequence[bool | None]:
        async with self._database.connection() as connection:
            found = await store.stopped(connection, group)
        return [found.get(effect.effect_id) for effect in group]

    async def finish(self, effect: Effect, receipt: Receipt) -> None:
        """Record the receipt: publication, memory, settlement; the tasks that waited for it are queued. Superseded when
        it has moved on."""
        status = EffectStatus.DONE if effect.status is EffectStatus.EXECUTING else EffectStatus.RECONCILED
        async with self._database.transaction() as connection:
            await complete(connection, effect, status, receipt, actor="publisher")
        await start_next(self._database, None, effect.campaign_id)

    async def mark_unknown(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """Nobody knows whether it happened: the platform is to be read. Superseded when it has moved on."""
        async with self._database.transaction() as connection:
            await move(connection, effect, EffectStatus.UNKNOWN, cause, due_at)

    async def ask(self, effect: Effect, question: str, due_at: datetime | None) -> None:
        """Put the doubt to a human, once. With a time it is read back then all the same; without one it waits."""
        async with self._database.transaction() as connection:
            guard = lifecycle.effect_before(EffectStatus.UNKNOWN)
            row = await store.ask(connection, effect, question, due_at, guard)
            if row is None:
                raise Superseded(f"effect {effect.effect_id} has moved on")
            if row["new"]:
                body: dict[str, JsonValue] = {"question": question, "idempotency_key": effect.idempotency_key}
                await _note(connection, effect, "publisher", "effect.asked", body)

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """It certainly did not happen: it may be tried again. Superseded when it has moved on."""
        async with self._database.transaction() as connection:
            await move(connection, effect, EffectStatus.AUTHORISED, cause, due_at)

    async def fail(self, effect: Effect, cause: str) -> None:
        """It did not happen and will not; its money is free, the Planner hears of it. Superseded when it moved on."""
        async with self._database.transaction() as connection:
            await refuse(connection, effect, cause, actor="publisher")

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Doubt what the process began longer ago than that and does not hold: it has lost track of it."""
        async with self._database.connection() as connection:
            await store.release_lost_claims(connection, process_id, held, seconds)

    async def sweep(self, lease_seconds: float, batch: int = 1_000) -> None:
        """Queue effects that are due but may be missing in Redis; those of dead processes become unknown."""
        async with self._database.transaction() as connection:
            for row in await store.orphaned(connection, lease_seconds):
                connection.enqueue(Stage.PUBLISH, [queue_item(row, row["effect_id"])])
            for row in await store.due(connection, batch, min(lease_seconds, 2.0)):
                connection.enqueue(Stage.PUBLISH, [queue_item(row, row["effect_id"])])


async def complete(
    connection: Connection, effect: Effect, status: EffectStatus, receipt: Receipt, *, actor: str
) -> None:
    """It is out there: publication, memory, settlement. Superseded when somebody else was first."""
    row = await store.finish(connection, effect, status, receipt, lifecycle.effect_before(status))
    if row is None:
        raise Superseded(f"effect {effect.effect_id} has moved on")
    parts = await store.publish(connection, effect, row["asset_id"], receipt)
    memory, source = f"I published: {' '.join(parts)}", f"asset:{row['asset_id']}"
    await remember(connection, effect.tenant_id, effect.agent_id, memory, source)
    body: dict[str, JsonValue] = {"url": receipt.url, "idempotency_key": effect.idempotency_key}
    await _note(connection, effect, actor, f"effect.{status.value}", body)
    if row["reservation_id"] is not None:
        await close(connection, [_bill(effect, row["reservation_id"], row["asset_id"], receipt)])


async def refuse(connection: Connection, effect: Effect, cause: str, *, actor: str) -> None:
    """It did not happen and will not: the Planner hears of it, and its money is free again."""
    reservation_id = await move(connection, effect, EffectStatus.FAILED, cause, None)
    await ask_for_revision(connection, effect.task_id)
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
    row = await store.move(connection, effect, to, cause, due_at, lifecycle.effect_before(to))
    if row is None:
        raise Superseded(f"effect {effect.effect_id} has moved on")
    reservation_id: UUID | None = row["reservation_id"]
    return reservation_id


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
