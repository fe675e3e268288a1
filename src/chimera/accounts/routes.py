"""API keys; influencers, their personas, and the fleet policy that holds for all of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import StringConstraints

from chimera.accounts.service import AccountService
from chimera.accounts.types import Influencer, KeyView
from chimera.api.auth import Anyone, Author, Operator
from chimera.api.paging import Before, Limit
from chimera.api.services import provided
from chimera.money.types.views import PolicyChange
from chimera.personas.reads import PersonaReads
from chimera.personas.types.policy import Policy
from chimera.personas.types.views import InfluencerView, PersonaVersion
from chimera.values import KeyRole, Page
from chimera_protocol.wire import Name, Wire

router = APIRouter(prefix="/v1", tags=["campaigns"])
key_router = APIRouter(prefix="/v1", tags=["fleet"])

Accounts = Annotated[AccountService, Depends(provided(AccountService))]
Reads = Annotated[PersonaReads, Depends(provided(PersonaReads))]
SoulHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class SoulFile(Wire):
    """A SOUL.md, whole."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


class NewKey(Wire):
    """A wish for a key."""

    name: Name
    role: KeyRole


class Secret(Wire):
    """A new key; it is shown this once."""

    key: str


@router.get("/influencers")
async def influencers(who: Anyone, reads: Reads, limit: Limit = 50, before: Before = None) -> Page[InfluencerView]:
    """The influencers and what they are doing this moment."""
    return await reads.influencers(who.tenant_id, limit, before)


@router.get("/personas")
async def personas(who: Anyone, reads: Reads, limit: Limit = 50) -> list[PersonaVersion]:
    """Versions of personas, newest first."""
    return await reads.personas(who.tenant_id, limit)


@router.post("/personas", status_code=201)
async def import_persona(soul: SoulFile, who: Author, accounts: Accounts) -> Influencer:
    """Make an influencer from a SOUL.md, or give it a new version (SOUL-1, SOUL-2)."""
    return await accounts.import_persona(who.tenant_id, soul.source, who.actor)


@router.get("/personas/{soul_hash}")
async def persona(soul_hash: SoulHash, who: Anyone, reads: Reads) -> PersonaVersion:
    """One version; old ones stay readable."""
    return await reads.persona(who.tenant_id, soul_hash)


@router.get("/policy")
async def policy(who: Anyone, reads: Reads) -> Policy:
    """The fleet policy in force."""
    return await reads.policy(who.tenant_id)


@router.put("/policy")
async def set_policy(policy: Policy, who: Operator, accounts: Accounts) -> PolicyChange:
    """Put a fleet policy in force at once (SOUL-3). Limits that it loosens wait for a second operator."""
    return await accounts.set_policy(who.tenant_id, policy, who.actor)


@key_router.get("/keys")
async def keys(who: Operator, accounts: Accounts) -> list[KeyView]:
    """The tenant's API keys, without their secrets."""
    return await accounts.keys(who.tenant_id)


@key_router.post("/keys", status_code=201)
async def add_key(wish: NewKey, who: Operator, accounts: Accounts) -> Secret:
    """Make a key. Its secret is shown this once."""
    return Secret(key=await accounts.add_key(who.tenant_id, wish.name, wish.role))


@key_router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, who: Operator, accounts: Accounts) -> None:
    """Revoke a key; it opens nothing from the next request on."""
    await accounts.revoke_key(who.tenant_id, key_id)
