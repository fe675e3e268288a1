"""Exports: a snapshot stays the moment it was, under its tenant, and few are read at a time."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from chimera.database.exports import AT_ONCE, Exports
from chimera.errors import Unavailable
from chimera.values import HaltScope

HALTS = "SELECT count(*) FROM halt"
PATIENCE = "SELECT current_setting('idle_in_transaction_session_timeout')"


async def test_a_snapshot_stays_the_moment_it_was_and_shows_one_tenant(house: Any, other_tenant: Any) -> None:
    exports = Exports(house.system.tenants)
    async with exports.snapshot(house.tenant_id) as before:
        assert await before.fetchval(HALTS) == 0
        await house.system.fleet.halt(house.tenant_id, HaltScope.TENANT, "acme", "storm", "operator:me")
        assert await before.fetchval(HALTS) == 0
        assert await before.fetchval(PATIENCE) == "1min"
    async with exports.snapshot(house.tenant_id) as after, exports.snapshot(other_tenant[0]) as theirs:
        assert (await after.fetchval(HALTS), await theirs.fetchval(HALTS)) == (1, 0)


async def test_more_than_some_at_a_time_are_told_to_come_back(house: Any) -> None:
    exports = Exports(house.system.tenants)
    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE):
            await held.enter_async_context(exports.snapshot(house.tenant_id))
        with pytest.raises(Unavailable, match="are being read already"):
            await held.enter_async_context(exports.snapshot(house.tenant_id))
    async with exports.snapshot(house.tenant_id) as one:
        assert await one.fetchval("SELECT 1") == 1
