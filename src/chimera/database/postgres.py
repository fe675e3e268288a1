"""Connections to PostgreSQL, named queries, and the tenant that a transaction may see (DAT-4)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from chimera.database.outbox import Outbox, QueueItem
from chimera.errors import Unavailable
from chimera.values import Stage

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises when the server is away, rather than when a statement is wrong."""

COMMAND_TIMEOUT = 30.0
"""Seconds after which a statement is given up."""

IDLE_IN_TRANSACTION = "10s"
"""How long a transaction may wait for its next statement: a process that is frozen with locks in hand, those of the
sweeper or of a tenant's money, must not stop all the others."""

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Contended(Unavailable):
    """Two transactions stood in each other's way, and this one gave way; nothing of it was kept."""


class Access(StrEnum):
    """The database roles that the schema makes."""

    TENANT = "chimera_tenant"
    SWARM = "chimera_swarm"


def queries(subject: str) -> Mapping[str, str]:
    """The statements of a room's file, such as `money/treasury`, each under its `-- name:` line."""
    text = resources.files("chimera").joinpath(f"{subject}.sql").read_text("utf-8")
    head, *rest = _NAME.split(text)
    if head.strip() and not all(line.startswith("--") for line in head.strip().splitlines()):
        raise ValueError(f"{subject}.sql has statements before the first name")
    return {name: body.strip() for name, body in zip(rest[::2], rest[1::2], strict=True)}


SESSION = queries("database/session")


async def _nothing_to_reset(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Settings are made for a transaction, never for a session, so giving a connection back costs no round trip."""


class Connection:
    """A connection in use, and what is to be queued once its work is durable."""

    def __init__(self, raw: "PoolConnectionProxy[asyncpg.Record]") -> None:
        self.execute = raw.execute
        self.fetch = raw.fetch
        self.fetchrow = raw.fetchrow
        self.fetchval = raw.fetchval
        self.cursor = raw.cursor
        self.transaction = raw.transaction
        self._due: dict[Stage, list[QueueItem]] = {}

    def enqueue(self, stage: Stage, items: Iterable[QueueItem]) -> None:
        """Queue rows that this transaction makes due: after its commit, and only then."""
        self._due.setdefault(stage, []).extend(items)

    def due(self) -> Mapping[Stage, Sequence[QueueItem]]:
        """What is to be queued, by stage."""
        return {stage: items for stage, items in self._due.items() if items}


class Database:
    """A pool of connections that act in one database role; the outbox gets what they have enqueued and committed."""

    def __init__(self, url: str, access: Access, size: int = 10, outbox: Outbox | None = None) -> None:
        self._url = url
        self._access = access
        self._size = size
        self._outbox = outbox
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect. Unavailable names what to check."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._size,
                command_timeout=COMMAND_TIMEOUT,
                timeout=5,
                reset=_nothing_to_reset,
                server_settings={
                    "role": self._access.value,
                    "application_name": f"chimera {self._access.value}",
                    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
                },
            )
        except UNREACHABLE as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}", remedy=_REMEDY) from error

    async def close(self) -> None:
        """Close the pool; connections in use are cut after two seconds."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(2):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction, for single statements."""
        async with self._acquired() as connection:
            yield connection
        await self._deliver(connection)

    async def _deliver(self, connection: Connection) -> None:
        if self._outbox is not None and (due := connection.due()):
            await self._outbox.deliver(due)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise Unavailable("PostgreSQL is not connected", remedy=_REMEDY)
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield Connection(connection)
        except UNREACHABLE as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}", remedy=_REMEDY) from error
        except asyncpg.exceptions.TransactionRollbackError as error:
            raise Contended(f"PostgreSQL asks to try again: {error}") from error

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID | None = None) -> AsyncIterator[Connection]:
        """One transaction, committed at the end; under a tenant it sees that tenant's rows alone. What it has
        enqueued is queued after the commit; no caller has to remember it."""
        async with self._acquired() as connection, connection.transaction():
            if tenant_id is not None:
                await connection.execute(SESSION["act_for"], str(tenant_id))
            yield connection
        await self._deliver(connection)


_REMEDY = "Check CHIMERA_DATABASE_URL and that the server is running; work goes on by itself once it is back."
