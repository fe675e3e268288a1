"""Files from strangers: taken in within bounds of size, time and number, and gone when they were looked at."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from chimera.errors import Malformed, QueueFull, TooLarge
from chimera_protocol.errors import Invalid
from chimera_protocol.wire import MAX_TEXT

MAX_FILE = 50 << 20
"""Bytes of the largest file."""

AT_ONCE = 8
"""Uploads that one process holds at a time: each may take room on the disk."""

SECONDS = 120.0
"""How long an upload may take."""

_FRAME = 1 << 20
"""Room for the text, the names and the boundaries beside the file."""

_DRAINED = 4 * MAX_FILE
"""So much of what is too large is read and dropped: a browser shows no answer before it has sent everything."""

_REMEDY = f"Send multipart/form-data with one 'file' of at most {MAX_FILE >> 20} MB, or a 'text'."
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Upload:
    """What was sent: a file, which is there as long as the `with` block, or a text, or neither."""

    path: Path | None
    sha256: str
    text: str


class Intake:
    """The door for uploads of one process."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._room = at_once
        self._seconds = seconds

    @asynccontextmanager
    async def take(self, request: Request) -> AsyncIterator[Upload]:
        """Read a form. QueueFull, TooLarge or Malformed before anything is kept."""
        if self._room <= 0:
            raise QueueFull("as many files as there is room for are being checked", remedy="Try again in a moment.")
        self._room -= 1
        try:
            with TemporaryDirectory(prefix="chimera-upload-") as folder:
                yield await self._read(request, Path(folder))
        finally:
            self._room += 1

    async def _read(self, request: Request, folder: Path) -> Upload:
        bounded = Request(request.scope, _bounded(request.receive))
        try:
            async with (
                asyncio.timeout(self._seconds),
                bounded.form(max_files=1, max_fields=4, max_part_size=8 * MAX_TEXT) as form,
            ):
                return await _kept(form, folder)
        except (HTTPException, MultiPartException) as error:
            why = error.detail if isinstance(error, HTTPException) else error.message
            raise Malformed(f"this is no form: {why}", remedy=_REMEDY) from error
        except ClientDisconnect as error:
            raise Malformed("the upload broke off", remedy=_REMEDY) from error
        except TimeoutError as error:
            raise Malformed(f"the upload took longer than {self._seconds:g} s", remedy=_REMEDY) from error


async def _kept(form: FormData, folder: Path) -> Upload:
    file, text = form.get("file"), form.get("text")
    if isinstance(text, UploadFile):
        raise Invalid("'text' is a file", remedy=_REMEDY)
    said = (text or "").replace("\r\n", "\n")  # a form sends lines with CRLF, as HTML has it
    if len(said) > MAX_TEXT:
        raise TooLarge(f"a text has at most {MAX_TEXT:,} characters", remedy="Paste less, or send it as a file.")
    if not isinstance(file, UploadFile) or not file.size:
        return Upload(None, "", said)
    path = folder / "file"  # never the name that was sent
    sha256 = await asyncio.to_thread(_write, file.file, path)
    return Upload(path, sha256, said)


def _write(source: BinaryIO, path: Path) -> str:
    measured, size = hashlib.sha256(), 0
    with path.open("xb") as target:
        while piece := source.read(_CHUNK):
            size += len(piece)
            if size > MAX_FILE:
                raise _too_large()
            measured.update(piece)
            target.write(piece)
    return measured.hexdigest()


def _too_large() -> TooLarge:
    return TooLarge(f"a file has at most {MAX_FILE >> 20} MB", remedy="Check it where it lies: 'chimera verify file'.")


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_FILE + _FRAME:
            while message.get("more_body") and taken < _DRAINED:
                message = await receive()
                taken += len(message.get("body", b""))
            raise _too_large()
        return message

    return bounded
