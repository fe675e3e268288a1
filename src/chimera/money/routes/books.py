"""The books: statements, how limits burn down, and what an accountant or an auditor takes away (FIN-7)."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from chimera.api.auth import Anyone
from chimera.api.downloads import download
from chimera.api.paging import Limit
from chimera.api.services import provided
from chimera.money.service.books import BookService
from chimera.money.types.books import Books, BurnDown, EvidenceHead
from chimera_protocol.errors import Invalid

router = APIRouter(prefix="/v1/books", tags=["books"])

Ledger = Annotated[BookService, Depends(provided(BookService))]
First = Annotated[date | None, Query(alias="from", description="First day, in the tenant's time zone.")]
Last = Annotated[date | None, Query(alias="to", description="Last day, included; the present month when left out.")]


def _download(kind: str) -> dict[int | str, dict[str, object]]:
    return {200: {"content": {kind: {"schema": {"type": "string"}}}, "description": "The file, streamed."}}


@router.get("")
async def books(
    who: Anyone,
    ledger: Ledger,
    first: First = None,
    last: Last = None,
    agent_id: Annotated[UUID | None, Query()] = None,
    campaign_id: Annotated[UUID | None, Query()] = None,
) -> Books:
    """Balance, profit and loss of the tenant, of one influencer or of one campaign, in each currency."""
    if agent_id is not None and campaign_id is not None:
        raise Invalid("the books are of an influencer or of a campaign", remedy="Leave one of the two out.")
    return await ledger.books(who.tenant_id, first, last, agent_id=agent_id, campaign_id=campaign_id)


@router.get("/apart")
async def apart(
    who: Anyone,
    ledger: Ledger,
    by: Literal["influencer", "campaign"],
    first: First = None,
    last: Last = None,
    limit: Limit = 50,
) -> list[Books]:
    """The same for every influencer, or for every campaign, that money has moved for."""
    return await ledger.apart(who.tenant_id, by, first, last, limit)


@router.get("/burn-down")
async def burn_down(who: Anyone, ledger: Ledger, limit: Limit = 50) -> list[BurnDown]:
    """How the limits in force are used up, and when they will be at this rate; the fullest first."""
    return await ledger.burn_downs(who.tenant_id, limit)


@router.get("/head")
async def head(who: Anyone, ledger: Ledger) -> EvidenceHead:
    """Where the chain of evidence ends now."""
    return await ledger.head(who.tenant_id)


@router.get("/journal.csv", response_class=StreamingResponse, responses=_download("text/csv"))
async def journal_csv(who: Anyone, ledger: Ledger) -> StreamingResponse:
    """The whole journal, a line for each posting; a debit is positive."""
    return await download(ledger.csv(who.tenant_id), "text/csv", "journal.csv")


@router.get("/journal.beancount", response_class=StreamingResponse, responses=_download("text/plain"))
async def journal_beancount(who: Anyone, ledger: Ledger) -> StreamingResponse:
    """The whole journal for beancount, with the balances that `bean-check` must come to."""
    return await download(ledger.beancount(who.tenant_id), "text/plain", "journal.beancount")


@router.get("/evidence.jsonl", response_class=StreamingResponse, responses=_download("application/jsonl"))
async def evidence(who: Anyone, ledger: Ledger) -> StreamingResponse:
    """The chain of money events, one a line; `chimera verify budget` recomputes it without a database."""
    return await download(ledger.evidence(who.tenant_id), "application/jsonl", "evidence.jsonl")
