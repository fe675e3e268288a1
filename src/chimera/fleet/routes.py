"""The fleet: how it is, what it can call, halt and resume, and what whoever runs processes asks them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import StringConstraints

from chimera.api.auth import Anyone, Operator, Reviewer
from chimera.api.services import provided
from chimera.errors import Forbidden
from chimera.fleet.reads import FleetReads
from chimera.fleet.service import FleetService, HealthService, OverviewService
from chimera.fleet.types.health import Health
from chimera.fleet.types.views import FleetView, HaltView
from chimera.gateways.mcp.types import ToolCatalogue, ToolList
from chimera.values import HaltScope
from chimera_protocol.errors import NotFound
from chimera_protocol.wire import Name, Wire

router = APIRouter(tags=["fleet"])

Fleet = Annotated[FleetService, Depends(provided(FleetService))]
HealthChecks = Annotated[HealthService, Depends(provided(HealthService))]
Overview = Annotated[OverviewService, Depends(provided(OverviewService))]
Reads = Annotated[FleetReads, Depends(provided(FleetReads))]
Tools = Annotated[ToolCatalogue, Depends(provided(ToolCatalogue))]


class HaltOrder(Wire):
    """What to stop: `target` is an influencer's, campaign's or tenant's id, 'server' or 'server/tool', or '*'."""

    scope: HaltScope
    target: Name = "*"
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]


class ResumeOrder(Wire):
    """What to start again."""

    scope: HaltScope
    target: Name = "*"


class Alive(Wire):
    """A sign of life."""

    alive: bool = True


class Readiness(Wire):
    """Whether a process can serve, and what it cannot reach."""

    ready: bool
    missing: list[str]


@router.get("/healthz")
async def healthz() -> Alive:
    """This process lives; of others it says nothing. For whoever restarts processes."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(checks: HealthChecks) -> Response:
    """This process reaches PostgreSQL and Redis; else 503. For whoever routes requests to it."""
    missing = await checks.missing()
    told = Readiness(ready=not missing, missing=missing)
    return JSONResponse(told.model_dump(mode="json"), 200 if told.ready else 503)


@router.get("/health", responses={503: {"model": Health}})
async def fleet_health(checks: HealthChecks) -> Response:
    """The fleet works (OPS-3): every role lives, every queue drains, somebody sweeps, PostgreSQL, Redis and the MCP
    servers answer; else 503 with the reasons."""
    health = await checks.health()
    return JSONResponse(health.model_dump(mode="json"), 200 if health.healthy else 503)


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/fleet")
async def fleet(who: Anyone, overview: Overview) -> FleetView:
    """The fleet at a glance."""
    return await overview.glance(who.tenant_id)


@router.get("/v1/tools")
async def tools(_: Anyone, tools: Tools) -> list[ToolList]:
    """The configured MCP servers and their allowed tools."""
    return tools.lists


@router.get("/v1/halts")
async def halts(who: Anyone, reads: Reads) -> list[HaltView]:
    """The halts in force."""
    return await reads.halts(who.tenant_id)


@router.post("/v1/halt", status_code=204)
async def halt(order: HaltOrder, who: Reviewer, fleet: Fleet, tools: Tools) -> None:
    """Stop a part of the fleet; every process sees it at its next step."""
    _may_halt(order.scope, platform=who.platform)
    server, _, tool = order.target.partition("/")
    if order.scope is HaltScope.TOOL and not tools.has(server, tool):
        raise NotFound(f"there is no tool {order.target}", remedy="GET /v1/tools lists what there is.")
    await fleet.halt(who.tenant_id, order.scope, order.target, order.reason, who.actor)


@router.post("/v1/resume", status_code=204)
async def resume(order: ResumeOrder, who: Operator, fleet: Fleet) -> None:
    """Lift a halt."""
    _may_halt(order.scope, platform=who.platform)
    await fleet.resume(who.tenant_id, order.scope, order.target, who.actor)


def _may_halt(scope: HaltScope, *, platform: bool) -> None:
    if scope is HaltScope.FLEET and not platform:
        raise Forbidden("the whole fleet belongs to every tenant: it takes a platform key")
