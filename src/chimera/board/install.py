"""The board: pages for people, on the same gates and the same services as the API (UI-1..5)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.params import Depends as Dependency
from fastapi.responses import Response
from sse_starlette import EventSourceResponse

from chimera.api.auth import COOKIE, caller, only
from chimera.api.services import services_of
from chimera.board import auth
from chimera.board.live import LiveUpdates
from chimera.board.rendering import PLAIN, Renderer
from chimera.board.requests import BoardRequest, Visitor
from chimera.board.rooms import Pages, Right
from chimera.errors import Forbidden
from chimera.values import Caller, KeyRole

_Gate = Callable[..., Awaitable[Caller]]

GATES: dict[Right, _Gate] = {
    "see": caller,
    "review": only(KeyRole.OPERATOR, KeyRole.REVIEWER),
    "operate": only(KeyRole.OPERATOR),
    "author": only(KeyRole.OPERATOR, KeyRole.DEVELOPER),
}
"""Who may do what: the API's own gates."""


async def live(
    request: Visitor,
    see: Annotated[str, Query(max_length=32)] = PLAIN,
    of: Annotated[str, Query(max_length=128, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> Response:
    """The one stream of a tab."""
    tenant_id = request.who.tenant_id
    request.live.check_room(tenant_id)
    events = request.live.stream(tenant_id, request.renderer.regions(see, of, request.may))
    return EventSourceResponse(events, ping=0, send_timeout=10)


def install(app: FastAPI, renderer: Renderer, pages: Sequence[Pages]) -> LiveUpdates:
    """Give an application the board. The streams have to be closed before what the services stand on is."""
    updates = LiveUpdates(renderer.draw)
    app.state.templates = renderer.templates

    def behind(gate: _Gate) -> Dependency:
        async def admit(request: Request, who: Annotated[Caller, Depends(gate)]) -> None:
            may = frozenset([right for right in GATES if right != "see" and await _passes(GATES[right], who)])
            part = auth.wants_part(request)
            request.state.board_request = BoardRequest(who, may, services_of(request), renderer, updates, part)

        return Dependency(admit)

    router = APIRouter(route_class=auth.BoardRoute, include_in_schema=False)
    router.add_api_route("/live", live, methods=["GET"], dependencies=[behind(caller)])
    for each in pages:
        for path, handler in each.reading:
            router.add_api_route(path, handler, methods=["GET"], dependencies=[behind(caller)])
        for path, handler, right in each.acting:
            router.add_api_route(path, handler, methods=["POST"], dependencies=[behind(GATES[right])])
    app.include_router(auth.doors(COOKIE))
    app.include_router(router)
    app.add_middleware(auth.CsrfMiddleware, cookie=COOKIE)
    return updates


async def _passes(gate: _Gate, who: Caller) -> bool:
    try:
        await gate(who)
    except Forbidden:
        return False
    return True
