"""The desk for what went wrong: questions that only a human can answer, and dead letters (ORC-11, PUB-2)."""

from typing import Annotated

from fastapi import Form, Path
from fastapi.responses import Response
from pydantic import BeforeValidator, StringConstraints

from chimera.board.requests import Handler, Id, Visitor, done
from chimera.review.types.questions import Answered

ROOM = "/approvals"

# A form sends what was left open as an empty text, and an address that was pasted with the blanks around it.
_Blank = BeforeValidator(lambda value: value.strip() or None if isinstance(value, str) else value)
Address = Annotated[
    Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[\x21-\x7e]+$")] | None, _Blank, Form()
]
Note = Annotated[Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")] | None, _Blank, Form()]
Reason = Annotated[Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")] | None, _Blank, Form()]

_TOLD = {
    Answered.IT_HAPPENED: "Noted: it is out there.",
    Answered.TRY_AGAIN: "It is tried again.",
    Answered.GIVE_UP: "Given up. The Planner hears of it.",
    Answered.LOOK_AGAIN: "It is read back again.",
}


async def answer(
    visit: Visitor, effect_id: Id, said: Annotated[Answered, Path()], url: Address = None, note: Note = None
) -> Response:
    """Settle whether something is out there."""
    who, system = visit.who, visit.system
    await system.questions.answer(who.tenant_id, effect_id, said, url, note, who.actor)
    return done(visit, _TOLD[said], ROOM)


async def replay(visit: Visitor, task_id: Id) -> Response:
    """Give a dead letter another life."""
    await visit.system.desk.replay(visit.who.tenant_id, task_id, visit.who.actor)
    return done(visit, "Replayed.", ROOM)


async def close(visit: Visitor, task_id: Id, reason: Reason = None) -> Response:
    """Close a dead letter for good."""
    await visit.system.desk.cancel(visit.who.tenant_id, task_id, visit.who.actor, reason)
    return done(visit, "Closed.", ROOM)


ACTING: tuple[tuple[str, Handler, str], ...] = (
    ("/questions/{effect_id}/{said}", answer, "review"),
    ("/dead-letters/{task_id}/replay", replay, "operate"),
    ("/dead-letters/{task_id}/close", close, "author"),
)
"""Every form, with the gate in front of it."""
