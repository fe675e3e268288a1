"""Exports: one moment of a tenant's rows, streamed for as long as somebody reads, by few at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from chimera.database.postgres import SESSION, Connection, Database
from chimera.errors import Unavailable

AT_ONCE = 3
"""Exports of a kind that one process streams at a time; each holds a connection until it is read."""

SLOWEST = "60s"
"""How long an export waits for its reader; after that it ends with an error."""


class Exports:
    """A gate before the snapshots of one kind of export."""

    def __init__(self, tenants: Database) -> None:
        self._tenants = tenants
        self._gate = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """One moment of the tenant's rows. Unavailable when too many are being read already."""
        if self._gate.locked():
            raise Unavailable(f"{AT_ONCE} exports are being read already", remedy="Try again when one is through.")
        async with (
            self._gate,
            self._tenants.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(SESSION["act_for"], str(tenant_id))
            await connection.execute(SESSION["patience"], SLOWEST)
            yield connection
