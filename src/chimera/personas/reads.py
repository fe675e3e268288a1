"""Influencers, their personas and the fleet policy, to read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, Database, queries
from chimera.database.reads import TenantReads, one, view
from chimera.errors import Unavailable
from chimera.personas.ports import Activity
from chimera.personas.types.policy import Policy
from chimera.personas.types.views import InfluencerView, PersonaVersion
from chimera.values import Page, Role

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("personas/reads")
_STATES = {Role.PLANNER: "planning", Role.WORKER: "working", Role.JUDGE: "judging"}


class PersonaReads(TenantReads):
    """Who speaks, in which version, and what always holds."""

    def __init__(self, tenants: Database, activity: Activity) -> None:
        super().__init__(tenants)
        self._activity = activity

    async def influencers(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[InfluencerView]:
        """The fleet's influencers with what they are doing this moment."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["influencers"], before, limit)
        try:
            busy = await self._activity.busy([row["agent_id"] for row in found])
        except Unavailable:
            busy = {}  # without Redis nobody knows who is thinking; everything else is in PostgreSQL
        views = [_influencer(row, busy) for row in found]
        return Page(items=views, next=views[-1].agent_id if len(views) == limit else None)

    async def personas(self, tenant_id: UUID, limit: int, agent_id: UUID | None = None) -> list[PersonaVersion]:
        """The versions of the personas, newest first."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["persona_versions"], agent_id, None, limit)
        return [view(PersonaVersion, row) for row in found]

    async def persona(self, tenant_id: UUID, soul_hash: str) -> PersonaVersion:
        """One version of a persona, old ones included (SOUL-2). NotFound for a hash that no version has."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["persona_versions"], None, soul_hash, 1)
        return view(PersonaVersion, one(found, f"no persona has the hash {soul_hash}"))

    async def policy(self, tenant_id: UUID) -> Policy:
        """The fleet policy in force."""
        async with self._see(tenant_id) as connection:
            return await policy_in_force(connection)


async def policy_in_force(connection: Connection) -> Policy:
    """The fleet policy of the tenant that the caller's transaction acts for."""
    return Policy.model_validate_json(await connection.fetchval(SQL["policy"]))


async def agent_of(connection: Connection, tenant_id: UUID, persona: str) -> UUID | None:
    """The influencer with this persona, if there is one."""
    agent_id: UUID | None = await connection.fetchval(SQL["agent_id"], tenant_id, persona)
    return agent_id


def _influencer(row: "Record", busy: Mapping[UUID, dict[str, str]]) -> InfluencerView:
    values = {name: value for name, value in row.items() if name != "halted"}
    now = busy.get(row["agent_id"])
    state = "halted" if row["halted"] else _STATES[Role(now["role"])] if now else "sleeping"
    return InfluencerView.model_validate({**values, "state": state, "doing": now["goal"] if now else None})
