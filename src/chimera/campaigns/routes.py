"""Campaigns and their plans."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from chimera.api.auth import Anyone, Author
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.campaigns.reads import CampaignReads
from chimera.campaigns.rules import planning
from chimera.campaigns.service import CampaignService
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft
from chimera.campaigns.types.views import CampaignView, PlanView
from chimera.gateways.mcp.types import ToolCatalogue
from chimera.values import Page
from chimera_protocol.wire import Wire

router = APIRouter(prefix="/v1", tags=["campaigns"])

Campaigns = Annotated[CampaignService, Depends(provided(CampaignService))]
Reads = Annotated[CampaignReads, Depends(provided(CampaignReads))]
Tools = Annotated[ToolCatalogue, Depends(provided(ToolCatalogue))]


class Created(Wire):
    """The id of what was made."""

    campaign_id: UUID


@router.get("/campaigns")
async def campaigns(who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None) -> Page[CampaignView]:
    """Campaigns, newest first."""
    return await reads.campaigns(who.tenant_id, limit, before)


@router.post("/campaigns", status_code=201)
async def create(brief: Brief, who: Author, campaigns: Campaigns) -> Created:
    """Store a campaign. With `autostart` it is planned and run at once."""
    if not brief.autostart:
        return Created(campaign_id=await campaigns.create(who.tenant_id, brief, who.actor))
    return Created(campaign_id=await campaigns.launch(who.tenant_id, brief, who.actor))


@router.get("/campaigns/{campaign_id}")
async def campaign(campaign_id: UUID, who: Anyone, reads: Reads) -> CampaignView:
    """One campaign and how far it is."""
    return await reads.campaign(who.tenant_id, campaign_id)


@router.post("/campaigns/{campaign_id}/plan", status_code=202)
async def plan(campaign_id: UUID, who: Author, campaigns: Campaigns) -> Created:
    """Ask the Planner for a plan."""
    await campaigns.plan(who.tenant_id, campaign_id, who.actor)
    return Created(campaign_id=campaign_id)


@router.get("/campaigns/{campaign_id}/plan")
async def show_plan(campaign_id: UUID, who: Anyone, reads: Reads) -> PlanView:
    """The latest plan, as a graph and as a tree for reading."""
    return await reads.plan(who.tenant_id, campaign_id)


@router.put("/campaigns/{campaign_id}/plan", status_code=204)
async def edit_plan(campaign_id: UUID, draft: PlanDraft, who: Author, campaigns: Campaigns, tools: Tools) -> None:
    """Put an edited plan in the place of the one that waits for its start."""
    planning.check(draft, tools.names)
    await campaigns.edit_plan(who.tenant_id, campaign_id, draft, who.actor)


@router.post("/campaigns/{campaign_id}/start", status_code=204)
async def start(campaign_id: UUID, who: Author, campaigns: Campaigns) -> None:
    """Run the plan that waits, or go on after a pause."""
    await campaigns.start(who.tenant_id, campaign_id, who.actor)


@router.post("/campaigns/{campaign_id}/pause", status_code=204)
async def pause(campaign_id: UUID, who: Author, campaigns: Campaigns) -> None:
    """Stop starting work; what is being made goes stale (ORC-8)."""
    await campaigns.pause(who.tenant_id, campaign_id, who.actor)


@router.post("/campaigns/{campaign_id}/cancel", status_code=204)
async def cancel(campaign_id: UUID, who: Author, campaigns: Campaigns) -> None:
    """End a campaign; effects that have not begun are withdrawn."""
    await campaigns.cancel(who.tenant_id, campaign_id, who.actor)
