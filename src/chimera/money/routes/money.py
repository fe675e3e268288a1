"""Money: the CFO Judge's authorisation, the ledger, the limits (FIN-1)."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse

from chimera.api.auth import Anyone, Spender, Wired
from chimera.api.paging import Before, Limit
from chimera.api.problems import PROBLEM
from chimera.money.types.authorization import ROUTINE, Authorization, PolicyViolation, TransactionRequest
from chimera.money.types.messages import SpendOrder
from chimera.money.types.views import LimitView, SpendView, TransactionView
from chimera.values import Page
from chimera_protocol.errors import Invalid

router = APIRouter(prefix="/v1", tags=["money"])

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
async def authorize(request: TransactionRequest, key: Key, who: Spender, system: Wired) -> Authorization | JSONResponse:
    """Ask the CFO Judge for money. It is reserved, or refused with 403 and the figures."""
    if request.category in ROUTINE:
        raise Invalid(f"the category {request.category!r} is the swarm's own", remedy="Choose another category.")
    payer = await system.reads.payer(who.tenant_id, request.persona, request.campaign_id)
    order = SpendOrder(
        tenant_id=who.tenant_id,
        agent_id=payer.agent_id,
        campaign_id=payer.campaign_id,
        task_id=None,
        idempotency_key=f"api-{key}",
        request=request,
        expires=True,
    )
    answer = (await system.cfo.authorise(order)).answer
    if isinstance(answer, PolicyViolation):
        return JSONResponse(answer.model_dump(mode="json"), answer.status)
    return answer


@router.get("/transactions")
async def transactions(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[TransactionView]:
    """The ledger, newest first."""
    return await system.reads.transactions(who.tenant_id, limit, before)


@router.get("/spends")
async def spends(
    who: Anyone,
    system: Wired,
    limit: Limit = 50,
    before: Before = None,
    doubt: Annotated[bool, Query(description="Only what nobody knows the end of, models' calls included.")] = False,
) -> Page[SpendView]:
    """What was asked of the CFO Judge, and its answers."""
    return await system.reads.spends(who.tenant_id, limit, before, doubt=doubt)


@router.get("/limits")
async def limits(who: Anyone, system: Wired) -> list[LimitView]:
    """The limits in force and what is used of them."""
    return await system.reads.limits(who.tenant_id)
