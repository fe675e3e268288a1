"""What is due on a chain: now, and as it was due then (PRV-2)."""

from typing import Any

import pytest
from tests.audit.logs import LogKey, traded

from chimera.audit.service.log import LogService

CHAIN = {"chain_id": 1_337, "tx_hash": "0xabc", "block": 12}


@pytest.fixture
async def log(house: Any) -> LogService:
    return LogService(house.system.swarm, house.system.tenants)


async def test_a_batch_can_be_had_again_by_its_time_until_it_is_anchored(
    house: Any, log: LogService, other_tenant: Any
) -> None:
    key = LogKey()
    await traded(house)
    await log.seal(key)
    batch = await log.due_anchor()
    assert batch is not None and len(batch.checkpoints) == 2
    await house.authorise("7 USDC", "later")
    third = await house.system.accounts.open_tenant("third")
    await log.seal(key)
    newer = await log.due_anchor()
    assert newer is not None and (newer.root, newer.sealed_until > batch.sealed_until) != (batch.root, False)
    assert {each.tenant_id for each in newer.checkpoints} == {house.tenant_id, other_tenant[0], third}
    assert await log.due_anchor(until=batch.sealed_until) == batch
    assert await log.due_anchor(until=newer.sealed_until) == newer
    await log.anchored(batch, bytes.fromhex(batch.root), **CHAIN)
    assert await log.due_anchor(until=batch.sealed_until) is None
    rest = await log.due_anchor(until=newer.sealed_until)
    assert rest is not None and {each.tenant_id for each in rest.checkpoints} == {house.tenant_id, third}


async def test_a_batch_that_was_cut_short_can_be_had_again_too(house: Any, log: LogService, other_tenant: Any) -> None:
    key = LogKey()
    await log.seal(key)
    first = await log.due_anchor(limit=1)
    assert first is not None and len(first.checkpoints) == 1
    await house.authorise("7 USDC", "later")
    await log.seal(key)
    assert await log.due_anchor(limit=1, until=first.sealed_until) == first


async def test_how_long_something_waits_is_told_and_nothing_waits_once_it_is_anchored(
    house: Any, log: LogService
) -> None:
    assert await log.unanchored_seconds() is None
    await log.seal(LogKey())
    waited = await log.unanchored_seconds()
    assert waited is not None and 0 <= waited < 60
    batch = await log.due_anchor()
    assert batch is not None
    await log.anchored(batch, bytes.fromhex(batch.root), **CHAIN)
    assert await log.unanchored_seconds() is None
