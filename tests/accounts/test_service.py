"""Tenants, keys, personas and the fleet policy: who may, who speaks, what always holds (SOUL-1..3, OPS-5)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chimera.errors import Unauthenticated
from chimera.personas.types.policy import Policy
from chimera.values import KeyRole
from chimera_protocol.errors import Invalid, NotFound


async def test_a_tenant_is_made_once_however_many_ask(system: Any, raw: Any) -> None:
    found = await asyncio.gather(*(system.accounts.open_tenant("acme") for _ in range(8)))
    assert len(set(found)) == 1
    assert await raw.fetchval("SELECT policy_hash FROM tenant") is not None
    assert await raw.fetchval("SELECT count(*) FROM policy_version") == 1


async def test_a_tenant_in_a_time_zone_that_does_not_exist_is_refused(system: Any) -> None:
    with pytest.raises(Invalid, match="Mars/Base"):
        await system.accounts.open_tenant("acme", "Mars/Base")


async def test_a_key_opens_and_only_its_hash_is_kept(system: Any, raw: Any, tenant: Any) -> None:
    secret = await system.accounts.add_key(tenant, "laptop", KeyRole.REVIEWER)
    caller = await system.accounts.authenticate(secret)
    assert (caller.tenant_id, caller.role, caller.actor) == (tenant, KeyRole.REVIEWER, "reviewer:laptop")
    assert not caller.platform
    stored = await raw.fetchval("SELECT to_jsonb(k)::text || encode(key_hash, 'escape') FROM api_key k")
    assert secret not in stored and secret.removeprefix("chm_") not in stored
    assert len(secret) >= 32


async def test_keys_are_listed_without_their_secrets(system: Any, tenant: Any) -> None:
    secret = await system.accounts.add_key(tenant, "laptop", KeyRole.REVIEWER)
    (key,) = await system.accounts.keys(tenant)
    assert secret not in repr(key) and "hash" not in repr(key)


@pytest.mark.parametrize("secret", ["", "chm_guess", "chm_" + "x" * 10_000, "ключ", "\x00"])
async def test_a_key_that_nobody_has_opens_nothing(system: Any, tenant: Any, secret: str) -> None:
    await system.accounts.add_key(tenant, "laptop", KeyRole.OPERATOR)
    with pytest.raises(Unauthenticated):
        await system.accounts.authenticate(secret)


async def test_an_expired_key_opens_nothing(system: Any, tenant: Any) -> None:
    now = datetime.now(UTC)
    old = await system.accounts.add_key(tenant, "old", KeyRole.AGENT, expires_at=now - timedelta(seconds=1))
    fresh = await system.accounts.add_key(tenant, "fresh", KeyRole.AGENT, expires_at=now + timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        await system.accounts.authenticate(old)
    assert (await system.accounts.authenticate(fresh)).name == "fresh"


async def test_a_revoked_key_opens_nothing_and_is_revoked_once(system: Any, tenant: Any, other_tenant: Any) -> None:
    secret = await system.accounts.add_key(tenant, "laptop", KeyRole.AGENT)
    key_id = (await system.accounts.authenticate(secret)).key_id
    with pytest.raises(NotFound):
        await system.accounts.revoke_key(other_tenant[0], key_id)
    await system.accounts.revoke_key(tenant, key_id)
    with pytest.raises(Unauthenticated):
        await system.accounts.authenticate(secret)
    with pytest.raises(NotFound):
        await system.accounts.revoke_key(tenant, key_id)


async def test_importing_the_same_soul_again_changes_nothing(house: Any) -> None:
    before = await house.value("SELECT count(*) FROM audit_event")
    laid_out_anew = house.soul.replace("\n", "\r\n") + "\n\n"
    for source in (house.soul, laid_out_anew):
        again = await house.system.accounts.import_persona(house.tenant_id, source, "operator:me")
        assert again == house.nora.model_copy(update={"changed": False})
    assert await house.value("SELECT count(*) FROM persona_version") == 1
    assert await house.value("SELECT count(*) FROM audit_event") == before


async def test_a_changed_soul_is_a_new_version_and_the_old_one_stays(house: Any) -> None:
    source = house.soul.replace("never seen", "always seen")
    new = await house.system.accounts.import_persona(house.tenant_id, source, "operator:me")
    assert new.changed
    assert (new.agent_id, new.campaign_id) == (house.nora.agent_id, house.nora.campaign_id)
    versions = await house.raw.fetch("SELECT soul_hash, source FROM persona_version ORDER BY created_at")
    assert [(row["soul_hash"], row["source"]) for row in versions] == [
        (house.nora.soul_hash, house.soul),
        (new.soul_hash, source),
    ]
    assert await house.value("SELECT soul_hash FROM influencer") == new.soul_hash


async def test_an_old_version_can_come_back(house: Any) -> None:
    await house.system.accounts.import_persona(house.tenant_id, house.soul + "New.", "operator:me")
    back = await house.system.accounts.import_persona(house.tenant_id, house.soul, "operator:me")
    assert (back.changed, back.soul_hash) == (True, house.nora.soul_hash)
    assert await house.value("SELECT soul_hash FROM influencer") == house.nora.soul_hash
    assert await house.value("SELECT count(*) FROM persona_version") == 2


async def test_imports_at_once_make_one_influencer(system: Any, tenant: Any, house: Any) -> None:
    source = house.soul.replace("id: Nora", "id: Ada")
    imports = (system.accounts.import_persona(tenant, source, "operator:me") for _ in range(6))
    found = await asyncio.gather(*imports)
    assert len({(one.agent_id, one.campaign_id) for one in found}) == 1
    assert sum(one.changed for one in found) >= 1


async def test_two_tenants_may_have_the_same_persona(house: Any, other_tenant: Any) -> None:
    assert other_tenant[1].agent_id != house.nora.agent_id
    assert other_tenant[1].soul_hash == house.nora.soul_hash


async def test_an_influencer_has_a_standing_campaign_with_a_budget(house: Any) -> None:
    campaign = await house.raw.fetchrow("SELECT * FROM campaign")
    assert (campaign["campaign_id"], campaign["standing"]) == (house.nora.campaign_id, True)
    assert campaign["status"] == "running"
    limit = "SELECT limit_amount FROM budget WHERE scope_key = $1 AND span = 'day'"
    assert await house.value(limit, str(house.nora.campaign_id)) == 200


async def test_a_new_policy_is_a_new_state_of_every_campaign_that_is_not_over(house: Any, other_tenant: Any) -> None:
    running = await house.running()
    over = await house.running(name="Over")
    await house.system.campaigns.cancel(house.tenant_id, over.campaign_id, "operator:me")
    states = "SELECT campaign_id, state_version FROM campaign"
    before = dict(await house.raw.fetch(states))
    await house.system.accounts.set_policy(house.tenant_id, Policy(max_revisions=5), "operator:me")
    after = dict(await house.raw.fetch(states))
    moved = {id for id, version in after.items() if version == before[id] + 1}
    assert moved == {running.campaign_id, house.nora.campaign_id}
    assert all(after[id] == before[id] for id in set(after) - moved)
    assert other_tenant[1].campaign_id in set(after) - moved


async def test_the_same_policy_again_changes_nothing(house: Any) -> None:
    policy = Policy(max_revisions=5)
    first = (await house.system.accounts.set_policy(house.tenant_id, policy, "operator:me")).policy_hash
    before = await house.value("SELECT sum(state_version) FROM campaign")
    again = await house.system.accounts.set_policy(house.tenant_id, policy, "operator:me")
    assert (again.policy_hash, await house.value("SELECT sum(state_version) FROM campaign")) == (first, before)
    assert await house.value("SELECT count(*) FROM audit_event WHERE subject = $1", first) == 1
