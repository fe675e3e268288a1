"""Measures files, one after the other, in a process of its own: `python -m chimera.gateways.probe_server`.

A line of JSON on standard input names the file, a line on standard output has the answer. It ends with its input, and
when nobody has asked for a while.
"""

import os
import resource
import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

from chimera.gateways.media_probe import measure
from chimera.gateways.probe_client import ProbeAnswer, ProbeRequest
from chimera_protocol.errors import Invalid, NotFound

IDLE_SECONDS = 60.0
"""How long it waits for the next file: it holds some memory meanwhile."""

_MEMORY = 2 << 30
_BOUNDS = ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, _MEMORY))
"""No dump, no file of its own, and bytes of memory."""

_THREADS = 4
"""Seconds of computing that a second may have: decoders use threads."""


def main(idle: float = IDLE_SECONDS) -> int:
    """Answer until nobody asks."""
    for kind, most in _BOUNDS:
        with suppress(ValueError, OSError):  # not every system knows every bound
            resource.setrlimit(kind, (most, most))
    _say(b"ready")
    for line in _lines(idle):
        asked = ProbeRequest.model_validate_json(line)
        _bound_computing(asked.seconds)
        _say(_answer(asked).model_dump_json().encode())
    return 0


def _answer(asked: ProbeRequest) -> ProbeAnswer:
    try:
        return ProbeAnswer(facts=measure(Path(asked.path), monotonic() + asked.seconds))
    except NotFound as error:
        return ProbeAnswer(missing=True, detail=error.detail)
    except Invalid as error:
        return ProbeAnswer(detail=error.detail, remedy=error.remedy)


def _bound_computing(seconds: float) -> None:
    """End, should this file take much longer than it may, even when nobody is there any more to end us."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + _THREADS * seconds) + 2, most))


def _lines(idle: float) -> Iterator[bytes]:
    """The lines of the input; the last one is followed by silence, or by the end."""
    read = b""
    while select.select([0], [], [], idle)[0] and (piece := os.read(0, 1 << 16)):
        *lines, read = (read + piece).split(b"\n")
        yield from lines


def _say(line: bytes) -> None:
    os.write(1, line + b"\n")


if __name__ == "__main__":
    sys.exit(main())
