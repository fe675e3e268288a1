"""Every error as problem+json (RFC 9457), and the bounds on what comes in."""

import json
from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera.contracts.errors import (
    ChimeraError,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    QueueFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger()

MAX_BODY = 1 << 20
"""Bytes that one request may carry."""

_MEDIA = "application/problem+json"
_STATUSES = (400, 401, 403, 404, 405, 409, 413, 422, 423, 429, 500, 503)
RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "content": {_MEDIA: {}}, "description": "problem+json"} for status in _STATUSES
}


class NotAllowed(ChimeraError):
    """The path exists, the method does not."""

    status = 405
    title = "Method not allowed"
    remedy = "See /docs for what this path takes."


def install(app: FastAPI) -> None:
    """Give an application these answers and bounds."""

    @app.exception_handler(ChimeraError)
    async def known(_: Request, error: ChimeraError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: RequestValidationError) -> JSONResponse:
        rows: list[JsonValue] = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()[:20]]
        broken = any(row["type"] == "json_invalid" for row in error.errors())
        said = "; ".join(map(str, rows))
        return answer(Malformed(said, errors=rows) if broken else Invalid(said, errors=rows))

    @app.exception_handler(HTTPException)
    async def unknown_path(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == NotAllowed.status:
            return answer(NotAllowed(f"{request.method} {request.url.path}"), error.headers)
        return answer(NotFound(f"{request.url.path}: {error.detail}"))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        await log.aerror("unforeseen", path=request.url.path, exc_info=error)
        return answer(ChimeraError(f"{type(error).__name__}: the log has the details"))

    app.add_middleware(Bounds)


def answer(error: ChimeraError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error's response."""
    extra = dict(headers or {})
    if isinstance(error, QueueFull):
        extra["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unavailable):
        extra["Retry-After"] = "2"
    elif isinstance(error, Unauthenticated):
        extra["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.problem(), error.status, extra, _MEDIA)


class Bounds:
    """Refuse bodies that are too large, not UTF-8, or hold what PostgreSQL cannot store."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body, ended = b"", False
        while not ended and len(body) <= MAX_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            ended = not message.get("more_body", False)
        error = _objection(body)
        if error is not None:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _objection(body: bytes) -> ChimeraError | None:
    if len(body) > MAX_BODY:
        return TooLarge(f"a request has at most {MAX_BODY} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return Malformed(f"this is not UTF-8: {error.reason} at byte {error.start}")
    if "\x00" in text or "\\u0000" in text:
        return Invalid("text may not hold NUL characters")
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(json.loads(text), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return Invalid("text may not hold half a surrogate pair")
        except (ValueError, RecursionError):
            return None  # not JSON at all: the endpoint says so
    return None
