"""Feeds read in a process of its own, which a feed that takes too long takes down with it, and nothing else.

A feed is public text, and there is always one more way to keep a parser busy; a thread could not be stopped. Nor does
the server need a parser of its own then.
"""

import os
import subprocess
import sys
import weakref
from multiprocessing.connection import Connection, Pipe
from queue import LifoQueue
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from chimera_connectors.news.items import FeedError, FeedItem

_PROGRAM = "chimera_connectors.news.answering"
SECONDS = 2.0
READY_SECONDS = 30.0
PROCESSES = 2
"""So many feeds are read at a time; one that is slow holds up no other."""


class ReadRequest(BaseModel):
    """What is asked of the process."""

    name: str
    content_type: str
    address: str


class Read(BaseModel):
    """A feed's items."""

    kind: Literal["read"] = "read"
    items: list[FeedItem]


class FeedRefused(BaseModel):
    """Why there are none."""

    kind: Literal["refused"] = "refused"
    reason: str


ANSWER: TypeAdapter[Read | FeedRefused] = TypeAdapter(Read | FeedRefused)


class _Process:
    """The process, started when it is first needed and again after it ended."""

    def __init__(self) -> None:
        mine, theirs = Pipe()
        self._pipe = mine
        # Nothing of it may reach the streams that MCP is spoken over, and a Ctrl+C is for its owner.
        self._running = subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        self.end = weakref.finalize(self, _end, self._running, mine)
        self._answer(READY_SECONDS)

    def ask(self, request: ReadRequest, body: bytes, seconds: float) -> bytes:
        """Its answer. Raises TimeoutError when it has none in time, EOFError or OSError when it is gone."""
        self._pipe.send_bytes(request.model_dump_json().encode())
        self._pipe.send_bytes(body)
        return self._answer(seconds)

    def _answer(self, seconds: float) -> bytes:
        if not self._pipe.poll(seconds):
            raise TimeoutError
        return self._pipe.recv_bytes()


def _end(process: subprocess.Popen[bytes], pipe: Connection) -> None:
    pipe.close()
    process.kill()
    process.wait()


class FeedReader:
    """Reads feeds, a few at a time."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Read each feed within so many seconds."""
        self._seconds = seconds
        self._free: LifoQueue[_Process | None] = LifoQueue()
        for _ in range(PROCESSES):
            self._free.put(None)

    def read(self, request: ReadRequest, body: bytes) -> list[FeedItem]:
        """What `entries.parse` answers; it waits for its turn, so call it in a thread.

        Raises:
            FeedError: The bytes are no feed, or reading them takes too long.
        """
        process = self._free.get()
        try:
            process, answer = self._asked(process, request, body)
        except TimeoutError as error:
            raise FeedError(f"feed {request.name!r} takes longer than {self._seconds:g} seconds to read") from error
        except (EOFError, OSError) as error:
            raise FeedError(f"feed {request.name!r} cannot be read: its reader ended") from error
        finally:
            self._free.put(process if process is not None and process.end.alive else None)
        told = ANSWER.validate_json(answer)
        if isinstance(told, FeedRefused):
            raise FeedError(told.reason)
        return told.items

    def _asked(self, process: _Process | None, request: ReadRequest, body: bytes) -> tuple[_Process, bytes]:
        if process is not None:
            try:
                return process, process.ask(request, body, self._seconds)
            except TimeoutError:
                process.end()
                raise
            except (EOFError, OSError):
                # It had nothing to do for long, and went; or something ended it, which is tried once more.
                process.end()
        process = _Process()
        try:
            return process, process.ask(request, body, self._seconds)
        except (TimeoutError, EOFError, OSError):
            process.end()
            raise
