"""The books: statements, how limits burn down, and what an accountant or an auditor takes away (FIN-7)."""

from collections.abc import AsyncGenerator
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chimera.api.auth import Anyone, Wired
from chimera.api.paging import Limit
from chimera.money.types.books import Books, BurnDown, EvidenceHead
from chimera.wiring import chunks
from chimera_protocol.errors import Invalid

router = APIRouter(prefix="/v1/books", tags=["books"])

First = Annotated[date | None, Query(alias="from", description="First day, in the tenant's time zone.")]
Last = Annotated[date | None, Query(alias="to", description="Last day, included; the present month when left out.")]


def _download(kind: str) -> dict[int | str, dict[str, object]]:
    return {200: {"content": {kind: {"schema": {"type": "string"}}}, "description": "The file, streamed."}}


@router.get("")
async def books(
    who: Anyone,
    system: Wired,
    first: First = None,
    last: Last = None,
    agent_id: Annotated[UUID | None, Query()] = None,
    campaign_id: Annotated[UUID | None, Query()] = None,
) -> Books:
    """Balance, profit and loss of the tenant, of one influencer or of one campaign, in each currency."""
    if agent_id is not None and campaign_id is not None:
        raise Invalid("the books are of an influencer or of a campaign", remedy="Leave one of the two out.")
    return await system.books.books(who.tenant_id, first, last, agent_id=agent_id, campaign_id=campaign_id)


@router.get("/apart")
async def apart(
    who: Anyone,
    system: Wired,
    by: Literal["influencer", "campaign"],
    first: First = None,
    last: Last = None,
    limit: Limit = 50,
) -> list[Books]:
    """The same for every influencer, or for every campaign, that money has moved for."""
    return await system.books.apart(who.tenant_id, by, first, last, limit)


@router.get("/burn-down")
async def burn_down(who: Anyone, system: Wired, limit: Limit = 50) -> list[BurnDown]:
    """How the limits in force are used up, and when they will be at this rate; the fullest first."""
    return await system.books.burn_downs(who.tenant_id, limit)


@router.get("/head")
async def head(who: Anyone, system: Wired) -> EvidenceHead:
    """Where the chain of evidence ends now."""
    return await system.books.head(who.tenant_id)


@router.get("/journal.csv", response_class=StreamingResponse, responses=_download("text/csv"))
async def journal_csv(who: Anyone, system: Wired) -> StreamingResponse:
    """The whole journal, a line for each posting; a debit is positive."""
    return await _file(system.books.csv(who.tenant_id), "text/csv", "journal.csv")


@router.get("/journal.beancount", response_class=StreamingResponse, responses=_download("text/plain"))
async def journal_beancount(who: Anyone, system: Wired) -> StreamingResponse:
    """The whole journal for beancount, with the balances that `bean-check` must come to."""
    return await _file(system.books.beancount(who.tenant_id), "text/plain", "journal.beancount")


@router.get("/evidence.jsonl", response_class=StreamingResponse, responses=_download("application/jsonl"))
async def evidence(who: Anyone, system: Wired) -> StreamingResponse:
    """The chain of money events, one a line; `chimera verify budget` recomputes it without a database."""
    return await _file(system.books.evidence(who.tenant_id), "application/jsonl", "evidence.jsonl")


async def _file(lines: AsyncGenerator[str, None], media: str, name: str) -> StreamingResponse:
    """A download. The first piece is made beforehand, so that what fails at once is an answer and no torn file."""
    pieces = chunks(lines)
    first = await anext(pieces)

    async def all_pieces() -> AsyncGenerator[bytes, None]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(all_pieces(), media_type=f"{media}; charset=utf-8", headers=headers)
