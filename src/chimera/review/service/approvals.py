"""The review desk: one reviewer at a time, verdicts that can be taken back for a moment, two where it matters."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.provenance.rules.hashes import content_hash, hash_of
from chimera.review.store import approvals
from chimera.review.types.messages import ReviewOutcome
from chimera.tasks.service.graph import queue_item
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera.values import Decision, Stage, TaskKind, TaskStatus
from chimera_protocol.errors import Invalid, NotFound

if TYPE_CHECKING:
    from asyncpg import Record


CLAIM_SECONDS = 300.0
LONGEST_SNOOZE = timedelta(days=7)


class ReviewService:
    """What reviewers do. `undo_seconds` is how long a verdict can be taken back before the Judge acts on it."""

    def __init__(self, tenants: Database, undo_seconds: float = 0.0) -> None:
        self._tenants = tenants
        self._undo = undo_seconds

    async def claim(self, tenant_id: UUID, approval_id: UUID, actor: str) -> datetime:
        """Keep others from deciding meanwhile; until when. Conflict while somebody else has it."""
        async with self._tenants.transaction(tenant_id) as connection:
            await _waiting(connection, approval_id, actor, bound=False)
            return await approvals.claim(connection, approval_id, actor, CLAIM_SECONDS)

    async def release(self, tenant_id: UUID, approval_id: UUID, actor: str) -> None:
        """Let others have it."""
        async with self._tenants.transaction(tenant_id) as connection:
            await _waiting(connection, approval_id, actor, bound=False)
            await approvals.release(connection, approval_id)

    async def snooze(self, tenant_id: UUID, approval_id: UUID, until: datetime, actor: str) -> None:
        """Put it off: it is listed again from then on. Invalid for the past and beyond a week."""
        now = datetime.now(UTC)
        if not now < until <= now + LONGEST_SNOOZE:
            raise Invalid("an item is put off to a time within the next seven days")
        async with self._tenants.transaction(tenant_id) as connection:
            task = await _waiting(connection, approval_id, actor, bound=False)
            await approvals.snooze(connection, approval_id, until)
            await _note(connection, tenant_id, actor, "approval.snoozed", task, {"until": until.isoformat()})

    async def decide(
        self, tenant_id: UUID, approval_id: UUID, decision: Decision, actor: str, note: str | None
    ) -> ReviewOutcome:
        """A human's verdict. It is bound to content, persona and campaign state: Conflict when one has changed.

        Where the policy wants four eyes, the first approval waits for a second one by somebody else.
        """
        if decision is Decision.ESCALATE:
            raise Invalid("a reviewer approves, rejects or edits")
        approving = decision is Decision.APPROVE
        async with self._tenants.transaction(tenant_id) as connection:
            task = await _waiting(connection, approval_id, actor, bound=approving)
            if approving and _needs_two(task):
                if task["first_by"] is None:
                    await approvals.agree_first(connection, approval_id, actor)
                    await _note(connection, tenant_id, actor, "approval.first", task, {"note": note})
                    return ReviewOutcome(status="waiting", first_by=actor)
                if task["first_by"] == actor:
                    raise Conflict("somebody else has to agree", remedy="Ask a second reviewer.", first_by=actor)
            status = "approved" if approving else "rejected"
            return await self._back_to_judge(connection, tenant_id, task, status, actor, note)

    async def edit(
        self, tenant_id: UUID, approval_id: UUID, content: str | list[str], actor: str, note: str | None
    ) -> ReviewOutcome:
        """A human's new wording. It is a new piece: the Judge looks at it afresh (JDG-4)."""
        async with self._tenants.transaction(tenant_id) as connection:
            task = await _waiting(connection, approval_id, actor, bound=True)
            result = ExecutionResult.model_validate_json(task["result"])
            if result.artifact is None or isinstance(content, str) != isinstance(result.artifact.content, str):
                raise Invalid("an edit has the shape of the original: one text, or a list of texts for a thread")
            artifact = result.artifact.model_copy(update={"content": content})
            trace = [*result.reasoning_trace, f"Edited by {actor}"]
            edited = result.model_copy(update={"artifact": artifact, "reasoning_trace": trace})
            await _add_execution(connection, tenant_id, task, edited, actor)
            return await self._back_to_judge(connection, tenant_id, task, "edited", actor, note)

    async def undo(self, tenant_id: UUID, approval_id: UUID, actor: str) -> None:
        """Take one's own verdict back before it takes effect. Conflict once it has, or when it is another's."""
        async with self._tenants.transaction(tenant_id) as connection:
            task = await approvals.lock(connection, approval_id)
            if task is None:
                raise NotFound(f"approval {approval_id} does not exist")
            if task["decided_by"] != actor:
                raise Conflict("only whoever decided can take it back", decided_by=task["decided_by"])
            held = task["revocable"] and await approvals.hold_again(connection, task["task_id"])
            if not held:
                raise Conflict("it has taken effect already", remedy="Pause the campaign if it must not go out.")
            if task["status"] == "edited":  # what was edited comes last no more
                original = ExecutionResult.model_validate_json(task["result"])
                await _add_execution(connection, tenant_id, task, original, actor)
            await approvals.take_back(connection, approval_id)
            await _note(connection, tenant_id, actor, "approval.taken_back", task, {"was": task["status"]})

    async def _back_to_judge(
        self,
        connection: Connection,
        tenant_id: UUID,
        task: "Record",
        status: str,
        actor: str,
        note: str | None,
    ) -> ReviewOutcome:
        revocable = await approvals.decide(connection, task["approval_id"], status, actor, note, self._undo)
        moved = await approvals.reopen(connection, task["task_id"], self._undo)
        await _note(connection, tenant_id, actor, f"approval.{status}", task, {})
        # While it can be taken back nobody is told: the sweeper brings it to the Judge when its time has come.
        if self._undo == 0:
            connection.enqueue(Stage.JUDGE, (queue_item(row, row["task_id"]) for row in moved))
        return ReviewOutcome(status=status, undo_until=revocable if self._undo else None)


async def _waiting(connection: Connection, approval_id: UUID, actor: str, *, bound: bool) -> "Record":
    row = await approvals.lock(connection, approval_id)
    if row is None:
        raise NotFound(f"approval {approval_id} does not exist")
    if row["status"] != "waiting" or row["task_status"] != TaskStatus.AWAITING_APPROVAL.value:
        raise Conflict(f"this was decided already: {row['status']}", decided_by=row["decided_by"])
    if row["claimed"] and row["claimed_by"] != actor:
        raise Conflict(
            f"{row['claimed_by']} is looking at it",
            remedy="Wait until it is released, or take another item.",
            claimed_by=row["claimed_by"],
            claimed_until=row["claimed_until"].isoformat(),
        )
    moved: dict[str, tuple[JsonValue, JsonValue]] = {
        "campaign state": (row["state_version"], row["state_now"]),
        "persona": (row["soul_hash"], row["soul_now"]),
    }
    changed: dict[str, JsonValue] = {
        what: {"then": then, "now": now} for what, (then, now) in moved.items() if then != now
    }
    if bound and changed:
        told = (
            f"the {what} has changed since this was judged: {moved[what][0]} then, {moved[what][1]} now"
            for what in changed
        )
        raise Conflict(
            "; ".join(told),
            remedy="Reject it: the Planner makes it anew.",
            changed=changed,
        )
    return row


def _needs_two(task: "Record") -> bool:
    """Whether the policy wants a second pair of eyes on money, or on what touches a sensitive topic."""
    wanted = set(json.loads(task["four_eyes"] or "[]"))
    topics = Verdict.model_validate_json(task["verdict"]).topics
    return ("money" in wanted and task["kind"] == TaskKind.SPEND.value) or ("topics" in wanted and bool(topics))


async def _add_execution(
    connection: Connection, tenant_id: UUID, task: "Record", result: ExecutionResult, author: str
) -> None:
    hashed = hash_of(result.artifact) if result.artifact else content_hash([])
    body = result.model_dump_json(exclude_unset=True)
    await approvals.add_execution(connection, task["task_id"], tenant_id, author, body, hashed)


async def _note(
    connection: Connection, tenant_id: UUID, actor: str, action: str, task: "Record", body: dict[str, JsonValue]
) -> None:
    await audit.note(connection, tenant_id, actor=actor, action=action, subject=str(task["task_id"]), body=body)
