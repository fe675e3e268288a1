"""Questions that only a human can answer, on the desk for what went wrong (PUB-2)."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Form, Path
from fastapi.responses import Response
from pydantic import BeforeValidator, StringConstraints

from chimera.board.requests import Id, Visitor, done
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.review.service.questions import QuestionService
from chimera.review.types.questions import Answered

ROOM = "/approvals"

# A form sends what was left open as an empty text, and an address that was pasted with the blanks around it.
_Blank = BeforeValidator(lambda value: value.strip() or None if isinstance(value, str) else value)
Address = Annotated[
    Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[\x21-\x7e]+$")] | None, _Blank, Form()
]
Note = Annotated[Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")] | None, _Blank, Form()]

_TOLD = {
    Answered.IT_HAPPENED: "Noted: it is out there.",
    Answered.TRY_AGAIN: "It is tried again.",
    Answered.GIVE_UP: "Given up. The Planner hears of it.",
    Answered.LOOK_AGAIN: "It is read back again.",
}


async def answer(
    request: Visitor, effect_id: Id, said: Annotated[Answered, Path()], url: Address = None, note: Note = None
) -> Response:
    """Settle whether something is out there."""
    who = request.who
    await request.service(QuestionService).answer(who.tenant_id, effect_id, said, url, note, who.actor)
    return done(request, _TOLD[said], ROOM)


async def _questions(look: BoardLook, _: str) -> Mapping[str, object]:
    return {"questions": await look.service(QuestionService).open(look.tenant_id, 50)}


PAGES = Pages(
    package="chimera.review",
    acting=(("/questions/{effect_id}/{said}", answer, "review"),),
    regions={"questions": RegionSource(_questions, frozenset({"review"}))},
)
