"""What went wrong and waits for people: questions about effects, and dead letters (ORC-11, PUB-2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import StringConstraints

from chimera.api.auth import Anyone, Reviewer, Wired
from chimera.api.paging import Before, Limit
from chimera.review.types.questions import Answered, QuestionView
from chimera.tasks.types.views import DeadLetterView
from chimera.values import Page
from chimera_protocol.wire import Wire

router = APIRouter(prefix="/v1", tags=["recovery"])

Address = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[\x21-\x7e]+$")]
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class Answer(Wire):
    """What a human has found out: `it_happened` at `url`; it did not, so `try_again` or `give_up`; or `look_again`."""

    answer: Answered
    url: Address | None = None
    note: Note | None = None


@router.get("/questions")
async def questions(who: Anyone, system: Wired, limit: Limit = 50) -> list[QuestionView]:
    """What may or may not be out there, and only a human can find out; the oldest first."""
    return await system.questions.open(who.tenant_id, limit)


@router.post("/questions/{effect_id}/answer", status_code=204)
async def answer(effect_id: UUID, said: Answer, who: Reviewer, system: Wired) -> None:
    """Settle a question. 409 when somebody else has settled it."""
    await system.questions.answer(who.tenant_id, effect_id, said.answer, said.url, said.note, who.actor)


@router.get("/dead-letters")
async def dead_letters(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[DeadLetterView]:
    """Tasks that were given up, each with its cause and when it can be replayed; the newest first."""
    return await system.desk.dead_letters(who.tenant_id, limit, before)
