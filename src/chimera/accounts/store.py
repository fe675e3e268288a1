"""Tenants, keys, influencers and versions of personas and policies in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.database.postgres import Connection, queries

if TYPE_CHECKING:
    from asyncpg import Record

SQL = queries("accounts/queries")


async def create_tenant(connection: Connection, tenant_id: UUID, name: str, time_zone: str) -> None:
    """Make a tenant unless there is one of this name."""
    await connection.execute(SQL["create_tenant"], tenant_id, name, time_zone)


async def tenant_by_name(connection: Connection, name: str) -> "Record | None":
    """A tenant with the hash of its policy."""
    return await connection.fetchrow(SQL["tenant_by_name"], name)


async def add_key(
    connection: Connection,
    key_id: UUID,
    tenant_id: UUID,
    name: str,
    role: str,
    platform: bool,
    digest: bytes,
    expires_at: datetime | None,
) -> None:
    """Keep a key by the hash of its secret."""
    await connection.execute(SQL["add_key"], key_id, tenant_id, name, role, platform, digest, expires_at)


async def authenticate(connection: Connection, digest: bytes) -> "Record | None":
    """The key in force whose secret has this hash."""
    return await connection.fetchrow(SQL["authenticate"], digest)


async def keys(connection: Connection, tenant_id: UUID) -> "Sequence[Record]":
    """A tenant's keys."""
    return await connection.fetch(SQL["keys"], tenant_id)


async def revoke_key(connection: Connection, tenant_id: UUID, key_id: UUID) -> bool:
    """Put a key out of force; whether it was in force."""
    return await connection.fetchval(SQL["revoke_key"], key_id, tenant_id) is not None


async def add_policy_version(connection: Connection, tenant_id: UUID, policy_hash: str, body: str) -> None:
    """Keep a version of the policy, once."""
    await connection.execute(SQL["add_policy_version"], tenant_id, policy_hash, body)


async def set_policy(connection: Connection, tenant_id: UUID, policy_hash: str) -> bool:
    """Put a version of the policy in force; whether another one was."""
    return await connection.fetchval(SQL["set_policy"], tenant_id, policy_hash) is not None


async def add_influencer(
    connection: Connection, agent_id: UUID, tenant_id: UUID, persona: str, account: str, soul_hash: str
) -> None:
    """Make an influencer unless there is one with this persona."""
    await connection.execute(SQL["add_influencer"], agent_id, tenant_id, persona, account, soul_hash)


async def lock_influencer(connection: Connection, tenant_id: UUID, persona: str) -> "Record | None":
    """The influencer with this persona, locked."""
    return await connection.fetchrow(SQL["influencer"], tenant_id, persona)


async def add_persona_version(
    connection: Connection, tenant_id: UUID, soul_hash: str, agent_id: UUID, source: str, soul: str
) -> bool:
    """Keep a version of a persona; whether it is new."""
    done = await connection.execute(SQL["add_persona_version"], tenant_id, soul_hash, agent_id, source, soul)
    return done.endswith("1")


async def change_soul(connection: Connection, agent_id: UUID, soul_hash: str, account: str) -> None:
    """Let an influencer speak as this version."""
    await connection.execute(SQL["change_soul"], agent_id, soul_hash, account)
