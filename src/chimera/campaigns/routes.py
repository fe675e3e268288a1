"""Influencers, personas, the fleet policy, campaigns and plans."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import StringConstraints

from chimera.api.auth import Anyone, Author, Operator, Wired
from chimera.api.paging import Before, Limit
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft
from chimera.campaigns.types.views import CampaignView, PlanView
from chimera.money.types.views import PolicyChange
from chimera.personas.types.policy import Policy
from chimera.personas.types.views import InfluencerView, PersonaVersion
from chimera.values import Page
from chimera.wiring import Influencer, check_plan
from chimera_protocol.wire import Wire

router = APIRouter(prefix="/v1", tags=["campaigns"])

SoulHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class SoulFile(Wire):
    """A SOUL.md, whole."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


class Created(Wire):
    """The id of what was made."""

    campaign_id: UUID


@router.get("/influencers")
async def influencers(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[InfluencerView]:
    """The influencers and what they are doing this moment."""
    return await system.reads.influencers(who.tenant_id, limit, before)


@router.get("/personas")
async def personas(who: Anyone, system: Wired, limit: Limit = 50) -> list[PersonaVersion]:
    """Versions of personas, newest first."""
    return await system.reads.personas(who.tenant_id, limit)


@router.post("/personas", status_code=201)
async def import_persona(soul: SoulFile, who: Author, system: Wired) -> Influencer:
    """Make an influencer from a SOUL.md, or give it a new version (SOUL-1, SOUL-2)."""
    return await system.accounts.import_persona(who.tenant_id, soul.source, who.actor)


@router.get("/personas/{soul_hash}")
async def persona(soul_hash: SoulHash, who: Anyone, system: Wired) -> PersonaVersion:
    """One version; old ones stay readable."""
    return await system.reads.persona(who.tenant_id, soul_hash)


@router.get("/policy")
async def policy(who: Anyone, system: Wired) -> Policy:
    """The fleet policy in force."""
    return await system.reads.policy(who.tenant_id)


@router.put("/policy")
async def set_policy(policy: Policy, who: Operator, system: Wired) -> PolicyChange:
    """Put a fleet policy in force at once (SOUL-3). Limits that it loosens wait for a second operator."""
    return await system.accounts.set_policy(who.tenant_id, policy, who.actor)


@router.get("/campaigns")
async def campaigns(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[CampaignView]:
    """Campaigns, newest first."""
    return await system.reads.campaigns(who.tenant_id, limit, before)


@router.post("/campaigns", status_code=201)
async def create(brief: Brief, who: Author, system: Wired) -> Created:
    """Store a campaign. With `autostart` it is planned and run at once."""
    if not brief.autostart:
        return Created(campaign_id=await system.campaigns.create(who.tenant_id, brief, who.actor))
    return Created(campaign_id=await system.campaigns.launch(who.tenant_id, brief, who.actor))


@router.get("/campaigns/{campaign_id}")
async def campaign(campaign_id: UUID, who: Anyone, system: Wired) -> CampaignView:
    """One campaign and how far it is."""
    return await system.reads.campaign(who.tenant_id, campaign_id)


@router.post("/campaigns/{campaign_id}/plan", status_code=202)
async def plan(campaign_id: UUID, who: Author, system: Wired) -> Created:
    """Ask the Planner for a plan."""
    await system.campaigns.plan(who.tenant_id, campaign_id, who.actor)
    return Created(campaign_id=campaign_id)


@router.get("/campaigns/{campaign_id}/plan")
async def show_plan(campaign_id: UUID, who: Anyone, system: Wired) -> PlanView:
    """The latest plan, as a graph and as a tree for reading."""
    return await system.reads.plan(who.tenant_id, campaign_id)


@router.put("/campaigns/{campaign_id}/plan", status_code=204)
async def edit_plan(campaign_id: UUID, draft: PlanDraft, who: Author, system: Wired) -> None:
    """Put an edited plan in the place of the one that waits for its start."""
    check_plan(draft, system.host)
    await system.campaigns.edit_plan(who.tenant_id, campaign_id, draft, who.actor)


@router.post("/campaigns/{campaign_id}/start", status_code=204)
async def start(campaign_id: UUID, who: Author, system: Wired) -> None:
    """Run the plan that waits, or go on after a pause."""
    await system.campaigns.start(who.tenant_id, campaign_id, who.actor)


@router.post("/campaigns/{campaign_id}/pause", status_code=204)
async def pause(campaign_id: UUID, who: Author, system: Wired) -> None:
    """Stop starting work; what is being made goes stale (ORC-8)."""
    await system.campaigns.pause(who.tenant_id, campaign_id, who.actor)


@router.post("/campaigns/{campaign_id}/cancel", status_code=204)
async def cancel(campaign_id: UUID, who: Author, system: Wired) -> None:
    """End a campaign; effects that have not begun are withdrawn."""
    await system.campaigns.cancel(who.tenant_id, campaign_id, who.actor)
