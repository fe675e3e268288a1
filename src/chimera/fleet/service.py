"""The living fleet: which processes are alive, what is halted, how old the oldest waiting work is (OPS-3)."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from chimera.audit.service import trail as audit
from chimera.campaigns.reads import CampaignReads
from chimera.database.postgres import Database
from chimera.errors import Conflict, Unavailable
from chimera.fleet import store
from chimera.fleet.reads import FleetReads
from chimera.fleet.types.health import BacklogView, BreakerView, Health
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.fleet.types.views import FleetView
from chimera.ids import new_id
from chimera.money.reads import MoneyReads
from chimera.personas.reads import PersonaReads
from chimera.values import HaltScope, Role, Stage
from chimera_protocol.errors import NotFound

CHORE_SECONDS = 15.0
"""A sweep is made every second, a seal every other one; what is older than this is missing."""

_LATE = {
    "swept": "nobody has swept for {:.0f} s: what Redis forgets stays forgotten meanwhile",
    "sealed": "nothing was sealed for {:.0f} s: the log is behind, or no longer holds (chimera audit verify)",
}

DRAIN_SECONDS = 60.0
"""A queue whose oldest item has been due for longer does not drain."""


class FleetService:
    """Heartbeats and halts."""

    def __init__(self, swarm: Database) -> None:
        self._swarm = swarm

    async def mark(self, process: ProcessHeartbeat) -> None:
        """A sign of life; what a process holds is taken back when it gives none for a lease."""
        async with self._swarm.connection() as connection:
            await store.mark(connection, process.process_id, str(process.role), process.host[:255], process.pid)

    async def leave(self, process: ProcessHeartbeat) -> None:
        """A process that stops in good order gives its work back at once."""
        async with self._swarm.connection() as connection:
            await store.leave(connection, process.process_id)

    async def alive(self, within_seconds: float) -> dict[Role, int]:
        """Living processes by role; one that works in several counts for each."""
        async with self._swarm.connection() as connection:
            rows = await store.roles_alive(connection, within_seconds)
            await store.forget(connection)
        found = dict.fromkeys(Role, 0)
        for row in rows:
            for name in row["role"].split(","):
                found[Role(name)] += row["processes"]
        return found

    async def swept(self, process_id: UUID) -> None:
        """The process has swept."""
        async with self._swarm.connection() as connection:
            await store.swept(connection, process_id)

    async def sealed(self, process_id: UUID) -> None:
        """The process has taken what was due into the transparency log."""
        async with self._swarm.connection() as connection:
            await store.sealed(connection, process_id)

    async def chores(self, within_seconds: float) -> dict[str, float]:
        """Seconds since a living process has `swept` and `sealed`; nothing when none lives."""
        async with self._swarm.connection() as connection:
            row = await store.chores(connection, within_seconds)
        return {name: seconds for name, seconds in row.items() if seconds is not None} if row else {}

    async def reach(self) -> None:
        """Unavailable when PostgreSQL does not answer."""
        async with self._swarm.connection() as connection:
            await store.reach(connection)

    async def backlog(self) -> list[BacklogView]:
        """The stages in which something is due."""
        async with self._swarm.connection() as connection:
            rows = await store.backlog(connection)
        return [
            BacklogView(
                stage=Stage(row["stage"]),
                waiting=row["waiting"],
                oldest_seconds=max(0.0, row["oldest"] or 0.0),
            )
            for row in rows
        ]

    async def halt(self, tenant_id: UUID, scope: HaltScope, target: str, reason: str, actor: str) -> None:
        """Stop part of the fleet; every process sees it at its next step.

        Conflict when it is halted already, NotFound when there is no such influencer or campaign: whoever pulls
        the brake must not believe that it holds when it does not.
        """
        async with self._swarm.transaction() as connection:
            if not await store.exists(connection, tenant_id, scope.value, target):
                raise NotFound(f"there is no {scope.value} {target}")
            if not await store.halt(connection, new_id(), tenant_id, scope.value, target, reason, actor):
                raise Conflict(f"{scope.value} {target} is halted already")
            await audit.note(
                connection,
                tenant_id,
                actor=actor,
                action="fleet.halted",
                subject=f"{scope.value}:{target}",
                body={"reason": reason},
            )

    async def resume(self, tenant_id: UUID, scope: HaltScope, target: str, actor: str) -> None:
        """Lift a halt. NotFound when there is none."""
        async with self._swarm.transaction() as connection:
            if not await store.resume(connection, tenant_id, scope.value, target, actor):
                raise NotFound(f"{scope.value} {target} is not halted")
            await audit.note(
                connection,
                tenant_id,
                actor=actor,
                action="fleet.resumed",
                subject=f"{scope.value}:{target}",
                body={},
            )


class HealthService:
    """Whether the fleet works, and whether this process can serve (OPS-3)."""

    def __init__(
        self,
        fleet: FleetService,
        *,
        lease_seconds: float,
        open_breakers: Callable[[], Awaitable[list[BreakerView]]],
        redis_answers: Callable[[], Awaitable[None]],
        late_anchors: Callable[[], Awaitable[list[str]]],
    ) -> None:
        self._fleet = fleet
        self._open_breakers = open_breakers
        self._lease_seconds = lease_seconds
        self._redis_answers = redis_answers
        self._late_anchors = late_anchors

    async def health(self) -> Health:
        """Every role alive, every queue draining, nothing late, both services and all MCP servers in reach."""
        problems: list[str] = []
        roles: dict[Role, int] = {}
        backlog: list[BacklogView] = []
        breakers: list[BreakerView] = []
        try:
            roles = await self._fleet.alive(self._lease_seconds)
            backlog = await self._fleet.backlog()
            chores = await self._fleet.chores(self._lease_seconds)
            problems += [_LATE[chore].format(seconds) for chore, seconds in chores.items() if seconds > CHORE_SECONDS]
            problems += await self._late_anchors()
        except Unavailable as error:
            problems.append(error.detail)
        try:
            breakers = await self._open_breakers()
        except Unavailable as error:
            problems.append(error.detail)
        problems += [f"no living {role.value}" for role, count in roles.items() if count == 0]
        problems += [
            f"the {each.stage.value} queue does not drain: its oldest item is {each.oldest_seconds:.0f} s old"
            for each in backlog
            if each.oldest_seconds > DRAIN_SECONDS
        ]
        problems += [f"{each.server} has failed {each.failures} times in a row" for each in breakers]
        counts = {role.value: count for role, count in roles.items()}
        return Health(healthy=not problems, problems=problems, roles=counts, backlog=backlog, breakers=breakers)

    async def missing(self) -> list[str]:
        """What this process needs and cannot reach; nothing when it can serve."""
        missing: list[str] = []
        for reach in (self._fleet.reach, self._redis_answers):
            try:
                await reach()
            except Unavailable as error:
                missing.append(error.detail)
        return missing


class OverviewService:
    """The first look at a tenant's fleet (UI-1)."""

    def __init__(
        self,
        personas: PersonaReads,
        campaigns: CampaignReads,
        money: MoneyReads,
        fleet: FleetReads,
        health: HealthService,
    ) -> None:
        self._personas = personas
        self._campaigns = campaigns
        self._money = money
        self._fleet = fleet
        self._health = health

    async def glance(self, tenant_id: UUID) -> FleetView:
        """The fleet at a glance."""
        waiting, published = await self._fleet.counts(tenant_id)
        return FleetView(
            influencers=(await self._personas.influencers(tenant_id, 100)).items,
            campaigns=(await self._campaigns.campaigns(tenant_id, 50)).items,
            limits=await self._money.limits(tenant_id),
            halts=await self._fleet.halts(tenant_id),
            health=await self._health.health(),
            approvals_waiting=waiting,
            published=published,
        )
