"""Questions about effects that only people can answer (PUB-2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import StringConstraints

from chimera.api.auth import Anyone, Reviewer
from chimera.api.paging import Limit
from chimera.api.services import provided
from chimera.review.service.questions import QuestionService
from chimera.review.types.questions import Answered, QuestionView
from chimera_protocol.wire import Wire

router = APIRouter(prefix="/v1", tags=["recovery"])

Questions = Annotated[QuestionService, Depends(provided(QuestionService))]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[\x21-\x7e]+$")]
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class QuestionAnswer(Wire):
    """What a human has found out: `it_happened` at `url`; it did not, so `try_again` or `give_up`; or `look_again`."""

    answer: Answered
    url: Address | None = None
    note: Note | None = None


@router.get("/questions")
async def questions(who: Anyone, questions: Questions, limit: Limit = 50) -> list[QuestionView]:
    """What may or may not be out there, and only a human can find out; the oldest first."""
    return await questions.open(who.tenant_id, limit)


@router.post("/questions/{effect_id}/answer", status_code=204)
async def answer(effect_id: UUID, said: QuestionAnswer, who: Reviewer, questions: Questions) -> None:
    """Settle a question. 409 when somebody else has settled it."""
    await questions.answer(who.tenant_id, effect_id, said.answer, said.url, said.note, who.actor)
