"""Money: the CFO Judge's authorisation, the ledger, the limits (FIN-1)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse

from chimera.api.auth import Anyone, Spender
from chimera.api.paging import Before, Limit
from chimera.api.problems import PROBLEM
from chimera.api.services import provided
from chimera.money.reads import MoneyReads
from chimera.money.service.spends import SpendService
from chimera.money.types.authorization import Authorization, PolicyViolation, TransactionRequest
from chimera.money.types.views import LimitView, SpendView, TransactionView
from chimera.values import Page

router = APIRouter(prefix="/v1", tags=["money"])

Spends = Annotated[SpendService, Depends(provided(SpendService))]
Reads = Annotated[MoneyReads, Depends(provided(MoneyReads))]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body give the same answer; another body is a 409.",
    ),
]


@router.post(
    "/transactions/authorize",
    response_model=Authorization,
    responses={
        403: {
            "content": {"application/json": {"schema": PolicyViolation.model_json_schema()}, **PROBLEM},
            "description": "Over a limit, with the figures; or a problem: the wrong role.",
        }
    },
)
async def authorize(
    request: TransactionRequest, key: Key, who: Spender, spends: Spends
) -> Authorization | JSONResponse:
    """Ask the CFO Judge for money. It is reserved, or refused with 403 and the figures."""
    answer = await spends.authorise(who.tenant_id, request, key)
    if isinstance(answer, PolicyViolation):
        return JSONResponse(answer.model_dump(mode="json"), answer.status)
    return answer


@router.get("/transactions")
async def transactions(who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None) -> Page[TransactionView]:
    """The ledger, newest first."""
    return await reads.transactions(who.tenant_id, limit, before)


@router.get("/spends")
async def spends(
    who: Anyone,
    reads: Reads,
    limit: Limit = 50,
    before: Before = None,
    doubt: Annotated[bool, Query(description="Only what nobody knows the end of, models' calls included.")] = False,
) -> Page[SpendView]:
    """What was asked of the CFO Judge, and its answers."""
    return await reads.spends(who.tenant_id, limit, before, doubt=doubt)


@router.get("/limits")
async def limits(who: Anyone, reads: Reads) -> list[LimitView]:
    """The limits in force and what is used of them."""
    return await reads.limits(who.tenant_id)
