"""The API and the board, served in this process, and the key that opens them to its owner."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import uvicorn

from chimera.cli.processes import STOP_SECONDS, Address
from chimera.values import KeyRole
from chimera.wiring import System
from chimera.wiring.api import create_app


async def open_door(system: System, url: str) -> Address:
    """Make the key with which this machine's owner comes in: an operator's, for as long as a day."""
    tenant_id = await system.accounts.open_tenant(system.settings.tenant)
    key = await system.accounts.add_key(
        tenant_id,
        f"console of process {os.getpid()}",
        KeyRole.OPERATOR,
        platform=True,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    settings = system.settings
    address = Address(url=url, key=key, database_url=settings.database_url or "", redis_url=settings.redis_url or "")
    address.write(settings.state)
    return address


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: this program decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(system: System, host: str, port: int) -> AsyncIterator[str]:
    """The API and the board, from the first request served to the last; yields the address."""
    door = _listen(host, port)
    app = create_app(system)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[door]))
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait([task, listening], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        listening.cancel()
        await task
        raise OSError("the server ended before it could serve; its log says why")
    bound: int = door.getsockname()[1]
    try:
        yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"
    finally:
        await app.state.live.close()  # open tabs must not hold the process
        server.should_exit = True
        await asyncio.wait([task], timeout=STOP_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. OSError with what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.bind((host, port))
        door.listen(1_024)
    except OSError as error:
        door.close()
        raise OSError(f"cannot listen on {host}:{port} ({error.strerror}); set CHIMERA_PORT to another port") from error
    return door
