"""The live board: one stream per tab, and every region drawn once per change for all viewers of a tenant.

A page is drawn from the same regions as its stream, so that what is loaded and what is pushed cannot differ.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from markupsafe import Markup
from sse_starlette.event import ServerSentEvent

from chimera import lifecycle
from chimera.board.templates import region
from chimera.campaigns.rules import planning
from chimera.campaigns.types.views import CampaignView
from chimera.errors import Unavailable
from chimera.fleet.types.health import Health
from chimera.fleet.types.views import FleetView, HaltView
from chimera.money.types.views import LimitView
from chimera.tasks.types.envelope import Envelope
from chimera.tasks.types.views import DeadLetterView, TaskView
from chimera.values import CampaignStatus
from chimera.wiring import System
from chimera.wiring.health import glance, health_of
from chimera_protocol.errors import NotFound

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
        self.sights = frozenset(regions)
        self.new = True
        self._due: dict[Region, Markup] = {}
        self._woken = asyncio.Event()
        self._over = False

    def show(self, drawn: Mapping[Region, Markup]) -> None:
        """Put what concerns this tab before it; nothing at all is a sign of life."""
        self._due |= {sight: html for sight, html in drawn.items() if sight in self.sights}
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
                asked: frozenset[Region] = frozenset().union(*(viewer.sights for viewer in house))
                drawn = await self._look(tenant_id, asked)
                if drawn is not None:
                    changed = {sight: html for sight, html in drawn.items() if shown.get(sight) != html}
                    due = clock() - beaten >= self._beat
                    beaten = clock() if due else beaten
                    # Whoever joined while this was drawn waits for the next look.
                    for viewer in (viewer for viewer in house if viewer.sights <= asked):
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
        Markup('<hx-partial hx-target="#r-{}" hx-swap="innerMorph">{}</hx-partial>').format(sight.region, html)
        for sight, html in news.items()
    ]
    return ServerSentEvent(data="\n".join(parts))


def _tell(viewer: Viewer, news: Mapping[Region, Markup], due: bool) -> None:
    viewer.new = False
    if due or not viewer.sights.isdisjoint(news):
        viewer.show(news)


_HEAD = ("status", "banner")
PAGES: Mapping[str, tuple[str, ...]] = {
    "plain": _HEAD,
    "fleet": (*_HEAD, "tally", "influencers", "campaigns", "money", "latest"),
    "approvals": (*_HEAD, "questions", "desk", "dead_letters"),
    "campaign": (*_HEAD, "campaign"),
    "task": (*_HEAD, "task"),
}
"""The regions of each kind of page that can change while it is looked at."""

_FLEET = frozenset({"tally", "influencers", "campaigns", "money"})
_OF = frozenset({"campaign", "task"})
_BUTTONS: Mapping[str, frozenset[str]] = {
    "banner": frozenset({"operate"}),
    "influencers": frozenset({"review"}),
    "desk": frozenset({"review"}),
    "questions": frozenset({"review"}),
    "dead_letters": frozenset({"author", "operate"}),
    "campaign": frozenset({"author"}),
    "task": frozenset({"author", "operate"}),
}
_METERS = 6
_CAMPAIGNS = 6


def regions(page: str, of: str, may: frozenset[str]) -> list[Region]:
    """What a page shows. Rights count only where they put buttons on it, so that more viewers share a drawing."""
    return [Region(name, of if name in _OF else "", may & _BUTTONS.get(name, frozenset())) for name in PAGES[page]]


class HeadRow(NamedTuple):
    """What is on top of every page."""

    waiting: int
    asked: int
    health: Health
    halts: Sequence[HaltView]


class Renderer:
    """Draws regions from the reads. One look at the fleet serves all regions that show a part of it."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def draw(self, tenant_id: UUID, regions: Set[Region]) -> dict[Region, Markup]:
        """These regions as they are now; what does not exist is missing."""
        system = self._system
        asked = await system.questions.count(tenant_id)
        fleet = None
        if any(sight.region in _FLEET for sight in regions):
            fleet = await glance(system, tenant_id)
            head = HeadRow(fleet.approvals_waiting, asked, fleet.health, fleet.halts)
        else:
            waiting, _ = await system.reads.counts(tenant_id)
            head = HeadRow(waiting, asked, await health_of(system), await system.reads.halts(tenant_id))
        drawn: dict[Region, Markup] = {}
        for sight in regions:
            try:
                values = await self._values(tenant_id, sight, head, fleet)
            except NotFound:
                continue
            drawn[sight] = region(sight.region, may=sight.may, **values)
        return drawn

    async def _values(
        self, tenant_id: UUID, sight: Region, head: HeadRow, fleet: FleetView | None
    ) -> Mapping[str, object]:
        reads = self._system.reads
        match sight.region:
            case "status":
                return {"waiting": head.waiting, "asked": head.asked, "health": head.health}
            case "banner":
                return {"halts": head.halts, "names": await self._halted(tenant_id, head.halts)}
            case "latest":
                return {"publications": (await reads.publications(tenant_id, 8)).items}
            case "desk":
                page = await reads.approvals(tenant_id, 50, revocable=True)
                # Oldest first, as in any queue: what is new comes in below and moves nothing under the reader.
                return {"approvals": page.items[::-1], "bounds": (await reads.policy(tenant_id)).bounds}
            case "questions":
                return {"questions": await self._system.questions.open(tenant_id, 50)}
            case "dead_letters":
                letters = (await self._system.desk.dead_letters(tenant_id, 50)).items
                return {"letters": letters, "rested": _rested(letters)}
            case "campaign":
                return await self._campaign(tenant_id, _id(sight.of))
            case "task":
                return await self._task(tenant_id, sight.of)
            case _ if fleet is not None:
                return {"fleet": fleet, "campaigns": _lively(fleet.campaigns), **_meters(fleet)}
            case _:
                raise NotFound(f"no region is called {sight.region}")

    async def _halted(self, tenant_id: UUID, halts: Sequence[HaltView]) -> dict[str, str]:
        if not any(halt.scope.value in ("influencer", "campaign") for halt in halts):
            return {}
        reads = self._system.reads
        people = {str(one.agent_id): one.persona for one in (await reads.influencers(tenant_id, 500)).items}
        return people | {str(one.campaign_id): one.name for one in (await reads.campaigns(tenant_id, 500)).items}

    async def _campaign(self, tenant_id: UUID, campaign_id: UUID) -> Mapping[str, object]:
        reads = self._system.reads
        campaign = await reads.campaign(tenant_id, campaign_id)
        tasks = (await reads.tasks(tenant_id, 500, campaign_id=campaign_id)).items
        newest: dict[str, TaskView] = {}
        for task in tasks:
            if task.node_key is not None and task.kind.value != "revise":
                newest.setdefault(task.node_key, task)
        try:
            plan = await reads.plan(tenant_id, campaign_id)
        except NotFound:
            plan = None
        return {
            "campaign": campaign,
            "plan": plan,
            "tree": planning.tree(plan.draft) if plan else [],
            "newest": newest,
            "loose": [task for task in tasks if task.node_key is None][:30],
            "limits": [one for one in await reads.limits(tenant_id) if one.scope_key == str(campaign_id)],
            "moves": _moves(campaign),
            "bounds": (await reads.policy(tenant_id)).bounds,
        }

    async def _task(self, tenant_id: UUID, name: str) -> Mapping[str, object]:
        reads = self._system.reads
        task = await reads.task(tenant_id, name)
        kin = {task.parent_id, *task.children} - {None}
        known: dict[UUID, TaskView] = {}
        if kin:
            near = await reads.tasks(tenant_id, 500, campaign_id=task.campaign_id)
            known = {row.task_id: row for row in near.items if row.task_id in kin}
        return {
            "task": task,
            "prompts": _prompts(task),
            "kin": known,
            "campaign": await reads.campaign(tenant_id, task.campaign_id),
            "asset_id": await reads.asset_of(tenant_id, task.task_id),
            "over": task.status in lifecycle.TASK_OVER,
            "bounds": (await reads.policy(tenant_id)).bounds,
        }


def _id(of: str) -> UUID:
    try:
        return UUID(of)
    except ValueError as error:
        raise NotFound(f"{of!r} is no id") from error


def _prompts(task: Envelope) -> list[tuple[str, str]]:
    made = task.execution_result
    if made is None or made.metadata.prompt is None:
        return []
    prompt = made.metadata.prompt
    return [(f"{prompt.name}, version {prompt.version}", prompt.text)]


def _rested(letters: Sequence[DeadLetterView]) -> frozenset[UUID]:
    """The dead letters that can be replayed by now."""
    now = datetime.now(UTC)
    return frozenset(one.task_id for one in letters if one.replayable_at is not None and one.replayable_at <= now)


def _moves(campaign: CampaignView) -> frozenset[str]:
    if campaign.standing:
        return frozenset()
    following = lifecycle.CAMPAIGN_MOVES[campaign.status]
    orders = {
        "plan": CampaignStatus.PLANNING in following,
        "start": campaign.status in (CampaignStatus.PLANNED, CampaignStatus.PAUSED),
        "pause": campaign.status is CampaignStatus.RUNNING,
        "cancel": CampaignStatus.CANCELLED in following,
    }
    return frozenset(name for name, allowed in orders.items() if allowed)


def _lively(campaigns: Sequence[CampaignView]) -> list[CampaignView]:
    """Standing campaigns are not on the front page until somebody has asked for something."""
    return [one for one in campaigns if not one.standing or one.tasks][:_CAMPAIGNS]


def _meters(fleet: FleetView) -> Mapping[str, object]:
    named = named_limits(fleet.limits, fleet.campaigns, {one.agent_id: one.persona for one in fleet.influencers})
    # The tenant's first, then those that are used; the sort keeps the order within each kind.
    named.sort(key=lambda row: (row[1].scope != "tenant", not (row[1].spent or row[1].reserved)))
    return {"limits": named[:_METERS], "hidden": max(0, len(named) - _METERS)}


def named_limits(
    limits: Sequence[LimitView], campaigns: Sequence[CampaignView], people: Mapping[UUID, str]
) -> list[tuple[str, LimitView]]:
    """Limits with the names of what they bound, the tenant's first."""
    names = {str(one.campaign_id): f"{one.name} ({one.persona})" if one.standing else one.name for one in campaigns}
    names |= {str(agent_id): name for agent_id, name in people.items()}
    return [
        ("Whole fleet" if one.scope == "tenant" else names.get(one.scope_key, one.scope_key), one) for one in limits
    ]
