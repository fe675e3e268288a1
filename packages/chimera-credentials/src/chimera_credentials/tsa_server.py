"""The door through which the C2PA library asks for time stamps: it knows addresses only, so we give it one."""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from chimera_credentials.timestamps import LONGEST, NotStamped, Stamps

HOST = "127.0.0.1"
_WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.05
"""How often the door looks whether it is to be closed."""


@dataclass
class TimestampRequest:
    """One signing: where it may ask for its stamp, and why it got none."""

    url: str
    refused: str | None = None


class StampDoor(ThreadingTCPServer):
    """An HTTP server on the loopback for this process alone: an address holds for one signing and is a secret."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, stamps: Stamps) -> None:
        super().__init__((HOST, 0), _Desk)
        self.stamps = stamps
        self.visits: dict[str, TimestampRequest] = {}
        _keep_off_proxies()
        threading.Thread(target=self.serve_forever, args=(_LOOK_SECONDS,), name="stamp-door", daemon=True).start()

    @contextmanager
    def visit(self) -> Iterator[TimestampRequest]:
        """An address for one signing."""
        path = f"/{secrets.token_urlsafe(16)}"
        visit = TimestampRequest(f"http://{HOST}:{self.server_address[1]}{path}")
        self.visits[path] = visit
        try:
            yield visit
        finally:
            del self.visits[path]

    def close(self) -> None:
        """Stop answering."""
        self.shutdown()
        self.server_close()


class _Desk(BaseHTTPRequestHandler):
    server: StampDoor
    timeout = _WAIT_SECONDS

    def do_POST(self) -> None:
        visit = self.server.visits.get(self.path)
        length = self.headers.get("content-length", "")
        if visit is None or not length.isdecimal() or int(length) > LONGEST:
            self._say(404, b"")
            return
        query = self.rfile.read(int(length))
        try:
            reply = self.server.stamps.answer(query)
        except NotStamped as refusal:
            visit.refused = refusal.detail
            self._say(503, b"")
        else:
            self._say(200, reply)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a signing says itself how it went."""

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/timestamp-reply")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _keep_off_proxies() -> None:
    """The C2PA library sends every request to the proxy of the environment, even one to this very process."""
    for name in ("NO_PROXY", "no_proxy"):
        listed = os.environ.get(name, "")
        if HOST not in listed.split(","):
            os.environ[name] = ",".join(filter(None, [listed, HOST]))
