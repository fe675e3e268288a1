"""Ending what was authorised, and what operators decide about money: doubts, looser limits, flags (FIN-5)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from chimera.api.auth import Anyone, Operator, Spender
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.money.service.limits import LimitService
from chimera.money.service.settlement import SettlementService
from chimera.money.types.authorization import Settlement
from chimera.money.types.books import ClosedSpend
from chimera.money.types.views import FlagView, LimitChangeView
from chimera.values import Page

router = APIRouter(prefix="/v1", tags=["money"])

Settling = Annotated[SettlementService, Depends(provided(SettlementService))]
Limits = Annotated[LimitService, Depends(provided(LimitService))]
Mark = Annotated[str, Path(alias="hash", pattern=r"^[0-9a-f]{64}$", description="The budget_verification_hash.")]


@router.post("/authorizations/{hash}/settle")
async def settle(mark: Mark, settlement: Settlement, who: Spender, settling: Settling) -> ClosedSpend:
    """Say what was spent of an authorisation. The same again has the same answer; another amount is a 409."""
    return await settling.settle(who.tenant_id, mark, settlement, who.actor)


@router.post("/authorizations/{hash}/void")
async def void(mark: Mark, who: Spender, settling: Settling) -> ClosedSpend:
    """Say that nothing was spent: the money is free again. 409 when it has ended otherwise."""
    return await settling.void(who.tenant_id, mark, who.actor)


@router.post("/spends/{reservation_id}/settle")
async def settle_doubt(reservation_id: UUID, settlement: Settlement, who: Operator, settling: Settling) -> ClosedSpend:
    """Close a spend in doubt: it was spent, all of it or this much."""
    return await settling.settle_doubt(who.tenant_id, reservation_id, settlement, who.actor)


@router.post("/spends/{reservation_id}/void")
async def void_doubt(reservation_id: UUID, who: Operator, settling: Settling) -> ClosedSpend:
    """Close a spend in doubt: nothing was spent."""
    return await settling.void_doubt(who.tenant_id, reservation_id, who.actor)


@router.get("/limit-changes")
async def limit_changes(who: Anyone, limits: Limits, limit: Limit = 50, before: Before = None) -> Page[LimitChangeView]:
    """Changes that loosen a limit: they wait for a second operator, or were decided about."""
    return await limits.changes(who.tenant_id, limit, before)


@router.post("/limit-changes/{change_id}/confirm", status_code=204)
async def confirm(change_id: UUID, who: Operator, limits: Limits) -> None:
    """Put a looser limit in force. 403 for whoever proposed it: it takes two."""
    await limits.confirm(who.tenant_id, change_id, who.actor)


@router.post("/limit-changes/{change_id}/withdraw", status_code=204)
async def withdraw(change_id: UUID, who: Operator, limits: Limits) -> None:
    """Let a change fall."""
    await limits.withdraw(who.tenant_id, change_id, who.actor)


@router.get("/flags")
async def flags(who: Anyone, limits: Limits, limit: Limit = 50, before: Before = None) -> Page[FlagView]:
    """Spends that looked suspicious, and what was decided about them."""
    return await limits.flags(who.tenant_id, limit, before)


@router.post("/flags/{flag_id}/accept", status_code=204)
async def accept(flag_id: UUID, who: Operator, limits: Limits) -> None:
    """Let one spend like the flagged one through, within all limits."""
    await limits.decide_flag(who.tenant_id, flag_id, accept=True, actor=who.actor)


@router.post("/flags/{flag_id}/dismiss", status_code=204)
async def dismiss(flag_id: UUID, who: Operator, limits: Limits) -> None:
    """Leave it refused."""
    await limits.decide_flag(who.tenant_id, flag_id, accept=False, actor=who.actor)
