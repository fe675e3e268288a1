"""What only a human can find out: whether something is out there that its platform does not tell of (PUB-2)."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.outbox import QueueItem
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict, Superseded
from chimera.publishing.service import complete, effect_of, move, refuse
from chimera.publishing.types import Effect, Receipt
from chimera.review.store import questions
from chimera.review.types.questions import Answered, QuestionView
from chimera.tasks.service.graph import start_next
from chimera.values import EffectStatus, Priority, Stage
from chimera_protocol.errors import Invalid, NotFound

if TYPE_CHECKING:
    from asyncpg import Record


class QuestionService:
    """The open questions of a tenant, and their answers."""

    def __init__(self, tenants: Database) -> None:
        self._tenants = tenants

    async def open(self, tenant_id: UUID, limit: int = 100) -> list[QuestionView]:
        """What waits for an answer, the oldest first."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await questions.asked(connection, limit)

    async def count(self, tenant_id: UUID) -> int:
        """How many wait for an answer."""
        async with self._tenants.transaction(tenant_id) as connection:
            return await questions.count_asked(connection)

    async def answer(
        self, tenant_id: UUID, effect_id: UUID, answer: Answered, url: str | None, note: str | None, actor: str
    ) -> None:
        """Settle a question.

        NotFound for an unknown one, Conflict when it is settled already or being looked at this moment, Invalid when
        a post is said to be out without its address.
        """
        if answer is Answered.IT_HAPPENED and not url:
            raise Invalid("where is it?", remedy="Give the address of the post as `url`.")
        try:
            async with self._tenants.transaction(tenant_id) as connection:
                row = await _asked(connection, effect_id)
                effect = effect_of(row, row["attempt"], row["tries"], EffectStatus.UNKNOWN)
                await self._settle(connection, effect, answer, url or "", actor)
                if answer in (Answered.TRY_AGAIN, Answered.LOOK_AGAIN):
                    connection.enqueue(Stage.PUBLISH, [_queue_item(effect)])
                await questions.answered(connection, effect_id, actor, again=answer is Answered.TRY_AGAIN)
                body: dict[str, JsonValue] = {"answer": answer.value, "url": url, "note": note}
                await audit.note(
                    connection, tenant_id, actor=actor, action="effect.answered", subject=str(effect.task_id), body=body
                )
        except Superseded as error:
            raise Conflict("it was settled this very moment") from error
        if answer in (Answered.IT_HAPPENED, Answered.GIVE_UP):
            await start_next(self._tenants, tenant_id, effect.campaign_id)

    async def _settle(self, connection: Connection, effect: Effect, answer: Answered, url: str, actor: str) -> None:
        now = datetime.now(UTC)
        match answer:
            case Answered.IT_HAPPENED:
                ids = [url.rstrip("/").rsplit("/", 1)[-1]]
                receipt = Receipt(kind=effect.tool, ids=ids, url=url, created_at=now, content_hash="")
                await complete(connection, effect, EffectStatus.RECONCILED, receipt, actor=actor)
            case Answered.TRY_AGAIN:
                await move(connection, effect, EffectStatus.AUTHORISED, f"{actor} has looked: it is not there", now)
            case Answered.GIVE_UP:
                await refuse(connection, effect, f"{actor} has looked: it is not there, and is not wanted", actor=actor)
            case Answered.LOOK_AGAIN:
                await move(connection, effect, EffectStatus.UNKNOWN, f"{actor} wants it read back again", now)
            case _:
                assert_never(answer)


def _queue_item(effect: Effect) -> QueueItem:
    return QueueItem(
        id=effect.effect_id,
        tenant_id=effect.tenant_id,
        agent_id=effect.agent_id,
        priority=Priority.MEDIUM,
    )


async def _asked(connection: Connection, effect_id: UUID) -> "Record":
    row = await questions.lock_asked(connection, effect_id)
    if row is None:
        raise NotFound(f"effect {effect_id} does not exist")
    if row["status"] != EffectStatus.UNKNOWN.value or row["asked_at"] is None:
        raise Conflict(f"there is no open question about it: it is {row['status']}")
    if row["claimed_by"] is not None:
        raise Conflict("it is being read back this moment", remedy="Try again in a few seconds.")
    return row
