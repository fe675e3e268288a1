"""The fleet: status, assets, publications, audit, halt and resume, keys, tools, health, metrics."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import StringConstraints

from chimera.accounts.types import KeyView
from chimera.api.auth import Anyone, Operator, Reviewer, Wired
from chimera.api.paging import Before, Limit
from chimera.audit.types import AuditEventView
from chimera.errors import Forbidden
from chimera.fleet.types.health import Health
from chimera.fleet.types.views import FleetView, HaltView
from chimera.provenance.types.views import AssetView, PublicationView, Verification
from chimera.tasks.types.lineage import Lineage
from chimera.values import HaltScope, KeyRole, Page
from chimera.wiring.health import glance, health_of, missing_of
from chimera_protocol.errors import NotFound
from chimera_protocol.wire import Name, Wire

router = APIRouter(tags=["fleet"])

Piece = Annotated[str, Query(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+$")]
Subject = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]


class HaltOrder(Wire):
    """What to stop: `target` is an influencer's, campaign's or tenant's id, 'server' or 'server/tool', or '*'."""

    scope: HaltScope
    target: Name = "*"
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]


class ResumeOrder(Wire):
    """What to start again."""

    scope: HaltScope
    target: Name = "*"


class NewKey(Wire):
    """A wish for a key."""

    name: Name
    role: KeyRole


class Secret(Wire):
    """A new key; it is shown this once."""

    key: str


class ToolList(Wire):
    """The tools of one MCP server, by what they do."""

    server: str
    reads: list[str]
    acts: list[str]


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
async def readyz(system: Wired) -> Response:
    """This process reaches PostgreSQL and Redis; else 503. For whoever routes requests to it."""
    missing = await missing_of(system)
    told = Readiness(ready=not missing, missing=missing)
    return JSONResponse(told.model_dump(mode="json"), 200 if told.ready else 503)


@router.get("/health", responses={503: {"model": Health}})
async def fleet_health(system: Wired) -> Response:
    """The fleet works (OPS-3): every role lives, every queue drains, somebody sweeps, PostgreSQL, Redis and the MCP
    servers answer; else 503 with the reasons."""
    health = await health_of(system)
    return JSONResponse(health.model_dump(mode="json"), 200 if health.healthy else 503)


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/fleet")
async def fleet(who: Anyone, system: Wired) -> FleetView:
    """The fleet at a glance."""
    return await glance(system, who.tenant_id)


@router.get("/v1/tools")
async def tools(_: Anyone, system: Wired) -> list[ToolList]:
    """The configured MCP servers and their allowed tools."""
    return [ToolList(server=name, reads=one.reads, acts=one.acts) for name, one in system.host.catalogue.items()]


@router.get("/v1/assets")
async def assets(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[AssetView]:
    """Approved pieces with their provenance."""
    return await system.reads.assets(who.tenant_id, limit, before)


@router.get("/v1/assets/{asset_id}")
async def lineage(asset_id: UUID, who: Anyone, system: Wired) -> Lineage:
    """One asset back to its goal: prompts, model, seeds, tool calls, scores, costs (PRV-3)."""
    return await system.reads.lineage(who.tenant_id, asset_id)


@router.get("/v1/verify")
async def verify(piece: Piece, who: Anyone, system: Wired) -> Verification:
    """Whether a piece, named by its asset's id or its post's address, is what was approved and signed (PRV-1)."""
    return await system.proofs.verify(who.tenant_id, piece)


@router.get("/v1/publications")
async def publications(who: Anyone, system: Wired, limit: Limit = 50, before: Before = None) -> Page[PublicationView]:
    """What is out there."""
    return await system.reads.publications(who.tenant_id, limit, before)


@router.get("/v1/audit")
async def audit(
    who: Anyone, system: Wired, limit: Limit = 50, before: Before = None, subject: Subject = None
) -> Page[AuditEventView]:
    """The audit trail, whole or of one subject."""
    return await system.reads.audit(who.tenant_id, limit, before, subject)


@router.get("/v1/halts")
async def halts(who: Anyone, system: Wired) -> list[HaltView]:
    """The halts in force."""
    return await system.reads.halts(who.tenant_id)


@router.post("/v1/halt", status_code=204)
async def halt(order: HaltOrder, who: Reviewer, system: Wired) -> None:
    """Stop a part of the fleet; every process sees it at its next step."""
    _may_halt(order.scope, platform=who.platform)
    server, _, tool = order.target.partition("/")
    if order.scope is HaltScope.TOOL and not system.host.has(server, tool):
        raise NotFound(f"there is no tool {order.target}", remedy="GET /v1/tools lists what there is.")
    await system.fleet.halt(who.tenant_id, order.scope, order.target, order.reason, who.actor)


@router.post("/v1/resume", status_code=204)
async def resume(order: ResumeOrder, who: Operator, system: Wired) -> None:
    """Lift a halt."""
    _may_halt(order.scope, platform=who.platform)
    await system.fleet.resume(who.tenant_id, order.scope, order.target, who.actor)


@router.get("/v1/keys")
async def keys(who: Operator, system: Wired) -> list[KeyView]:
    """The tenant's API keys, without their secrets."""
    return await system.accounts.keys(who.tenant_id)


@router.post("/v1/keys", status_code=201)
async def add_key(wish: NewKey, who: Operator, system: Wired) -> Secret:
    """Make a key. Its secret is shown this once."""
    return Secret(key=await system.accounts.add_key(who.tenant_id, wish.name, wish.role))


@router.delete("/v1/keys/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, who: Operator, system: Wired) -> None:
    """Revoke a key; it opens nothing from the next request on."""
    await system.accounts.revoke_key(who.tenant_id, key_id)


def _may_halt(scope: HaltScope, *, platform: bool) -> None:
    if scope is HaltScope.FLEET and not platform:
        raise Forbidden("the whole fleet belongs to every tenant: it takes a platform key")
