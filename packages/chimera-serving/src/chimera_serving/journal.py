"""A file of JSON lines that only grows: what was appended is on the disk, or was never said."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

_RECORD: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


class Journal:
    """One process owns the file at a time. A line cut short by a crash was never answered for, and is dropped."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it and its folder when missing.

        Raises:
            JournalError: Another process has it, it cannot be written, or a line other than the last is broken.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fsync_folder(path.parent)
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.records, self._size = self._read()
            os.ftruncate(self._file, self._size)
        except BlockingIOError as error:
            os.close(self._file)
            raise JournalError(f"{path} is in use by another process; end that one first") from error
        except (JournalError, OSError):
            os.close(self._file)
            raise

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def append(self, record: Mapping[str, JsonValue]) -> None:
        """Write a record and wait until the disk has it; after a JournalError nothing of it is kept."""
        line = _line(record)
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes could be written")
            os.fsync(self._file)
        except OSError as error:
            # What is on the disk now is unknown; without this a half line would spoil the ones that follow.
            os.ftruncate(self._file, self._size)
            raise JournalError(f"{self._path} cannot be written: {error}") from error
        self._size += len(line)

    def retract(self, record: Mapping[str, JsonValue]) -> None:
        """Take the last record away again, which has turned out not to hold and was told to nobody."""
        self._size -= len(_line(record))
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)

    def _read(self) -> tuple[list[dict[str, JsonValue]], int]:
        lines = self._path.read_bytes().splitlines(keepends=True)
        records: list[dict[str, JsonValue]] = []
        size = 0
        for position, line in enumerate(lines, start=1):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("no end of line")
                records.append(_RECORD.validate_json(line))
            except (ValueError, ValidationError) as error:
                if position == len(lines):
                    break
                raise JournalError(f"line {position} of {self._path} is damaged; restore it from a backup") from error
            size += len(line)
        return records, size


def _line(record: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def fsync_folder(folder: Path) -> None:
    """Wait until the disk knows the names in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
