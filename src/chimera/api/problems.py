"""Every error as problem+json (RFC 9457), and the bounds on what comes in."""

from collections.abc import Mapping
from math import isfinite

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera.errors import Malformed, NotAllowed, QueueFull, TooLarge, Unauthenticated, Unavailable
from chimera_protocol.errors import ChimeraError, Invalid, NotFound, Problem

log = structlog.get_logger()

MAX_BODY = 1 << 20
"""Bytes that one request may carry."""

MAX_DEPTH = 64
"""How deep JSON may be nested."""

MAX_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6)."""

_MEDIA = "application/problem+json"
_STATUSES = (400, 401, 403, 404, 405, 409, 413, 422, 423, 429, 500, 503)
PROBLEM: dict[str, object] = {_MEDIA: {"schema": Problem.model_json_schema()}}
RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"content": PROBLEM, "description": "A problem, and what to do."} for status in _STATUSES
}


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
        told = f"{request.method} {request.url.path}: {error.detail}"
        if error.status_code == NotAllowed.status:
            return answer(NotAllowed(told), error.headers)
        return answer(NotFound(told) if error.status_code == NotFound.status else Malformed(told))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        await log.aerror("unforeseen", path=request.url.path, exc_info=error)
        return answer(ChimeraError(f"{type(error).__name__}: the log has the details"))

    app.add_middleware(RequestBounds)


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


UPLOADS = frozenset({"/verify", "/verify/file"})
"""What takes files: these bound what they read themselves (`interfaces.board.uploads`)."""


class RequestBounds:
    """Refuse bodies that are too large, not UTF-8, or hold what PostgreSQL cannot store."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD") or scope["path"] in UPLOADS:
            await self._app(scope, receive, send)
            return
        body, ended = b"", False
        while not ended and len(body) <= MAX_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            ended = not message.get("more_body", False)
        kind = dict(scope["headers"]).get(b"content-type", b"application/json").decode("latin-1").lower()
        error = _objection(body, is_json="json" in kind)
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


def _objection(body: bytes, *, is_json: bool) -> ChimeraError | None:
    if len(body) > MAX_BODY:
        return TooLarge(f"a request has at most {MAX_BODY} bytes")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return Malformed(f"this is not UTF-8: {error.reason} at byte {error.start}")
    if not is_json or not body.strip():
        return None
    try:
        return _unfit(from_json(body, allow_inf_nan=False))
    except ValueError as error:
        said = str(error)[:200]
        if "hex escape" in said or b"\x00" in body:
            return Invalid(f"text may hold neither NUL characters nor half a surrogate pair: {said}")
        return Malformed(f"this is not JSON: {said}")


def _unfit(value: object) -> ChimeraError | None:
    """What JSON can say and neither RFC 8785 nor PostgreSQL can keep."""
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return Invalid(f"JSON may be nested {MAX_DEPTH} deep at most")
        if isinstance(found, str) and "\x00" in found:
            return Invalid("text may not hold NUL characters")
        if isinstance(found, float) and not isfinite(found):
            return Malformed("this is not JSON: a number is infinite")
        if isinstance(found, int) and abs(found) > MAX_INTEGER:
            return Invalid(f"whole numbers beyond {MAX_INTEGER} lose digits in JSON", remedy="Write it as a text.")
        if isinstance(found, dict):
            waiting += [(part, depth + 1) for pair in found.items() for part in pair]
        elif isinstance(found, list):
            waiting += [(part, depth + 1) for part in found]
    return None
