"""Tenants, API keys, influencers, personas, the fleet policy: who may, who speaks, what always holds."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import available_timezones

from chimera.accounts import store
from chimera.accounts.types import Influencer, KeyView
from chimera.audit.service import trail as audit
from chimera.campaigns import service as campaigns
from chimera.campaigns.types.brief import Brief
from chimera.database.postgres import Database
from chimera.errors import Conflict, Unauthenticated
from chimera.ids import new_id
from chimera.money.service.limits import set_policy_limits
from chimera.money.types.limits import Limit
from chimera.money.types.views import PolicyChange
from chimera.personas import rules as personas
from chimera.personas.types.persona import Persona
from chimera.personas.types.policy import Policy
from chimera.values import Caller, KeyRole
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.statements import canonical_hash

_KEY_BYTES = 24


class AccountService:
    """Keys are looked up across tenants by the swarm's access; everything else is under its tenant."""

    def __init__(self, swarm: Database) -> None:
        self._swarm = swarm

    async def open_tenant(self, name: str, time_zone: str = "UTC") -> UUID:
        """The tenant of this name, made if it is missing, with an empty policy. Invalid for an unknown time zone."""
        if time_zone not in available_timezones():
            raise Invalid(f"there is no time zone {time_zone!r}", remedy="Use a name like 'Europe/Berlin' or 'UTC'.")
        async with self._swarm.transaction() as connection:
            await store.create_tenant(connection, new_id(), name, time_zone)
            row = await store.tenant_by_name(connection, name)
            if row is None:
                raise NotFound(f"tenant {name!r} vanished while it was opened")
            tenant_id: UUID = row["tenant_id"]
        if row["policy_hash"] is None:
            await self.set_policy(tenant_id, Policy(), actor="chimera")
        return tenant_id

    async def add_key(
        self,
        tenant_id: UUID,
        name: str,
        role: KeyRole,
        *,
        platform: bool = False,
        expires_at: datetime | None = None,
        secret: str | None = None,
    ) -> str:
        """Make a key. The secret is returned once and only its hash is kept."""
        secret = secret or f"chm_{secrets.token_urlsafe(_KEY_BYTES)}"
        async with self._swarm.transaction() as connection:
            kept = (name, role.value, platform, _digest(secret), expires_at)
            await store.add_key(connection, new_id(), tenant_id, *kept)
        return secret

    async def authenticate(self, secret: str) -> Caller:
        """Who holds this key; Unauthenticated when nobody (any more) does."""
        async with self._swarm.connection() as connection:
            row = await store.authenticate(connection, _digest(secret))
        if row is None:
            raise Unauthenticated("this key is not known, or no longer")
        return Caller.model_validate(dict(row))

    async def keys(self, tenant_id: UUID) -> list[KeyView]:
        """The tenant's keys, without their secrets."""
        async with self._swarm.connection() as connection:
            return [KeyView.model_validate(dict(row)) for row in await store.keys(connection, tenant_id)]

    async def revoke_key(self, tenant_id: UUID, key_id: UUID) -> None:
        """A revoked key opens nothing from the next request on. NotFound for a key that is not in force."""
        async with self._swarm.connection() as connection:
            if not await store.revoke_key(connection, tenant_id, key_id):
                raise NotFound(f"no key {key_id} in force")

    async def set_policy(self, tenant_id: UUID, policy: Policy, actor: str) -> PolicyChange:
        """Put a fleet policy in force at once: a new state of every campaign (SOUL-3).

        Limits that it loosens wait for a second operator. Invalid for one below what is used of it already.
        """
        body = policy.model_dump(mode="json")
        policy_hash = canonical_hash(body)
        waiting: list[UUID] = []
        async with self._swarm.transaction() as connection:
            await store.add_policy_version(connection, tenant_id, policy_hash, policy.model_dump_json())
            if await store.set_policy(connection, tenant_id, policy_hash):
                await campaigns.renew_states(connection, tenant_id)
                await audit.note(
                    connection,
                    tenant_id,
                    actor=actor,
                    action="policy.changed",
                    subject=policy_hash,
                    body=body,
                )
            waiting = await set_policy_limits(connection, tenant_id, policy, actor)
        return PolicyChange(policy_hash=policy_hash, limits_waiting=waiting)

    async def import_persona(
        self, tenant_id: UUID, source: str, actor: str, limits: Sequence[Limit] = ()
    ) -> Influencer:
        """Make an influencer from a SOUL.md, or give it a new version (SOUL-1, SOUL-2).

        Invalid for a file that is no SOUL.md.
        """
        persona = personas.parse(source)
        soul = persona.soul
        async with self._swarm.transaction() as connection:
            await store.add_influencer(connection, new_id(), tenant_id, soul.id, soul.account, persona.soul_hash)
            row = await store.lock_influencer(connection, tenant_id, soul.id)
            if row is None:
                raise Conflict(f"{soul.id} could not be imported")
            agent_id: UUID = row["agent_id"]
            said = soul.model_dump_json(exclude_unset=True)
            fresh = await store.add_persona_version(connection, tenant_id, persona.soul_hash, agent_id, source, said)
            changed = fresh or row["soul_hash"] != persona.soul_hash
            if changed:
                await store.change_soul(connection, agent_id, persona.soul_hash, soul.account)
                await audit.note(
                    connection,
                    tenant_id,
                    actor=actor,
                    action="persona.imported",
                    subject=str(agent_id),
                    body={"persona": soul.id, "soul_hash": persona.soul_hash},
                )
            campaign_id = await campaigns.open_standing(connection, tenant_id, agent_id, _standing(persona, limits))
        return Influencer(
            agent_id=agent_id,
            campaign_id=campaign_id,
            persona=soul.id,
            soul_hash=persona.soul_hash,
            changed=changed,
        )


def _standing(persona: Persona, limits: Sequence[Limit]) -> Brief:
    return Brief(
        persona=persona.soul.id,
        name=campaigns.STANDING,
        goal=f"Do what is asked of {persona.soul.name} directly, in its own voice.",
        strategy=["Answer exactly what the task asks.", "Stay within the persona and the fleet policy."],
        sources=persona.soul.sources,
        budget=list(limits) or [Limit(span="day", amount="200 USDC")],
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
