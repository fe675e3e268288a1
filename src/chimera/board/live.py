"""The live board: one stream per tab, and every region drawn once per change for all viewers of a tenant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Set
from typing import NamedTuple
from uuid import UUID

import structlog
from markupsafe import Markup
from sse_starlette.event import ServerSentEvent

from chimera.errors import Unavailable

log = structlog.get_logger()

PAUSE = 0.25
"""Seconds between two looks at the fleet."""

BEAT = 2.0
"""Seconds between signs of life. They follow a look that worked, so that silence means news may be missing."""

MOST_VIEWERS = 64
"""Streams of one tenant that one process serves."""

LIFE = 300.0
"""Seconds after which a stream ends. The browser comes back, and a revoked key does not get in again."""


class Region(NamedTuple):
    """A region as some of the viewers see it: of which thing, and with which buttons."""

    region: str
    of: str = ""
    may: frozenset[str] = frozenset()


Draw = Callable[[UUID, Set[Region]], Awaitable[Mapping[Region, Markup]]]


class Viewer:
    """One open tab. A slow one gets the newest state of a region, never a growing heap of old ones."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.regions = frozenset(regions)
        self.new = True
        self._due: dict[Region, Markup] = {}
        self._woken = asyncio.Event()
        self._over = False

    def show(self, drawn: Mapping[Region, Markup]) -> None:
        """Put what concerns this tab before it; nothing at all is a sign of life."""
        self._due |= {each: html for each, html in drawn.items() if each in self.regions}
        self._woken.set()

    def end(self) -> None:
        """There is no more."""
        self._over = True
        self._woken.set()

    async def next(self) -> Mapping[Region, Markup] | None:
        """What has changed, empty for a sign of life; None at the end."""
        await self._woken.wait()
        if self._over:
            return None
        self._woken.clear()
        due, self._due = self._due, {}
        return due


class LiveUpdates:
    """The viewers by tenant. Each tenant has one task that draws, as long as it has viewers."""

    def __init__(self, draw: Draw, *, pause: float = PAUSE, beat: float = BEAT, most: int = MOST_VIEWERS) -> None:
        self._draw = draw
        self._pause = pause
        self._beat = beat
        self._most = most
        self._houses: dict[UUID, list[Viewer]] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._closed = False

    def check_room(self, tenant_id: UUID) -> None:
        """Unavailable when the tenant has as many viewers as one process serves, or the process is leaving."""
        if self._closed:
            raise Unavailable("this process is leaving")
        if len(self._houses.get(tenant_id, ())) >= self._most:
            raise Unavailable(f"{self._most} tabs are watching already", remedy="Close one, or reload to see news.")

    def join(self, tenant_id: UUID, regions: Iterable[Region]) -> Viewer:
        """A new viewer, which is shown everything once."""
        self.check_room(tenant_id)
        viewer = Viewer(regions)
        self._houses.setdefault(tenant_id, []).append(viewer)
        if tenant_id not in self._tasks:
            self._tasks[tenant_id] = asyncio.create_task(self._show(tenant_id))
        return viewer

    def leave(self, tenant_id: UUID, viewer: Viewer) -> None:
        """The tab is closed."""
        house = self._houses.get(tenant_id, [])
        if viewer in house:
            house.remove(viewer)

    async def close(self) -> None:
        """End every stream and begin no other, so that the server can leave at once."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def stream(self, tenant_id: UUID, regions: Iterable[Region]) -> AsyncIterator[ServerSentEvent]:
        """A tab's events from joining to leaving."""
        clock = asyncio.get_running_loop().time
        until = clock() + LIFE
        viewer = self.join(tenant_id, regions)
        try:
            while clock() < until and (news := await viewer.next()) is not None:
                yield event(news)
        finally:
            self.leave(tenant_id, viewer)

    async def _show(self, tenant_id: UUID) -> None:
        clock = asyncio.get_running_loop().time
        house = self._houses[tenant_id]
        shown: Mapping[Region, Markup] = {}
        beaten = clock()
        try:
            while house:
                asked: frozenset[Region] = frozenset().union(*(viewer.regions for viewer in house))
                drawn = await self._look(tenant_id, asked)
                if drawn is not None:
                    changed = {each: html for each, html in drawn.items() if shown.get(each) != html}
                    due = clock() - beaten >= self._beat
                    beaten = clock() if due else beaten
                    # Whoever joined while this was drawn waits for the next look.
                    for viewer in (viewer for viewer in house if viewer.regions <= asked):
                        _tell(viewer, drawn if viewer.new else changed, due)
                    shown = drawn
                await asyncio.sleep(self._pause)
        finally:
            # No await between the last look at `house` and here: whoever joins next finds neither.
            del self._houses[tenant_id], self._tasks[tenant_id]
            for viewer in house:
                viewer.end()

    async def _look(self, tenant_id: UUID, regions: Set[Region]) -> Mapping[Region, Markup] | None:
        try:
            return await self._draw(tenant_id, regions)
        except Unavailable as error:
            await log.awarning("the board shows old news", cause=error.detail)
            return None


def event(news: Mapping[Region, Markup]) -> ServerSentEvent:
    """Changed regions for htmx to put in their places, or a sign of life."""
    if not news:
        return ServerSentEvent(event="beat", data="")
    parts = [
        Markup('<hx-partial hx-target="#r-{}" hx-swap="innerMorph">{}</hx-partial>').format(each.region, html)
        for each, html in news.items()
    ]
    return ServerSentEvent(data="\n".join(parts))


def _tell(viewer: Viewer, news: Mapping[Region, Markup], due: bool) -> None:
    viewer.new = False
    if due or not viewer.regions.isdisjoint(news):
        viewer.show(news)
