"""The sweeper of tasks: what keeps the promise that nothing is forgotten."""

from chimera.database.postgres import Database
from chimera.tasks.service.graph import enqueue
from chimera.tasks.store import tasks

SWEEP_LOCK = 7_310_577_202
"""The advisory lock of whoever sweeps."""


class Sweeper:
    """It asks PostgreSQL, never Redis, what is due (DAT-3)."""

    def __init__(self, database: Database, *, lease_seconds: float, batch: int = 1_000) -> None:
        self._database = database
        self._lease = lease_seconds
        self._batch = batch

    async def sweep(self) -> bool:
        """Start what waits for nothing, take work back from dead processes, queue what is due; False while another
        process is at it."""
        async with self._database.transaction() as connection:
            if not await tasks.lead(connection, SWEEP_LOCK):
                return False
            await tasks.cancel_orphans(connection)
            enqueue(connection, await tasks.orphaned(connection, self._lease))
            enqueue(connection, await tasks.release_pending(connection, None))
            enqueue(connection, await tasks.due(connection, self._batch, min(self._lease, 2.0)))
        async with self._database.transaction() as connection:
            await tasks.finish_campaigns(connection, None)
        return True
