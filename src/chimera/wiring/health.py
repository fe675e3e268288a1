"""How the fleet is: what health, readiness and the board's first look are made of (OPS-3, UI-1)."""

from uuid import UUID

from chimera.errors import Unavailable
from chimera.fleet.types.health import BacklogView, BreakerView, Health
from chimera.fleet.types.views import FleetView
from chimera.values import Role
from chimera.wiring.anchoring import late_anchors
from chimera.wiring.system import System

CHORE_SECONDS = 15.0
"""A sweep is made every second, a seal every other one; what is older than this is missing."""

_LATE = {
    "swept": "nobody has swept for {:.0f} s: what Redis forgets stays forgotten meanwhile",
    "sealed": "nothing was sealed for {:.0f} s: the log is behind, or no longer holds (chimera audit verify)",
}

DRAIN_SECONDS = 60.0
"""A queue whose oldest ticket has been due for longer does not drain."""


async def health_of(system: System) -> Health:
    """Whether the fleet works: every role alive, every queue draining, both services in reach (OPS-3)."""
    problems: list[str] = []
    roles: dict[Role, int] = {}
    backlog: list[BacklogView] = []
    breakers: list[BreakerView] = []
    lease = system.settings.lease_seconds
    try:
        roles = await system.fleet.alive(lease)
        backlog = await system.fleet.backlog()
        chores = await system.fleet.chores(lease)
        problems += [_LATE[chore].format(seconds) for chore, seconds in chores.items() if seconds > CHORE_SECONDS]
        problems += await late_anchors(system.settings, system.host, system.transparency)
    except Unavailable as error:
        problems.append(error.detail)
    try:
        breakers = await system.throttle.open(sorted(system.host.catalogue))
    except Unavailable as error:
        problems.append(error.detail)
    problems += [f"no living {role.value}" for role, count in roles.items() if count == 0]
    problems += [
        f"the {each.stage.value} queue does not drain: its oldest ticket is {each.oldest_seconds:.0f} s old"
        for each in backlog
        if each.oldest_seconds > DRAIN_SECONDS
    ]
    problems += [f"{each.server} has failed {each.failures} times in a row" for each in breakers]
    counts = {role.value: count for role, count in roles.items()}
    return Health(healthy=not problems, problems=problems, roles=counts, backlog=backlog, breakers=breakers)


async def missing_of(system: System) -> list[str]:
    """What this process needs and cannot reach; nothing when it can serve."""
    missing: list[str] = []
    for reach in (system.fleet.reach, system.redis_answers):
        try:
            await reach()
        except Unavailable as error:
            missing.append(error.detail)
    return missing


async def glance(system: System, tenant_id: UUID) -> FleetView:
    """The fleet at a glance (UI-1)."""
    waiting, published = await system.reads.counts(tenant_id)
    return FleetView(
        influencers=(await system.reads.influencers(tenant_id, 100)).items,
        campaigns=(await system.reads.campaigns(tenant_id, 50)).items,
        limits=await system.reads.limits(tenant_id),
        halts=await system.reads.halts(tenant_id),
        health=await health_of(system),
        approvals_waiting=waiting,
        published=published,
    )
