"""The board's money room: what there is and was spent, what waits for a human, and the books to take away (FIN-7)."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form, Path, Query
from fastapi.responses import Response
from pydantic import AfterValidator, BeforeValidator, StringConstraints

from chimera.board.live import named_limits
from chimera.board.requests import BoardReply, BoardRequest, Handler, Id, Open, Visitor, done, page, pager
from chimera.money.types.authorization import Settlement
from chimera.money.types.books import Books, Section, Statement
from chimera.money.types.views import FlagView, LimitChangeView
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
    visit: Visitor,
    before: BoardReply = None,
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
) -> Response:
    """The books, how the limits burn down, what waits for a decision, what was asked for and what was booked."""
    tenant_id, reads, books = visit.who.tenant_id, visit.system.reads, visit.system.books
    booked = await reads.transactions(tenant_id, ROWS, before)
    people = {one.agent_id: one.persona for one in (await reads.influencers(tenant_id, _EVERYTHING)).items}
    campaigns = (await reads.campaigns(tenant_id, _EVERYTHING)).items
    burning = await books.burn_downs(tenant_id)
    names = {one.campaign_id: one.name for one in campaigns}
    return await page(
        visit,
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
        flags=await _flags(visit),
        changes=await _changes(visit),
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


async def _flags(visit: BoardRequest) -> list[FlagView]:
    """Those that nobody has decided about, the oldest first."""
    found = await visit.system.limits.flags(visit.who.tenant_id, _EVERYTHING)
    return [flag for flag in found.items[::-1] if flag.status == "open"]


async def _changes(visit: BoardRequest) -> list[LimitChangeView]:
    found = await visit.system.limits.changes(visit.who.tenant_id, _EVERYTHING)
    return [change for change in found.items[::-1] if change.status == "waiting"]


async def decide_flag(
    visit: Visitor, flag_id: Id, decision: Annotated[Literal["accept", "dismiss"], Path()]
) -> Response:
    """Let one spend like the flagged one through, or leave it refused."""
    accept = decision == "accept"
    await visit.system.limits.decide_flag(visit.who.tenant_id, flag_id, accept=accept, actor=visit.who.actor)
    return done(visit, "One like it may pass." if accept else "It stays refused.", ROOM)


async def decide_change(
    visit: Visitor, change_id: Id, decision: Annotated[Literal["confirm", "withdraw"], Path()]
) -> Response:
    """Put a looser limit in force, which takes a second operator, or let the change fall."""
    limits, who = visit.system.limits, visit.who
    if decision == "confirm":
        await limits.confirm(who.tenant_id, change_id, who.actor)
        return done(visit, "The limit is in force.", ROOM)
    await limits.withdraw(who.tenant_id, change_id, who.actor)
    return done(visit, "Withdrawn.", ROOM)


async def settle(visit: Visitor, reservation_id: UUID, amount: Paid = None, reference: Reference = "") -> Response:
    """Close a spend in doubt: it was spent."""
    wish, who = Settlement(amount=amount, reference=reference), visit.who
    await visit.system.settling.settle_doubt(who.tenant_id, reservation_id, wish, who.actor)
    return done(visit, "Settled.", ROOM)


async def void(visit: Visitor, reservation_id: UUID) -> Response:
    """Close a spend in doubt: nothing was spent."""
    await visit.system.settling.void_doubt(visit.who.tenant_id, reservation_id, visit.who.actor)
    return done(visit, "Voided.", ROOM)


READING: tuple[tuple[str, Handler], ...] = ((ROOM, ledger),)
ACTING: tuple[tuple[str, Handler, str], ...] = (
    ("/flags/{flag_id}/{decision}", decide_flag, "operate"),
    ("/limit-changes/{change_id}/{decision}", decide_change, "operate"),
    ("/spends/{reservation_id}/settle", settle, "operate"),
    ("/spends/{reservation_id}/void", void, "operate"),
)
"""Every form, with the gate in front of it."""
