"""A visit to the board: who came, what they may do there, and how pages are given back to them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from chimera.board.live import LiveUpdates, Renderer, regions
from chimera.board.templates import render
from chimera.wiring import Caller, System
from chimera_protocol.errors import NotFound

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True)
class BoardRequest:
    """A request to the board: by whom, with which rights, and to what."""

    who: Caller
    may: frozenset[str]
    system: System
    painter: Renderer
    live: LiveUpdates
    wants_part: bool


def _visit(request: Request) -> BoardRequest:
    visit: BoardRequest = request.state.visit
    return visit


Visitor = Annotated[BoardRequest, Depends(_visit)]
# A form sends what was left open as an empty text.
Open = BeforeValidator(lambda value: value or None)
BoardReply = Annotated[UUID | None, Open, Query()]
Id = Annotated[UUID, Path()]


class Pager(NamedTuple):
    """The ways on from a part of a list."""

    newest: str | None
    older: str | None


def pager(path: str, before: UUID | None, following: UUID | None, **filters: object) -> Pager:
    """The ways on, with the filters kept."""
    kept = {name: str(value) for name, value in filters.items() if value is not None}

    def to(**more: str) -> str:
        query = urlencode({**kept, **more})
        return f"{path}?{query}" if query else path

    return Pager(to() if before else None, to(before=str(following)) if following else None)


async def page(
    visit: BoardRequest, template: str, here: str, see: str = "plain", of: str = "", **values: object
) -> Response:
    """A page with its live regions, as this visitor may see them."""
    wanted = regions(see, of, visit.may)
    drawn = await visit.painter.draw(visit.who.tenant_id, frozenset(wanted))
    missing = [sight.region for sight in wanted if sight not in drawn]
    if missing:
        raise NotFound(f"{missing[0]} {of} does not exist")
    stream = f"/live?{urlencode({'see': see, 'of': of} if of else {'see': see})}"
    shown = {sight.region: html for sight, html in drawn.items()}
    html = render(template, who=visit.who, may=visit.may, here=here, stream=stream, regions=shown, **values)
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def done(visit: BoardRequest, words: str, back: str) -> Response:
    """What was asked for is done: a notice for htmx, the page it was asked from for everybody else."""
    if visit.wants_part:
        return HTMLResponse(render("notice.html", good=True, words=words))
    return RedirectResponse(back, 303)
