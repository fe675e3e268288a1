"""The check of what a stranger sends: in a process apart, with bounds on its time and its memory (PRV-1)."""

import asyncio
import os
import sys
from asyncio import subprocess
from pathlib import Path

from pydantic import ValidationError

from chimera_credentials.types import CredentialState, FileVerdict
from chimera_protocol.wire import Sha256, Wire

SECONDS = 30.0
"""How long a check may take before it is given up."""

LARGEST = 4 << 20
"""Bytes that a verdict may have: a manifest can say a lot about itself."""

_INHERITED = ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
"""What the process is told of ours: no key is among it."""


class CheckOrder(Wire):
    """What is to be checked, against which roots: the file at `path`, or `text`."""

    path: str = ""
    text: str | None = None
    sha256: Sha256
    root_pem: str
    stamp_pem: str = ""


async def check(asked: CheckOrder, seconds: float = SECONDS) -> FileVerdict:
    """The verdict. A file that its reader cannot cope with is broken."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-X", "utf8", "-m", "chimera_credentials"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(asked.path).parent if asked.path else None,
        env={name: os.environ[name] for name in _INHERITED if name in os.environ},
    )
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(asked.model_dump_json().encode())
    except TimeoutError:
        return _unreadable(asked, f"Nobody could read it within {seconds:g} seconds.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or len(told) > LARGEST:
        return _unreadable(asked, "Whoever tries to read it gives up: it is made to harm its reader, or damaged.")
    try:
        return FileVerdict.model_validate_json(told)
    except ValidationError:
        return _unreadable(asked, "What it says about itself makes no sense.")


def _unreadable(asked: CheckOrder, why: str) -> FileVerdict:
    return FileVerdict(state=CredentialState.BROKEN, reasons=(why,), sha256=asked.sha256)
