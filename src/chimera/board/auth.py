"""The board's door: what browsers are told, where a form may come from, and errors as pages."""

from collections.abc import Callable, Coroutine
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import StringConstraints
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera.api.auth import authenticate
from chimera.board.static import ASSETS
from chimera.board.templates import Templates
from chimera.errors import Forbidden, Unauthenticated
from chimera_protocol.errors import ChimeraError, Invalid

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    # Not 'no-referrer': a browser would then send our own forms with 'Origin: null', and they could not be told
    # from a stranger's. This one tells other sites just as little.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_API = "/v1/"
_KEYLESS = frozenset({"/verify/file", "/verify/text"})
"""What programs may ask without a key: the cookie does nothing there, so no other site can misuse it."""

COOKIE_SECONDS = 12 * 3_600
Key = Annotated[str, StringConstraints(max_length=512, strip_whitespace=True)]


class CsrfMiddleware:
    """Headers on every answer; and what a browser sends with the cookie has to come from our own pages.

    SameSite=Strict keeps other sites out, but not another port of the same host: the Origin does.
    """

    def __init__(self, app: ASGIApp, cookie: str) -> None:
        self._app = app
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        if scope["method"] not in _SAFE and self._by_browser(request) and not _own(request.headers):
            error = Forbidden("this form was sent from another site", remedy="Send it from the board itself.")
            await answer(request, error)(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)

    def _by_browser(self, request: Request) -> bool:
        if request.url.path in _KEYLESS:
            return False
        if not request.url.path.startswith(_API):
            return True
        return self._cookie in request.cookies and "Authorization" not in request.headers


def _own(headers: Headers) -> bool:
    source = headers.get("Origin") or headers.get("Referer") or ""
    return bool(urlsplit(source).netloc) and urlsplit(source).netloc == headers.get("Host")


def templates_of(request: Request) -> Templates:
    """What pages are drawn with."""
    templates: Templates = request.app.state.templates
    return templates


def wants_part(request: Request) -> bool:
    """Whether htmx asks, and takes a part of a page."""
    return request.headers.get("HX-Request") == "true"


def answer(request: Request, error: ChimeraError) -> Response:
    """An error as whoever asks can read it: JSON for programs, a notice for htmx, a page for people."""
    if request.url.path.startswith(_API):
        return JSONResponse(error.problem(), error.status, media_type="application/problem+json")
    if wants_part(request):
        words = f"{error.title}: {error.detail}. {error.remedy}"
        return HTMLResponse(templates_of(request).render("notice.html", good=False, words=words), error.status)
    back = urlsplit(request.headers.get("Referer", "/")).path or "/"
    page = templates_of(request).render(
        "problem.html", title=error.title, detail=error.detail, remedy=error.remedy, back=back
    )
    return HTMLResponse(page, error.status, headers={"Cache-Control": "no-store"})


class BoardRoute(APIRoute):
    """A route of the board: whoever is not known is shown to the door, and errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
        """The handler, with errors for people."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except Unauthenticated as error:
                return _to_the_door(request, error)
            except ChimeraError as error:
                return answer(request, error)
            except RequestValidationError as error:
                rows = [f"{row['loc'][-1]}: {row['msg']}" for row in error.errors()[:5]]
                return answer(request, Invalid("; ".join(rows), remedy="Correct it and send it again."))

        return handle


def _to_the_door(request: Request, error: Unauthenticated) -> Response:
    if request.url.path == "/live":
        return JSONResponse(error.problem(), error.status)
    if wants_part(request):
        return HTMLResponse("", error.status, headers={"HX-Redirect": "/enter"})
    return RedirectResponse("/enter", 303)


async def asset(request: Request) -> Response:
    """A file for browsers, under an address that names its content."""
    found = ASSETS.get(request.url.path)
    if found is None:
        return Response(status_code=404)
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packed else found.body, media_type=found.media, headers=headers)


def doors(cookie: str) -> APIRouter:
    """What is open to anybody: the way in, the way out, and the files."""
    router = APIRouter(route_class=BoardRoute, include_in_schema=False)

    @router.get("/enter")
    async def enter(request: Request, key: Annotated[Key, Query()] = "") -> Response:
        return await _let_in(request, cookie, key) if key else _enter_page(request)

    @router.post("/enter")
    async def enter_by_form(request: Request, key: Annotated[Key, Form()] = "") -> Response:
        return await _let_in(request, cookie, key)

    @router.get("/leave")
    async def leave() -> Response:
        outside = RedirectResponse("/enter", 303, headers={"Cache-Control": "no-store"})
        outside.delete_cookie(cookie, path="/", httponly=True, samesite="strict")
        return outside

    router.add_api_route("/static/{tag}/{name}", asset)
    return router


async def _let_in(request: Request, cookie: str, key: str) -> Response:
    try:
        await authenticate(request, key)
    except Unauthenticated as error:
        return _enter_page(request, f"{error.detail[:1].upper()}{error.detail[1:]}.", error.status)
    inside = RedirectResponse("/", 303, headers={"Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    inside.set_cookie(cookie, key, COOKIE_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")
    return inside


def _enter_page(request: Request, problem: str = "", status: int = 200) -> Response:
    html = templates_of(request).render("enter.html", problem=problem)
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
