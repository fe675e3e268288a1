"""The lock under which money moves, and the one statement that writes what was decided under it.

The lock is the row that ends a tenant's chain of evidence, so that all that moves a tenant's money happens in one
order, whatever process does it; a batch shares the lock and the commit.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from chimera.database.postgres import Connection
from chimera.ids import new_id
from chimera.money.rules.batch import TreasuryBatch
from chimera.money.rules.evidence import Head
from chimera.money.store import treasury as store


async def lock(connection: Connection, tenants: Iterable[UUID]) -> dict[UUID, Head]:
    """Take the treasuries of these tenants, in one order; nothing else moves their money until the commit."""
    wanted = sorted(set(tenants))
    rows = await store.heads(connection, wanted)
    if len(rows) < len(wanted):
        await store.open_heads(connection, wanted)
        rows = await store.heads(connection, wanted)
    return {row["tenant_id"]: Head.model_validate(dict(row)) for row in rows}


async def open_batch(connection: Connection, tenants: Iterable[UUID], clock: Callable[[], datetime]) -> TreasuryBatch:
    """Begin a batch under the lock. The clock is read once it is held, so that times go forward along a chain."""
    heads = await lock(connection, tenants)
    return TreasuryBatch(heads, clock(), new_id)


async def write(connection: Connection, batch: TreasuryBatch) -> None:
    """Write a batch. A limit that was overrun after all is refused by the table itself."""
    await store.write(connection, batch.rows)
