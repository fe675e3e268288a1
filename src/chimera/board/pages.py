"""The board: pages for people, on the same gates and the same calls as the API (UI-1..5).

It is given the gates instead of importing them, because the API's application includes the board.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Form, Path, Query, Request
from fastapi.params import Depends as Dependency
from fastapi.responses import RedirectResponse, Response
from pydantic import BeforeValidator, StringConstraints
from sse_starlette import EventSourceResponse

from chimera.board import auth as door
from chimera.board.live import LiveUpdates, Renderer, regions
from chimera.board.requests import BoardReply, BoardRequest, Handler, Id, Open, Visitor, done, page, pager
from chimera.board.templates import region
from chimera.errors import Forbidden
from chimera.money import page as money
from chimera.provenance.page import assets as provenance
from chimera.review.page import quality, recovery
from chimera.review.types.messages import ReviewOutcome
from chimera.values import Decision, HaltScope, TaskStatus
from chimera.wiring import Caller, System
from chimera_protocol.errors import Invalid
from chimera_protocol.wire import Name, Text

Gate = Callable[..., Awaitable[Caller]]

ROWS = 50


class Gates(NamedTuple):
    """Who may do what: the API's own gates, and the cookie that holds a key."""

    cookie: str
    caller: Gate
    review: Gate
    operate: Gate
    author: Gate


TaskName = Annotated[str, Path(max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$", strip_whitespace=True)]
# A form sends lines with CRLF, as HTML has it; the pieces have LF.
_Lines = BeforeValidator(lambda value: value.replace("\r\n", "\n") if isinstance(value, str) else value)
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$"), _Lines, Form()]


# -- reading


async def fleet(visit: Visitor) -> Response:
    """The fleet at a glance, live."""
    return await page(visit, "fleet.html", "/", "fleet")


async def live(
    visit: Visitor,
    see: Literal["plain", "fleet", "approvals", "campaign", "task"] = "plain",
    of: Annotated[str, Query(max_length=128, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> Response:
    """The one stream of a tab."""
    tenant_id = visit.who.tenant_id
    visit.live.check_room(tenant_id)
    events = visit.live.stream(tenant_id, regions(see, of, visit.may))
    return EventSourceResponse(events, ping=0, send_timeout=10)


async def approvals(
    visit: Visitor,
    before: BoardReply = None,
    status: Literal["waiting", "approved", "rejected", "edited", "stale"] = "waiting",
) -> Response:
    """The review desk; what is still to be decided is live."""
    tenant_id, reads = visit.who.tenant_id, visit.system.reads
    found = await reads.approvals(tenant_id, ROWS, before, status)
    bounds = (await reads.policy(tenant_id)).bounds
    still = status != "waiting" or before is not None
    return await page(
        visit,
        "approvals.html",
        "/approvals",
        "plain" if still else "approvals",
        status=status,
        cases=region("desk", may=visit.may, approvals=found.items, bounds=bounds) if still else "",
        pager=pager("/approvals", before, found.next, status=None if status == "waiting" else status),
    )


async def tasks(
    visit: Visitor,
    before: BoardReply = None,
    status: Annotated[TaskStatus | None, Open, Query()] = None,
    campaign_id: BoardReply = None,
    agent_id: BoardReply = None,
) -> Response:
    """Tasks, newest first, narrowed as wished."""
    tenant_id, reads = visit.who.tenant_id, visit.system.reads
    found = await reads.tasks(tenant_id, ROWS, before, status=status, campaign_id=campaign_id, agent_id=agent_id)
    chosen = {"status": status.value if status else None, "campaign_id": campaign_id, "agent_id": agent_id}
    return await page(
        visit,
        "tasks.html",
        "/tasks",
        tasks=found.items,
        bounds=(await reads.policy(tenant_id)).bounds,
        statuses=list(TaskStatus),
        campaigns=(await reads.campaigns(tenant_id, 100)).items,
        influencers=(await reads.influencers(tenant_id, 100)).items,
        chosen=chosen,
        pager=pager("/tasks", before, found.next, **chosen),
    )


async def task(visit: Visitor, name: TaskName) -> Response:
    """One task from dispatch to delivery."""
    return await page(visit, "task.html", "/tasks", "task", name)


async def campaigns(visit: Visitor, before: BoardReply = None) -> Response:
    """Campaigns, newest first."""
    found = await visit.system.reads.campaigns(visit.who.tenant_id, ROWS, before)
    shown = region("campaigns", campaigns=found.items)
    ways = pager("/campaigns", before, found.next)
    return await page(visit, "campaigns.html", "/campaigns", shown=shown, pager=ways)


async def campaign(visit: Visitor, campaign_id: Id) -> Response:
    """One campaign with its plan."""
    return await page(visit, "campaign.html", "/campaigns", "campaign", str(campaign_id))


async def find_asset(visit: Visitor, url: Annotated[str, Query(max_length=2_000, pattern=r"^[^\x00]+$")]) -> Response:
    """The piece behind a post's address."""
    lineage = await visit.system.reads.lineage(visit.who.tenant_id, url=url)
    return RedirectResponse(f"/assets/{lineage.asset.asset_id}", 303)


async def audit(
    visit: Visitor,
    before: BoardReply = None,
    subject: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """The audit trail, whole or of one subject."""
    found = await visit.system.reads.audit(visit.who.tenant_id, ROWS, before, subject or None)
    ways = pager("/audit", before, found.next, subject=subject or None)
    return await page(visit, "audit.html", "/audit", events=found.items, subject=subject, pager=ways)


# -- acting


async def approve(visit: Visitor, approval_id: Id, note: Note = "") -> Response:
    """Approve exactly this content."""
    said = await _decide(visit, approval_id, Decision.APPROVE, note)
    if said.status == "waiting":
        return done(visit, "Approved by you. Somebody else has to agree.", "/approvals")
    return done(visit, f"Approved. {_effect(said)}The Judge commits it.", "/approvals")


async def reject(visit: Visitor, approval_id: Id, note: Note = "") -> Response:
    """Have it made anew."""
    said = await _decide(visit, approval_id, Decision.REJECT, note)
    return done(visit, f"Rejected. {_effect(said)}The Planner has it made anew.", "/approvals")


async def take_back(visit: Visitor, approval_id: Id) -> Response:
    """Take one's own verdict back."""
    await visit.system.review.undo(visit.who.tenant_id, approval_id, visit.who.actor)
    return done(visit, "Taken back.", "/approvals")


async def claim(visit: Visitor, approval_id: Id) -> Response:
    """Keep it from other reviewers for five minutes."""
    await visit.system.review.claim(visit.who.tenant_id, approval_id, visit.who.actor)
    return done(visit, "Yours for five minutes.", "/approvals")


async def snooze(visit: Visitor, approval_id: Id) -> Response:
    """Put it off for an hour."""
    until = datetime.now(UTC) + timedelta(hours=1)
    await visit.system.review.snooze(visit.who.tenant_id, approval_id, until, visit.who.actor)
    return done(visit, "Put off for an hour.", "/approvals")


async def _decide(visit: BoardRequest, approval_id: UUID, decision: Decision, note: str) -> ReviewOutcome:
    who = visit.who
    return await visit.system.review.decide(who.tenant_id, approval_id, decision, who.actor, note or None)


def _effect(said: ReviewOutcome) -> str:
    return "It can be taken back for a moment. " if said.undo_until else ""


async def edit(
    visit: Visitor,
    approval_id: Id,
    part: Annotated[list[Annotated[Text, _Lines]], Form(max_length=25)],
    note: Note = "",
) -> Response:
    """Put other words in its place."""
    who, reads = visit.who, visit.system.reads
    made = await reads.task(who.tenant_id, str((await reads.approval(who.tenant_id, approval_id)).task_id))
    shape = made.execution_result.artifact if made.execution_result else None
    if shape is None or len(part) != len(shape.parts):
        raise Invalid("an edit has as many posts as the original")
    content = part if isinstance(shape.content, list) else part[0]
    said = await visit.system.review.edit(who.tenant_id, approval_id, content, who.actor, note or None)
    return done(visit, f"Edited. {_effect(said)}The Judge looks at it afresh.", "/approvals")


async def halt(
    visit: Visitor,
    scope: Annotated[HaltScope, Form()],
    reason: Annotated[Reason, Form()],
    target: Annotated[Name, Form()] = "*",
) -> Response:
    """Stop the tenant or a part of it."""
    _not_fleet(scope)
    await visit.system.fleet.halt(visit.who.tenant_id, scope, target, reason, visit.who.actor)
    return done(visit, "Halted.", "/")


async def resume(
    visit: Visitor, scope: Annotated[HaltScope, Form()], target: Annotated[Name, Form()] = "*"
) -> Response:
    """Lift a halt."""
    _not_fleet(scope)
    await visit.system.fleet.resume(visit.who.tenant_id, scope, target, visit.who.actor)
    return done(visit, "Resumed.", "/")


def _not_fleet(scope: HaltScope) -> None:
    if scope is HaltScope.FLEET:
        raise Forbidden("the whole fleet belongs to every tenant", remedy="Use 'chimera halt' with a platform key.")


async def order(
    visit: Visitor, campaign_id: Id, order: Annotated[Literal["plan", "start", "pause", "cancel"], Path()]
) -> Response:
    """Plan, start, pause or cancel a campaign."""
    system, tenant_id, actor = visit.system, visit.who.tenant_id, visit.who.actor
    match order:
        case "plan":
            await system.campaigns.plan(tenant_id, campaign_id, actor)
        case "start":
            await system.campaigns.start(tenant_id, campaign_id, actor)
        case "pause":
            await system.campaigns.pause(tenant_id, campaign_id, actor)
        case "cancel":
            await system.campaigns.cancel(tenant_id, campaign_id, actor)
    return done(visit, "Done.", f"/campaigns/{campaign_id}")


async def cancel_task(visit: Visitor, task_id: Id) -> Response:
    """Stop a task that is not over."""
    await visit.system.desk.cancel(visit.who.tenant_id, task_id, visit.who.actor)
    return done(visit, "Cancelled.", f"/tasks/{task_id}")


async def replay_task(visit: Visitor, task_id: Id) -> Response:
    """Give a dead letter another life."""
    await visit.system.desk.replay(visit.who.tenant_id, task_id, visit.who.actor)
    return done(visit, "Replayed.", f"/tasks/{task_id}")


# -- the rooms


_READING: tuple[tuple[str, Handler], ...] = (
    ("/", fleet),
    ("/live", live),
    ("/approvals", approvals),
    ("/tasks", tasks),
    ("/tasks/{name}", task),
    ("/campaigns", campaigns),
    ("/campaigns/{campaign_id}", campaign),
    ("/assets", find_asset),
    ("/audit", audit),
    *provenance.READING,
    *money.READING,
    *quality.READING,
)
_ACTING: tuple[tuple[str, Handler, str], ...] = (
    ("/approvals/{approval_id}/approve", approve, "review"),
    ("/approvals/{approval_id}/undo", take_back, "review"),
    ("/approvals/{approval_id}/claim", claim, "review"),
    ("/approvals/{approval_id}/snooze", snooze, "review"),
    ("/approvals/{approval_id}/edit", edit, "review"),
    ("/approvals/{approval_id}/reject", reject, "review"),
    ("/halt", halt, "review"),
    ("/resume", resume, "operate"),
    ("/campaigns/{campaign_id}/{order}", order, "author"),
    ("/tasks/{task_id}/cancel", cancel_task, "author"),
    ("/tasks/{task_id}/replay", replay_task, "operate"),
    *provenance.ACTING,
    *money.ACTING,
    *quality.ACTING,
    *recovery.ACTING,
)
"""Every form, with the gate in front of it."""


def install(app: FastAPI, system: System, gates: Gates) -> LiveUpdates:
    """Give an application the board. The streams have to be closed before the system is."""
    painter = Renderer(system)
    live = LiveUpdates(painter.draw)
    rights = {"review": gates.review, "operate": gates.operate, "author": gates.author}

    def behind(gate: Gate) -> Dependency:
        async def admit(request: Request, who: Annotated[Caller, Depends(gate)]) -> None:
            may = frozenset([name for name, right in rights.items() if await _passes(right, who)])
            request.state.visit = BoardRequest(who, may, system, painter, live, door.wants_part(request))

        return Dependency(admit)

    rooms = APIRouter(route_class=door.BoardRoute, include_in_schema=False)
    for path, handler in _READING:
        rooms.add_api_route(path, handler, methods=["GET"], dependencies=[behind(gates.caller)])
    for path, handler, right in _ACTING:
        gate = {**rights, "see": gates.caller}[right]
        rooms.add_api_route(path, handler, methods=["POST"], dependencies=[behind(gate)])
    app.include_router(door.doors(gates.cookie))
    app.include_router(rooms)
    app.add_middleware(door.CsrfMiddleware, cookie=gates.cookie)
    return live


async def _passes(gate: Gate, who: Caller) -> bool:
    try:
        await gate(who)
    except Forbidden:
        return False
    return True
