"""Media files are measured in a process of its own, which waits for the next one (MED-4).

A process and not a library in ours: what a stranger's file does to its reader it does there, within bounds of time and
memory, and the encoders that come with the reader's libraries, under a licence of their own (GPL), stay out of ours.
"""

import asyncio
import atexit
import os
import select
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from pydantic import ValidationError

from chimera.errors import Unavailable
from chimera.media.types import MediaFacts
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.wire import Wire

SECONDS = 20.0
"""How long measuring one file may take."""

START_SECONDS = 60.0
"""How long a process may take to begin; the machine may be busy."""

GRACE_SECONDS = 1.0
"""The process stops by itself when the time is over. This is for when it cannot."""

AT_ONCE = 4
"""Files that are measured at the same time; the next ones wait."""

LARGEST = 1 << 16
"""Bytes that an answer may have."""

_INHERITED = ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
"""What the process is told of ours: no key is among it."""


class ProbeRequest(Wire):
    """A file to be measured, at most so long."""

    path: str
    seconds: float


class ProbeAnswer(Wire):
    """Its facts, or why there are none."""

    facts: MediaFacts | None = None
    missing: bool = False
    detail: str = ""
    remedy: str | None = None


async def probe(path: Path, seconds: float = SECONDS) -> MediaFacts:
    """Measure an image, a video or a sound. Its name must end as its content says.

    Invalid for anything else, for a broken or truncated file, and for one that takes longer than `seconds`.
    """
    answer = await asyncio.to_thread(_asked, path, seconds)
    if answer.facts is not None:
        return answer.facts
    if answer.missing:
        raise NotFound(answer.detail)
    raise Invalid(answer.detail, remedy=answer.remedy)


class _Lost(Exception):
    """The process ended, or talked nonsense, before it had answered."""


class _Late(Exception):
    """The process has not answered in time."""


@dataclass(frozen=True)
class _Prober:
    """One process. It ends when nobody has asked it for a while, and with us."""

    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls) -> "_Prober":
        """A process that is ready for its first file."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-m", "chimera.gateways.probe_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
            start_new_session=True,  # who interrupts us would end it over a sound file
        )
        made = cls(process)
        try:
            if made._line(monotonic() + START_SECONDS) != b"ready":
                raise _Lost
        except (_Lost, _Late) as error:
            made.end()
            raise Unavailable("media cannot be measured: the process that does it does not start") from error
        return made

    def ask(self, asked: ProbeRequest) -> ProbeAnswer:
        """Its answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(asked.model_dump_json().encode() + b"\n")
        try:
            return ProbeAnswer.model_validate_json(self._line(monotonic() + asked.seconds + GRACE_SECONDS))
        except ValidationError as error:
            raise _Lost from error

    def _line(self, deadline: float) -> bytes:
        assert self.process.stdout is not None
        output, told = self.process.stdout.fileno(), b""
        waiting = select.poll()
        waiting.register(output, select.POLLIN)
        while not told.endswith(b"\n"):
            if not waiting.poll(max(deadline - monotonic(), 0) * 1000):
                raise _Late
            piece = os.read(output, LARGEST)
            if not piece or len(told) + len(piece) > LARGEST:
                raise _Lost
            told += piece
        return told.rstrip(b"\n")

    def end(self) -> None:
        """Stop it, whatever it is at."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


_turns = threading.BoundedSemaphore(AT_ONCE)
_waiting: list[_Prober] = []
"""Processes without work; `append` and `pop` are whole, whatever the threads."""


def _asked(path: Path, seconds: float) -> ProbeAnswer:
    """Ask a process that waits, else a new one. Whoever is lost may have been ended by somebody else, once."""
    asked, name = ProbeRequest(path=str(path.absolute()), seconds=seconds), path.name
    with _turns:
        for last in (False, True):
            prober = _taken(fresh=last)
            try:
                answer = prober.ask(asked)
            except _Late:
                prober.end()
                remedy = "Send a smaller or an undamaged file."
                return ProbeAnswer(detail=f"{name!r} takes too long to measure", remedy=remedy)
            except _Lost:
                prober.end()
            else:
                _waiting.append(prober)
                return answer
    return ProbeAnswer(detail=f"whoever measures {name!r} gives up: it is made to harm its reader, or damaged")


def _taken(*, fresh: bool) -> _Prober:
    with suppress(IndexError):
        while not fresh:
            found = _waiting.pop()
            if found.process.poll() is None:
                return found
            found.end()
    return _Prober.start()


@atexit.register
def close() -> None:
    """End the processes that wait for work."""
    with suppress(IndexError):
        while True:
            _waiting.pop().end()
