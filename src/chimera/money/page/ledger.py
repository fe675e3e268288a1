"""The board's money room: what there is and was spent, what waits for a human, and the books to take away (FIN-7)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form, Path, Query
from fastapi.responses import Response
from pydantic import AfterValidator, BeforeValidator, StringConstraints

from chimera.board.names import CampaignNames, InfluencerNames, NamedCampaign
from chimera.board.requests import BoardRequest, Id, Open, OptionalId, Visitor, done, page, pager
from chimera.board.rooms import Pages
from chimera.money.page.charts import burndown, forecast, meter
from chimera.money.reads import MoneyReads
from chimera.money.service.books import BookService
from chimera.money.service.limits import LimitService
from chimera.money.service.settlement import SettlementService
from chimera.money.types.authorization import Settlement
from chimera.money.types.books import Books, Section, Statement
from chimera.money.types.views import FlagView, LimitChangeView, LimitView
from chimera_protocol.money import Money

ROWS = 50
ROOM = "/ledger"
_EVERYTHING = 500
_CHARTS = 12
_KINDS = {
    "Wallets": (Section.WALLET,),
    "Claims, disputed": (Section.CLAIM,),
    "What is owed": (Section.VENDOR,),
    "Where it came from": (Section.FUNDING, Section.EARLIER),
    "Income": (Section.INCOME,),
    "Expenses": (Section.EXPENSE,),
}

Day = Annotated[date | None, Open]
_Blank = BeforeValidator(lambda value: value.strip() or None if isinstance(value, str) else value)
Paid = Annotated[str | None, _Blank, AfterValidator(lambda value: value and str(Money.parse(value))), Form()]
Reference = Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00]*$"), Form()]


async def ledger(
    request: Visitor,
    before: OptionalId = None,
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
) -> Response:
    """The books, how the limits burn down, what waits for a decision, what was asked for and what was booked."""
    tenant_id, reads, books = request.who.tenant_id, request.service(MoneyReads), request.service(BookService)
    booked = await reads.transactions(tenant_id, ROWS, before)
    people = await request.service(InfluencerNames).newest(tenant_id, _EVERYTHING)
    campaigns = await request.service(CampaignNames).newest(tenant_id, _EVERYTHING)
    burning = await books.burn_downs(tenant_id)
    names = {one.campaign_id: one.name for one in campaigns}
    return await page(
        request,
        "ledger.html",
        ROOM,
        whole=await books.books(tenant_id, first, last),
        kinds=_KINDS,
        apart=[
            ("Influencers", _rows(await books.apart(tenant_id, "influencer", first, last, ROWS))),
            ("Campaigns", _rows(await books.apart(tenant_id, "campaign", first, last, ROWS))),
        ],
        burning=[each for each in burning if each.points][:_CHARTS],
        limits=named_limits(await reads.limits(tenant_id), campaigns, people),
        flags=await _flags(request),
        changes=await _changes(request),
        doubts=(await reads.spends(tenant_id, ROWS, doubt=True)).items,
        spends=(await reads.spends(tenant_id, ROWS)).items,
        transactions=booked.items,
        people=people,
        campaigns=names,
        named={**{str(id): name for id, name in people.items()}, **{str(id): name for id, name in names.items()}},
        unbalanced=await reads.unbalanced(tenant_id),
        pager=pager(ROOM, before, booked.next, **{"from": first, "to": last}),
    )


def _rows(found: list[Books]) -> list[tuple[Books, Statement]]:
    return [(each, statement) for each in found for statement in each.statements]


async def _flags(request: BoardRequest) -> list[FlagView]:
    """Those that nobody has decided about, the oldest first."""
    found = await request.service(LimitService).flags(request.who.tenant_id, _EVERYTHING)
    return [flag for flag in found.items[::-1] if flag.status == "open"]


async def _changes(request: BoardRequest) -> list[LimitChangeView]:
    found = await request.service(LimitService).changes(request.who.tenant_id, _EVERYTHING)
    return [change for change in found.items[::-1] if change.status == "waiting"]


async def decide_flag(
    request: Visitor, flag_id: Id, decision: Annotated[Literal["accept", "dismiss"], Path()]
) -> Response:
    """Let one spend like the flagged one through, or leave it refused."""
    accept = decision == "accept"
    await request.service(LimitService).decide_flag(
        request.who.tenant_id, flag_id, accept=accept, actor=request.who.actor
    )
    return done(request, "One like it may pass." if accept else "It stays refused.", ROOM)


async def decide_change(
    request: Visitor, change_id: Id, decision: Annotated[Literal["confirm", "withdraw"], Path()]
) -> Response:
    """Put a looser limit in force, which takes a second operator, or let the change fall."""
    limits, who = request.service(LimitService), request.who
    if decision == "confirm":
        await limits.confirm(who.tenant_id, change_id, who.actor)
        return done(request, "The limit is in force.", ROOM)
    await limits.withdraw(who.tenant_id, change_id, who.actor)
    return done(request, "Withdrawn.", ROOM)


async def settle(request: Visitor, reservation_id: UUID, amount: Paid = None, reference: Reference = "") -> Response:
    """Close a spend in doubt: it was spent."""
    wish, who = Settlement(amount=amount, reference=reference), request.who
    await request.service(SettlementService).settle_doubt(who.tenant_id, reservation_id, wish, who.actor)
    return done(request, "Settled.", ROOM)


async def void(request: Visitor, reservation_id: UUID) -> Response:
    """Close a spend in doubt: nothing was spent."""
    await request.service(SettlementService).void_doubt(request.who.tenant_id, reservation_id, request.who.actor)
    return done(request, "Voided.", ROOM)


def named_limits(
    limits: Sequence[LimitView], campaigns: Sequence[NamedCampaign], people: Mapping[UUID, str]
) -> list[tuple[str, LimitView]]:
    """Limits with the names of what they bound, the tenant's first."""
    names = {str(one.campaign_id): f"{one.name} ({one.persona})" if one.standing else one.name for one in campaigns}
    names |= {str(agent_id): name for agent_id, name in people.items()}
    return [
        ("Whole fleet" if one.scope == "tenant" else names.get(one.scope_key, one.scope_key), one) for one in limits
    ]


PAGES = Pages(
    package="chimera.money",
    reading=((ROOM, ledger),),
    acting=(
        ("/flags/{flag_id}/{decision}", decide_flag, "operate"),
        ("/limit-changes/{change_id}/{decision}", decide_change, "operate"),
        ("/spends/{reservation_id}/settle", settle, "operate"),
        ("/spends/{reservation_id}/void", void, "operate"),
    ),
    functions={"meter": meter, "burndown": burndown, "forecast": forecast},
)
