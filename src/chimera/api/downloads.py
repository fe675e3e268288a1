"""Files that are made while they are sent."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi.responses import StreamingResponse

_CHUNK = 64 * 1024


async def chunks(lines: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
    """Lines in pieces that are worth sending."""
    held: list[str] = []
    size = 0
    async with aclosing(lines):
        async for line in lines:
            held.append(line)
            size += len(line)
            if size >= _CHUNK:
                yield "".join(held).encode()
                held, size = [], 0
    yield "".join(held).encode()


async def download(lines: AsyncGenerator[str, None], media: str, name: str) -> StreamingResponse:
    """A download. The first piece is made beforehand, so that what fails at once is an answer and no torn file."""
    pieces = chunks(lines)
    first = await anext(pieces)

    async def all_pieces() -> AsyncGenerator[bytes, None]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(all_pieces(), media_type=f"{media}; charset=utf-8", headers=headers)
