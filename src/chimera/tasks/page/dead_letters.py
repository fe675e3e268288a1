"""Tasks that were given up, on the desk for what went wrong (ORC-11)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Form
from fastapi.responses import Response
from pydantic import BeforeValidator, StringConstraints

from chimera.board.requests import Id, Visitor, done
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.tasks.service.dispatch import TaskService
from chimera.tasks.types.views import DeadLetterView

ROOM = "/approvals"

# A form sends what was left open as an empty text.
_Blank = BeforeValidator(lambda value: value.strip() or None if isinstance(value, str) else value)
Reason = Annotated[Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")] | None, _Blank, Form()]


async def replay(request: Visitor, task_id: Id) -> Response:
    """Give a dead letter another life."""
    await request.service(TaskService).replay(request.who.tenant_id, task_id, request.who.actor)
    return done(request, "Replayed.", ROOM)


async def close(request: Visitor, task_id: Id, reason: Reason = None) -> Response:
    """Close a dead letter for good."""
    await request.service(TaskService).cancel(request.who.tenant_id, task_id, request.who.actor, reason)
    return done(request, "Closed.", ROOM)


async def _letters(look: BoardLook, _: str) -> Mapping[str, object]:
    letters = (await look.service(TaskService).dead_letters(look.tenant_id, 50)).items
    return {"letters": letters, "rested": _rested(letters)}


def _rested(letters: Sequence[DeadLetterView]) -> frozenset[UUID]:
    """The dead letters that can be replayed by now."""
    now = datetime.now(UTC)
    return frozenset(one.task_id for one in letters if one.replayable_at is not None and one.replayable_at <= now)


PAGES = Pages(
    package="chimera.tasks",
    acting=(
        ("/dead-letters/{task_id}/replay", replay, "operate"),
        ("/dead-letters/{task_id}/close", close, "author"),
    ),
    regions={"dead_letters": RegionSource(_letters, frozenset({"author", "operate"}))},
)
