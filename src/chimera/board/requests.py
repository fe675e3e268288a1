"""A request to the board: who came, what they may do there, and how pages are given back to them."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from pydantic import BeforeValidator, StringConstraints

from chimera.api.services import Service, Services
from chimera.board.live import LiveUpdates
from chimera.board.rendering import PLAIN, Renderer
from chimera.values import Caller
from chimera_protocol.errors import NotFound


@dataclass(frozen=True)
class BoardRequest:
    """A request to the board: by whom, with which rights, and to what."""

    who: Caller
    may: frozenset[str]
    services: Services
    renderer: Renderer
    live: LiveUpdates
    wants_part: bool

    def service(self, kind: type[Service]) -> Service:
        """What a room offers."""
        return self.services.get(kind)


async def _admitted(request: Request) -> BoardRequest:
    admitted: BoardRequest = request.state.board_request
    return admitted


Visitor = Annotated[BoardRequest, Depends(_admitted)]
# A form sends what was left open as an empty text.
Open = BeforeValidator(lambda value: value or None)
OptionalId = Annotated[UUID | None, Open, Query()]
Id = Annotated[UUID, Path()]
# A form sends lines with CRLF, as HTML has it; the pieces have LF.
Lines = BeforeValidator(lambda value: value.replace("\r\n", "\n") if isinstance(value, str) else value)
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$"), Lines, Form()]


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
    request: BoardRequest, template: str, here: str, see: str = PLAIN, of: str = "", **values: object
) -> Response:
    """A page with its live regions, as this visitor may see them."""
    wanted = request.renderer.regions(see, of, request.may)
    drawn = await request.renderer.draw(request.who.tenant_id, frozenset(wanted))
    missing = [each.region for each in wanted if each not in drawn]
    if missing:
        raise NotFound(f"{missing[0]} {of} does not exist")
    shown = {each.region: html for each, html in drawn.items()}
    given = {
        "who": request.who,
        "may": request.may,
        "here": here,
        "stream": f"/live?{urlencode({'see': see, 'of': of} if of else {'see': see})}",
        "regions": shown,
    }
    html = request.renderer.templates.render(template, **given, **values)
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def region(request: BoardRequest, name: str, **values: object) -> Markup:
    """A region that does not change while it is looked at."""
    return request.renderer.templates.region(name, **values)


def done(request: BoardRequest, words: str, back: str) -> Response:
    """What was asked for is done: a notice for htmx, the page it was asked from for everybody else."""
    if request.wants_part:
        return HTMLResponse(request.renderer.templates.render("notice.html", good=True, words=words))
    return RedirectResponse(back, 303)
