"""Run the news feeds as an MCP server: `python -m chimera.servers.news --feeds PATH`."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from chimera.servers.news.entries import FeedError
from chimera.servers.news.feeds import Feeds, load_mapping
from chimera.servers.news.server import build_server

GRACE_SECONDS = 1
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until end of input (stdio) or a signal; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        server = build_server(Feeds(load_mapping(options.feeds)))
    except FeedError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        if options.transport == "http":
            asyncio.run(_serve_http(server, options.host, options.port, options.allowed_host))
        else:
            # The SDK reads input on a thread that outlives an interrupt; the default action leaves at once.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            server.run("stdio")
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera.servers.news", description=__doc__)
    parser.add_argument("--feeds", type=Path, required=True, help="YAML or JSON: name to file or URL")
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8802, help="0 picks a free one, printed at start")
    parser.add_argument("--allowed-host", action="append", default=[], help="further Host header to accept")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError("a port is a number from 0 to 65535")
    return number


async def _serve_http(server: MCPServer[None], host: str, port: int, allowed: Sequence[str]) -> None:
    names = [f"[{name}]" if ":" in name else name for name in (*LOOPBACK, host, *allowed)]
    # Given in full, because the SDK drops its DNS-rebinding check for hosts other than loopback.
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[pattern for name in names for pattern in (name, f"{name}:*")],
        allowed_origins=[pattern for name in names for pattern in (f"http://{name}", f"http://{name}:*")],
    )
    # Every request stands alone, so a restarted server or a second copy serves the same clients.
    app = server.streamable_http_app(host=host, stateless_http=True, json_response=True, transport_security=security)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        # The event loop sets this only on sockets it made itself; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{listener.getsockname()[1]}/mcp", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
