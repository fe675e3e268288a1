"""An HTTP application on a socket of its own, until a signal or the end of the parent."""

import asyncio
import socket
import sys

import uvicorn
from starlette.applications import Starlette

from chimera_serving.lifetime import parent_gone

GRACE_SECONDS = 1


def port_number(text: str) -> int:
    """Read a port. ValueError when it is none; 0 stands for any free one."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError("a port is a number from 0 to 65535")
    return number


async def serve_app(app: Starlette, host: str, port: int, *, path: str) -> None:
    """Serve an application and print where, until a signal or the parent's end. OSError when it cannot listen."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
    server = uvicorn.Server(config)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        # The event loop sets this only on sockets it made itself; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"listening on http://{shown}:{listener.getsockname()[1]}{path}\n")
        sys.stdout.flush()
        orphaned = asyncio.create_task(parent_gone())
        orphaned.add_done_callback(lambda task: _stop(server, task))
        try:
            await server.serve(sockets=[listener])
        finally:
            orphaned.cancel()


def _stop(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        server.should_exit = True
