"""What callers do with tasks from outside the swarm: dispatch, claim and return, cancel, replay."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera import lifecycle, retry
from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.ids import new_id
from chimera.money.service.treasury import void
from chimera.provenance.rules.hashes import hash_of
from chimera.tasks import rules
from chimera.tasks.service.graph import enqueue, queue_item
from chimera.tasks.store import dispatch, tasks
from chimera.tasks.types.messages import NewTask
from chimera.tasks.types.views import DeadLetterView
from chimera.tasks.types.work import ExecutionResult, TaskDispatch
from chimera.values import CampaignStatus, Page, Stage, TaskStatus
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.wire import Wire

if TYPE_CHECKING:
    from asyncpg import Record


class Claimed(Wire):
    """A task in an outside agent's hands, until `lease_until`."""

    task_id: UUID
    execution_id: str
    attempt: int
    lease_until: datetime
    task_dispatch: TaskDispatch


class TaskService:
    """Every call is one transaction under the caller's tenant."""

    def __init__(self, tenants: Database, cool_down_seconds: float = 0.0) -> None:
        self._tenants = tenants
        self._cool = cool_down_seconds

    async def dispatch(self, tenant_id: UUID, wanted: TaskDispatch, actor: str) -> tuple[UUID, bool]:
        """Take on a task: its id, and whether it is new. The same one twice is taken on once (ORC-4).

        NotFound for an unknown persona or campaign, Conflict for a wrong soul hash, a campaign that does not
        run, or an execution id that was used for something else.
        """
        async with self._tenants.transaction(tenant_id) as connection:
            known = await dispatch.known(connection, wanted.execution_id)
            if known is not None:
                _same(TaskDispatch.model_validate_json(known["dispatch"]), wanted)
                return known["task_id"], False
            speaker = await _speaker(connection, wanted)
            filled = wanted.context.model_copy(update={"soul_hash": speaker["soul_hash"]})
            task = NewTask(
                task_id=new_id(),
                parent_id=None,
                node_key=None,
                kind=rules.kind_of(wanted.tool_call),
                dispatch=wanted.model_copy(update={"context": filled}),
                depends_on=[],
            )
            inserted = await tasks.insert(connection, speaker, [(task, TaskStatus.QUEUED)])
            if not inserted:  # the same moment brought it twice, and the other one was first
                known = await dispatch.known(connection, wanted.execution_id)
                if known is None:
                    raise Conflict(f"execution {wanted.execution_id} was dispatched this very moment")
                _same(TaskDispatch.model_validate_json(known["dispatch"]), wanted)
                return known["task_id"], False
            await _note(connection, tenant_id, actor, "task.dispatched", task.task_id)
            enqueue(connection, inserted)
            return task.task_id, True

    async def claim(self, tenant_id: UUID, key_id: UUID, persona: str | None, lease_seconds: float) -> Claimed | None:
        """Give an outside agent the next task that is meant for one; None when there is none."""
        guard = lifecycle.before(TaskStatus.IN_PROGRESS)
        async with self._tenants.transaction(tenant_id) as connection:
            row = await dispatch.claim(connection, key_id, persona, lease_seconds, guard)
        return _claimed(row) if row is not None else None

    async def renew(self, tenant_id: UUID, key_id: UUID, task_id: UUID, attempt: int, lease_seconds: float) -> Claimed:
        """Keep a claimed task longer. Conflict when the lease was lost."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await dispatch.renew(connection, key_id, task_id, attempt, lease_seconds)
        if row is None:
            raise Conflict("this lease is lost: the task has moved on", remedy="Claim again.")
        return _claimed(row)

    async def submit(
        self, tenant_id: UUID, key_id: UUID, task_id: UUID, result: ExecutionResult, attempt: int | None
    ) -> None:
        """Take an outside agent's result to the Judge. Conflict unless the task runs and is the caller's."""
        objection = rules.claimable(result)
        if objection:
            raise Invalid(objection, remedy="Leave judge_evaluation out.")
        async with self._tenants.transaction(tenant_id) as connection:
            row = await _lock(connection, task_id)
            if row["status"] != TaskStatus.IN_PROGRESS.value or row["claimed_by"] != key_id:
                raise Conflict("this task is not running in your hands", remedy="Claim it first; a lease runs out.")
            if attempt is not None and attempt != row["attempt"]:
                raise Conflict(f"the task is at attempt {row['attempt']} by now", remedy="Claim it again.")
            if result.execution_id != row["execution_id"]:
                raise Invalid(f"the result names execution {result.execution_id}, the task is {row['execution_id']}")
            item = {
                "task_id": str(task_id),
                "attempt": row["attempt"],
                "author": f"agent:{key_id}",
                "result": result.model_dump(mode="json", exclude_unset=True),
                "content_hash": hash_of(result.artifact) if result.artifact else None,
            }
            moved = await tasks.submit(connection, [item])
            connection.enqueue(Stage.JUDGE, (queue_item(row, row["task_id"]) for row in moved))

    async def cancel(self, tenant_id: UUID, task_id: UUID, actor: str, reason: str | None = None) -> None:
        """Stop a task that is not over, or close a dead letter for good. Conflict when there is nothing to stop."""
        async with self._tenants.transaction(tenant_id) as connection:
            row = await _lock(connection, task_id)
            guard = lifecycle.before(TaskStatus.CANCELLED)
            cause = f"cancelled by {actor}" + (f": {reason}" if reason else "")
            if not await dispatch.cancel(connection, task_id, cause, guard):
                raise Conflict(f"a task that is {row['status']} cannot be cancelled")
            await _note(connection, tenant_id, actor, "task.cancelled", task_id, {"reason": reason} if reason else None)
            await void(connection, await tasks.open_reservations(connection, task_id))

    async def replay(self, tenant_id: UUID, task_id: UUID, actor: str) -> None:
        """Give a dead letter another life (ORC-11).

        Conflict for a task that is not one, before its cool-down is over, and after its last life.
        """
        async with self._tenants.transaction(tenant_id) as connection:
            row = await _lock(connection, task_id)
            self._replayable(row)
            moved = await dispatch.replay(connection, task_id, row["campaign_id"], row["kind"])
            await _note(connection, tenant_id, actor, "task.replayed", task_id)
            enqueue(connection, moved)

    async def dead_letters(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[DeadLetterView]:
        """What was given up, the newest first."""
        async with self._tenants.transaction(tenant_id) as connection:
            found = await dispatch.dead_letters(connection, before, limit)
        views = [self._dead_letter(row) for row in found]
        return Page(items=views, next=views[-1].task_id if len(views) == limit else None)

    def _dead_letter(self, row: "Record") -> DeadLetterView:
        left = max(0, retry.MAX_REPLAYS - row["replays"])
        rested = row["buried_at"] + retry.cool_down(row["replays"], self._cool)
        return DeadLetterView.model_validate(
            {**dict(row), "lives_left": left, "replayable_at": rested if left else None}
        )

    def _replayable(self, row: "Record") -> None:
        if row["status"] != TaskStatus.DEAD_LETTER.value:
            raise Conflict(f"a task that is {row['status']} cannot be replayed")
        if row["replays"] >= retry.MAX_REPLAYS:
            raise Conflict(
                f"this dead letter has had its {retry.MAX_REPLAYS} lives",
                remedy="Mend what its cause names and dispatch it anew, or cancel it.",
                replays=row["replays"],
            )
        rested = (row["buried_at"] or datetime.min.replace(tzinfo=UTC)) + retry.cool_down(row["replays"], self._cool)
        if rested > datetime.now(UTC):
            raise Conflict(
                "this dead letter rests, so that what felled it can be mended",
                remedy="Replay it after `replayable_at`.",
                replayable_at=rested.isoformat(),
            )


async def _speaker(connection: Connection, wanted: TaskDispatch) -> "Record":
    row = await dispatch.speaker(connection, wanted.context.persona, wanted.context.campaign_id)
    if row is None:
        raise NotFound(
            f"no influencer has the persona {wanted.context.persona!r}"
            + (f" and the campaign {wanted.context.campaign_id}" if wanted.context.campaign_id else ""),
            remedy="Import its SOUL.md, or name one of GET /v1/influencers.",
        )
    if wanted.context.soul_hash not in (None, row["soul_hash"]):
        raise Conflict(
            "the persona has another version than the task names",
            remedy="Read the current soul_hash and decide again.",
            soul_hash=row["soul_hash"],
        )
    if row["campaign_status"] != CampaignStatus.RUNNING.value:
        raise Conflict(f"the campaign is {row['campaign_status']}", remedy="Start it first.")
    return row


def _same(known: TaskDispatch, wanted: TaskDispatch) -> None:
    hashes = {"soul_hash": wanted.context.soul_hash or known.context.soul_hash}
    filled = wanted.model_copy(update={"context": wanted.context.model_copy(update=hashes)})
    if known != filled:
        raise Conflict(
            f"execution {wanted.execution_id} was dispatched with another body",
            remedy="Use a fresh execution_id.",
        )


async def _lock(connection: Connection, task_id: UUID) -> "Record":
    row = await dispatch.lock(connection, task_id)
    if row is None:
        raise NotFound(f"task {task_id} does not exist")
    return row


async def _note(
    connection: Connection,
    tenant_id: UUID,
    actor: str,
    action: str,
    task_id: UUID,
    body: dict[str, JsonValue] | None = None,
) -> None:
    await audit.note(connection, tenant_id, actor=actor, action=action, subject=str(task_id), body=body or {})


def _claimed(row: "Record") -> Claimed:
    return Claimed(
        task_id=row["task_id"],
        execution_id=row["execution_id"],
        attempt=row["attempt"],
        lease_until=row["lease_until"],
        task_dispatch=TaskDispatch.model_validate_json(row["dispatch"]),
    )
