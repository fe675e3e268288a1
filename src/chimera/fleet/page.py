"""The front page: the fleet at a glance, live, with its brake; and the head of every page (UI-1)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from fastapi import Form
from fastapi.responses import Response
from pydantic import StringConstraints

from chimera.board.requests import Visitor, done, page
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.campaigns.reads import CampaignReads
from chimera.campaigns.types.views import CampaignView
from chimera.errors import Forbidden
from chimera.fleet.reads import FleetReads
from chimera.fleet.service import FleetService, HealthService, OverviewService
from chimera.fleet.types.health import Health
from chimera.fleet.types.views import FleetView, HaltView
from chimera.money.page.ledger import named_limits
from chimera.personas.reads import PersonaReads
from chimera.provenance.reads import ProvenanceReads
from chimera.review.service.questions import QuestionService
from chimera.values import HaltScope
from chimera_protocol.wire import Name

Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$", strip_whitespace=True)]
_GLANCED = frozenset({"tally", "influencers", "campaigns", "money"})
_METERS = 6
_CAMPAIGNS = 6


async def fleet(request: Visitor) -> Response:
    """The fleet at a glance, live."""
    return await page(request, "fleet.html", "/", "fleet")


async def halt(
    request: Visitor,
    scope: Annotated[HaltScope, Form()],
    reason: Annotated[Reason, Form()],
    target: Annotated[Name, Form()] = "*",
) -> Response:
    """Stop the tenant or a part of it."""
    _not_fleet(scope)
    await request.service(FleetService).halt(request.who.tenant_id, scope, target, reason, request.who.actor)
    return done(request, "Halted.", "/")


async def resume(
    request: Visitor, scope: Annotated[HaltScope, Form()], target: Annotated[Name, Form()] = "*"
) -> Response:
    """Lift a halt."""
    _not_fleet(scope)
    await request.service(FleetService).resume(request.who.tenant_id, scope, target, request.who.actor)
    return done(request, "Resumed.", "/")


def _not_fleet(scope: HaltScope) -> None:
    if scope is HaltScope.FLEET:
        raise Forbidden("the whole fleet belongs to every tenant", remedy="Use 'chimera halt' with a platform key.")


class _Head(NamedTuple):
    """What is on top of every page."""

    waiting: int
    asked: int
    health: Health
    halts: Sequence[HaltView]


async def _glance(look: BoardLook) -> FleetView:
    return await look.service(OverviewService).glance(look.tenant_id)


async def _head(look: BoardLook) -> _Head:
    asked = await look.service(QuestionService).count(look.tenant_id)
    if look.wanted & _GLANCED:  # what the whole page is made of has all of it
        fleet = await look.once(_glance)
        return _Head(fleet.approvals_waiting, asked, fleet.health, fleet.halts)
    reads = look.service(FleetReads)
    waiting, _ = await reads.counts(look.tenant_id)
    health = await look.service(HealthService).health()
    return _Head(waiting, asked, health, await reads.halts(look.tenant_id))


async def _status(look: BoardLook, _: str) -> Mapping[str, object]:
    head = await look.once(_head)
    return {"waiting": head.waiting, "asked": head.asked, "health": head.health}


async def _banner(look: BoardLook, _: str) -> Mapping[str, object]:
    halts = (await look.once(_head)).halts
    return {"halts": halts, "names": await _halted(look, halts)}


async def _halted(look: BoardLook, halts: Sequence[HaltView]) -> dict[str, str]:
    if not any(halt.scope.value in ("influencer", "campaign") for halt in halts):
        return {}
    people = (await look.service(PersonaReads).influencers(look.tenant_id, 500)).items
    campaigns = (await look.service(CampaignReads).campaigns(look.tenant_id, 500)).items
    return {str(one.agent_id): one.persona for one in people} | {str(one.campaign_id): one.name for one in campaigns}


async def _latest(look: BoardLook, _: str) -> Mapping[str, object]:
    return {"publications": (await look.service(ProvenanceReads).publications(look.tenant_id, 8)).items}


async def _front(look: BoardLook, _: str) -> Mapping[str, object]:
    fleet = await look.once(_glance)
    return {"fleet": fleet, "campaigns": _lively(fleet.campaigns), **_meters(fleet)}


def _lively(campaigns: Sequence[CampaignView]) -> list[CampaignView]:
    """Standing campaigns are not on the front page until somebody has asked for something."""
    return [one for one in campaigns if not one.standing or one.tasks][:_CAMPAIGNS]


def _meters(fleet: FleetView) -> Mapping[str, object]:
    named = named_limits(fleet.limits, fleet.campaigns, {one.agent_id: one.persona for one in fleet.influencers})
    # The tenant's first, then those that are used; the sort keeps the order within each kind.
    named.sort(key=lambda row: (row[1].scope != "tenant", not (row[1].spent or row[1].reserved)))
    return {"limits": named[:_METERS], "hidden": max(0, len(named) - _METERS)}


PAGES = Pages(
    package="chimera.fleet",
    reading=(("/", fleet),),
    acting=(("/halt", halt, "review"), ("/resume", resume, "operate")),
    regions={
        "status": RegionSource(_status, everywhere=True),
        "banner": RegionSource(_banner, frozenset({"operate"}), everywhere=True),
        "tally": RegionSource(_front),
        "influencers": RegionSource(_front, frozenset({"review"})),
        "campaigns": RegionSource(_front),
        "money": RegionSource(_front),
        "latest": RegionSource(_latest),
    },
    views={"fleet": ("tally", "influencers", "campaigns", "money", "latest")},
)
