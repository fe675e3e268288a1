"""The start-up that the bundled MCP servers share: stdio or Streamable HTTP."""

import argparse
import asyncio
import signal
from collections.abc import Sequence

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from chimera_serving.listening import port_number, serve_app

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_transport(parser: argparse.ArgumentParser, port: int) -> None:
    """Let a server's command line choose how it is spoken to; `port` is where it listens unless told."""
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=port_number, default=port, help="0 picks a free one, printed at start")
    parser.add_argument("--allowed-host", action="append", default=[], help="further Host header to accept")


def serve(server: MCPServer[None], options: argparse.Namespace) -> None:
    """Serve over the transport that `add_transport` read. OSError when it cannot."""
    if options.transport == "http":
        app = _secured(server, options.host, options.allowed_host)
        asyncio.run(serve_app(app, options.host, options.port, path="/mcp"))
    else:
        # The SDK reads input on a thread that outlives an interrupt; the default action leaves at once,
        # and what was half written is dropped by the next reader of the file.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.run("stdio")


def _secured(server: MCPServer[None], host: str, allowed: Sequence[str]) -> Starlette:
    names = [f"[{name}]" if ":" in name else name for name in (*LOOPBACK, host, *allowed)]
    # Given in full, because the SDK drops its DNS-rebinding check for hosts other than loopback.
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[pattern for name in names for pattern in (name, f"{name}:*")],
        allowed_origins=[pattern for name in names for pattern in (f"http://{name}", f"http://{name}:*")],
    )
    # Every request stands alone, so a restarted server or a second copy serves the same clients.
    return server.streamable_http_app(host=host, stateless_http=True, json_response=True, transport_security=security)
