"""Connections to PostgreSQL, named queries, and the tenant that a transaction may see (DAT-4)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from chimera.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
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


class Database:
    """A pool of connections that act in one database role."""

    def __init__(self, url: str, access: Access, size: int = 10) -> None:
        self._url = url
        self._access = access
        self._size = size
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
    async def connection(self) -> AsyncIterator["Connection"]:
        """A connection without a transaction, for single statements."""
        if self._pool is None:
            raise Unavailable("PostgreSQL is not connected", remedy=_REMEDY)
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except UNREACHABLE as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}", remedy=_REMEDY) from error
        except asyncpg.exceptions.TransactionRollbackError as error:
            raise Contended(f"PostgreSQL asks to try again: {error}") from error

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID | None = None) -> AsyncIterator["Connection"]:
        """One transaction, committed at the end; under a tenant it sees that tenant's rows alone."""
        async with self.connection() as connection, connection.transaction():
            if tenant_id is not None:
                await connection.execute(SESSION["act_for"], str(tenant_id))
            yield connection


_REMEDY = "Check CHIMERA_DATABASE_URL and that the server is running; work goes on by itself once it is back."
