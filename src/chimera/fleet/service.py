"""The living fleet: which processes are alive, what is halted, how old the oldest waiting work is (OPS-3)."""

from uuid import UUID

from chimera.audit.service import trail as audit
from chimera.database.postgres import Database
from chimera.errors import Conflict
from chimera.fleet import store
from chimera.fleet.types.health import BacklogView
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.values import HaltScope, Role, Stage
from chimera_protocol.errors import NotFound


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
