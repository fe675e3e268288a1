"""The board's pages about campaigns: the list, and each with its plan, its tasks and its budget."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path
from fastapi.responses import Response

from chimera import lifecycle
from chimera.board.requests import Id, OptionalId, Visitor, done, page, pager, region
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.campaigns.reads import CampaignReads
from chimera.campaigns.rules import planning
from chimera.campaigns.service import CampaignService
from chimera.campaigns.types.views import CampaignView
from chimera.money.reads import MoneyReads
from chimera.personas.reads import PersonaReads
from chimera.tasks.reads import TaskReads
from chimera.tasks.types.views import TaskView
from chimera.values import CampaignStatus
from chimera_protocol.errors import NotFound

ROWS = 50


async def campaigns(request: Visitor, before: OptionalId = None) -> Response:
    """Campaigns, newest first."""
    found = await request.service(CampaignReads).campaigns(request.who.tenant_id, ROWS, before)
    shown = region(request, "campaigns", campaigns=found.items)
    ways = pager("/campaigns", before, found.next)
    return await page(request, "campaigns.html", "/campaigns", shown=shown, pager=ways)


async def campaign(request: Visitor, campaign_id: Id) -> Response:
    """One campaign with its plan."""
    return await page(request, "campaign.html", "/campaigns", "campaign", str(campaign_id))


async def order(
    request: Visitor, campaign_id: Id, order: Annotated[Literal["plan", "start", "pause", "cancel"], Path()]
) -> Response:
    """Plan, start, pause or cancel a campaign."""
    campaigns, tenant_id, actor = request.service(CampaignService), request.who.tenant_id, request.who.actor
    match order:
        case "plan":
            await campaigns.plan(tenant_id, campaign_id, actor)
        case "start":
            await campaigns.start(tenant_id, campaign_id, actor)
        case "pause":
            await campaigns.pause(tenant_id, campaign_id, actor)
        case "cancel":
            await campaigns.cancel(tenant_id, campaign_id, actor)
    return done(request, "Done.", f"/campaigns/{campaign_id}")


async def _campaign(look: BoardLook, of: str) -> Mapping[str, object]:
    reads, tenant_id, campaign_id = look.service(CampaignReads), look.tenant_id, _id(of)
    campaign = await reads.campaign(tenant_id, campaign_id)
    tasks = (await look.service(TaskReads).tasks(tenant_id, 500, campaign_id=campaign_id)).items
    newest: dict[str, TaskView] = {}
    for task in tasks:
        if task.node_key is not None and task.kind.value != "revise":
            newest.setdefault(task.node_key, task)
    try:
        plan = await reads.plan(tenant_id, campaign_id)
    except NotFound:
        plan = None
    limits = await look.service(MoneyReads).limits(tenant_id)
    return {
        "campaign": campaign,
        "plan": plan,
        "tree": planning.tree(plan.draft) if plan else [],
        "newest": newest,
        "loose": [task for task in tasks if task.node_key is None][:30],
        "limits": [one for one in limits if one.scope_key == str(campaign_id)],
        "moves": _moves(campaign),
        "bounds": (await look.service(PersonaReads).policy(tenant_id)).bounds,
    }


def _id(of: str) -> UUID:
    try:
        return UUID(of)
    except ValueError as error:
        raise NotFound(f"{of!r} is no id") from error


def _moves(campaign: CampaignView) -> frozenset[str]:
    if campaign.standing:
        return frozenset()
    following = lifecycle.CAMPAIGN_MOVES[campaign.status]
    orders = {
        "plan": CampaignStatus.PLANNING in following,
        "start": campaign.status in (CampaignStatus.PLANNED, CampaignStatus.PAUSED),
        "pause": campaign.status is CampaignStatus.RUNNING,
        "cancel": CampaignStatus.CANCELLED in following,
    }
    return frozenset(name for name, allowed in orders.items() if allowed)


PAGES = Pages(
    package="chimera.campaigns",
    reading=(("/campaigns", campaigns), ("/campaigns/{campaign_id}", campaign)),
    acting=(("/campaigns/{campaign_id}/{order}", order, "author"),),
    regions={"campaign": RegionSource(_campaign, frozenset({"author"}), of_one=True)},
    views={"campaign": ("campaign",)},
)
