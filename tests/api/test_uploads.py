"""Uploads are taken in within their bounds, and whatever happens nothing of them stays."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import Request
from starlette.types import Message

from chimera.api.uploads import MAX_FILE, Intake
from chimera.errors import Malformed, QueueFull, TooLarge
from chimera_protocol.wire import MAX_TEXT

FORM = b"multipart/form-data; boundary=b"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads are while they are looked at."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left(folder: Path) -> list[Path]:
    """What is still there."""
    return list(folder.iterdir())


def request(pieces: AsyncIterator[bytes]) -> Request:
    """A request whose body comes piece by piece."""

    async def receive() -> Message:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", FORM)]}, receive)


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


async def whole(*parts: bytes) -> AsyncIterator[bytes]:
    yield b"".join(parts) + b"--b--\r\n"


async def test_a_file_is_there_under_a_name_of_ours_until_it_was_looked_at(folder: Path) -> None:
    sent = request(whole(part("file", b"content", "../../../x.png"), part("text", b"a\r\nb")))
    async with Intake().take(sent) as upload:
        assert upload.path is not None
        assert upload.path.is_relative_to(folder)
        assert upload.path.read_bytes() == b"content"
        assert upload.sha256 == hashlib.sha256(b"content").hexdigest()
        assert upload.text == "a\nb"
    assert left(folder) == []


async def test_an_empty_file_field_is_none(folder: Path) -> None:
    async with Intake().take(request(whole(part("file", b"", "x"), part("text", b"said")))) as upload:
        assert (upload.path, upload.text) == (None, "said")


async def test_what_is_too_large_is_dropped_as_it_comes(folder: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part("file", b"", "x")[:-2]
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(TooLarge):
        async with Intake().take(request(endless())):
            pytest.fail("it was taken")
    assert sent < 5 * MAX_FILE
    assert left(folder) == []


async def test_a_file_just_over_the_bound_is_refused_too(folder: Path) -> None:
    with pytest.raises(TooLarge):
        async with Intake().take(request(whole(part("file", bytes(MAX_FILE + 1), "x")))):
            pytest.fail("it was taken")
    assert left(folder) == []


async def test_a_text_has_its_bound_in_characters(folder: Path) -> None:
    async with Intake().take(request(whole(part("text", "ü".encode() * MAX_TEXT)))) as upload:
        assert len(upload.text) == MAX_TEXT
    with pytest.raises(TooLarge):
        async with Intake().take(request(whole(part("text", b"x" * (MAX_TEXT + 1))))):
            pytest.fail("it was taken")


async def test_a_form_with_more_than_one_file_is_refused(folder: Path) -> None:
    with pytest.raises(Malformed):
        async with Intake().take(request(whole(part("file", b"x", "x"), part("file", b"y", "y")))):
            pytest.fail("it was taken")


async def test_so_many_at_a_time_and_a_slow_one_is_given_up(folder: Path) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        begun.set()
        await never.wait()

    intake = Intake(at_once=1, seconds=0.5)

    async def held() -> None:
        async with intake.take(request(slow())):
            pytest.fail("it never came")

    holding = asyncio.create_task(held())
    await asyncio.wait_for(begun.wait(), 5)
    with pytest.raises(QueueFull):
        async with intake.take(request(whole(part("text", b"x")))):
            pytest.fail("there was no room")
    with pytest.raises(Malformed, match="longer"):
        await asyncio.wait_for(holding, 5)
    async with intake.take(request(whole(part("text", b"x")))) as upload:
        assert upload.text == "x"
    assert left(folder) == []
