"""The books: statements that add up, limits that burn down, exports that others can check (FIN-7)."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chimera.api.downloads import chunks
from chimera.database.exports import AT_ONCE
from chimera.errors import Unavailable
from chimera.ids import new_id
from chimera.money.rules import accounts, evidence
from chimera.money.rules.accounts import JournalEntry
from chimera.money.rules.evidence import Event
from chimera.money.service.batch import open_batch, write
from chimera.money.service.treasury import Treasury, now
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.books import Books, Outlook, Section, Statement
from chimera_protocol.errors import Invalid, NotFound

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


async def ask(house: Any, amount: str, key: str, category: str = "ads", **places: Any) -> Any:
    """Money for a purpose, granted."""
    order = house.order(amount, key, **places)
    request = order.request.model_copy(update={"category": category})
    decided = await house.system.treasury.authorise(order.model_copy(update={"request": request}))
    assert decided.granted
    return decided.reservation_id


async def pay(house: Any, id: Any, paid: str | None = None, **facts: Any) -> None:
    amount = Decimal(paid) if paid else None
    await house.system.treasury.close(Closing(reservation_id=id, outcome=SpendOutcome.POSTED, paid=amount, **facts))


async def receive(house: Any, amount: str, *, funding: bool, sender: str = "0xB") -> None:
    """Money that came into Nora's wallet."""
    async with house.system.swarm.transaction() as connection:
        batch = await open_batch(connection, [house.tenant_id], now)
        postings = accounts.receiving(house.nora.agent_id, Decimal(amount), sender, funding=funding)
        entry = JournalEntry(house.tenant_id, "received", Decimal(amount), "USDC", "came in", house.nora.agent_id)
        batch.book(entry, postings)
        await write(connection, batch)


async def traded(house: Any) -> Any:
    """A campaign with a bit of everything: funded, paid, promoted on a bill, pending, refused, disputed."""
    running = await house.running(name='Quiet "technology" — né à 5 ½')
    place = {"campaign_id": running.campaign_id}
    await receive(house, "100", funding=True)
    await receive(house, "7.5", funding=False)
    await pay(house, await ask(house, "50 USDC", "ad", **place), "30.25", source="twitter-mcp")
    await pay(house, await ask(house, "10 USDC", "fee", "fees", **place), "12")
    await pay(house, await ask(house, "20 USDC", "own", "services"))
    await ask(house, "5.000001 USDC", "open", **place)
    await house.system.treasury.close(
        Closing(reservation_id=await ask(house, "1 USDC", "gone"), outcome=SpendOutcome.VOIDED)
    )
    await pay(house, await ask(house, "400 COMPUTE", "think", "compute", **place), "123", source="model:composer")
    await house.authorise("500 USDC", "too much")
    return running.campaign_id


def figures(statement: Statement, *sections: Section) -> dict[str, Decimal]:
    return {line.name: line.closing for line in statement.of(*sections)}


def in_currency(books: Books, currency: str) -> Statement:
    return next(each for each in books.statements if each.currency == currency)


async def text(lines: Any) -> str:
    return b"".join([piece async for piece in chunks(lines)]).decode()


def bean_check(tmp_path: Path, journal: str) -> tuple[int, str]:
    file = tmp_path / "journal.beancount"
    file.write_text(journal, "utf-8")
    done = subprocess.run([BEAN_CHECK, file], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


async def test_the_tenants_books_have_a_line_for_each_thing_and_one_for_what_is_pending(house: Any) -> None:
    await traded(house)
    books = await house.system.books.books(house.tenant_id)
    usdc = in_currency(books, "USDC")
    assert (books.scope, books.name, books.time_zone) == ("tenant", "Whole fleet", "UTC")
    assert figures(usdc, Section.WALLET) == {"Nora": Decimal("75.5")}
    assert figures(usdc, Section.VENDOR) == {"twitter-mcp": Decimal("30.25")}
    assert figures(usdc, Section.CLAIM) == {"0xA": Decimal(2)}
    assert figures(usdc, Section.FUNDING) == {"Funding": Decimal(100)}
    assert sum(figures(usdc, Section.INCOME).values()) == Decimal("7.5")
    assert figures(usdc, Section.EXPENSE) == {"ads": Decimal("30.25"), "fees": Decimal(10), "services": Decimal(20)}
    assert usdc.pending.closing == Decimal("5.000001")
    assert usdc.result.closing == Decimal("-52.75")
    assert figures(in_currency(books, "COMPUTE"), Section.EXPENSE) == {"compute": Decimal(123)}


async def test_opening_and_movements_are_closing_and_a_closing_is_the_next_opening(house: Any) -> None:
    await traded(house)
    today = datetime.now(UTC).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    past, present, future = [
        await house.system.books.books(house.tenant_id, day, day) for day in (yesterday, today, tomorrow)
    ]
    assert past.statements == []
    for statement in present.statements:
        later = in_currency(future, statement.currency)
        lines = {(line.section, line.name): line for line in later.lines}
        for line in [*statement.lines, statement.pending, statement.result]:
            assert line.opening + line.movement == line.closing
            assert line.opening == 0
        for line in statement.lines:
            assert lines[line.section, line.name].opening == line.closing
            assert lines[line.section, line.name].movement == 0
        assert later.pending.opening == statement.pending.closing


async def test_an_influencers_and_a_campaigns_books_hold_what_was_moved_for_them(house: Any) -> None:
    campaign_id = await traded(house)
    store = house.system.books
    nora = in_currency(await store.books(house.tenant_id, agent_id=house.nora.agent_id), "USDC")
    campaign = in_currency(await store.books(house.tenant_id, campaign_id=campaign_id), "USDC")
    assert figures(nora, Section.EXPENSE) == {"ads": Decimal("30.25"), "fees": Decimal(10), "services": Decimal(20)}
    assert figures(campaign, Section.EXPENSE) == {"ads": Decimal("30.25"), "fees": Decimal(10)}
    assert campaign.pending.closing == Decimal("5.000001")
    apart = await store.apart(house.tenant_id, "campaign")
    assert [books.scope_id for books in apart] == [campaign_id]
    assert in_currency(apart[0], "USDC") == campaign
    (influencer,) = await store.apart(house.tenant_id, "influencer")
    assert (influencer.name, in_currency(influencer, "USDC")) == ("Nora", nora)


async def test_what_does_not_exist_or_is_another_tenants_has_no_books(house: Any, other_tenant: Any) -> None:
    await traded(house)
    store = house.system.books
    for scope in ({"agent_id": new_id()}, {"campaign_id": new_id()}, {"agent_id": other_tenant[1].agent_id}):
        with pytest.raises(NotFound):
            await store.books(house.tenant_id, **scope)
    assert (await store.books(other_tenant[0])).statements == []
    assert await text(store.csv(other_tenant[0])) == (await text(store.csv(house.tenant_id))).splitlines(True)[0]
    assert str(house.tenant_id) not in await text(store.evidence(other_tenant[0]))


async def test_a_period_that_is_none_is_refused(house: Any) -> None:
    with pytest.raises(Invalid, match="cannot end"):
        await house.system.books.books(house.tenant_id, date(2026, 2, 1), date(2026, 1, 1))


async def test_a_limit_burns_down_to_what_its_counter_says(house: Any) -> None:
    await traded(house)
    found = {
        (each.limit.scope, each.limit.span, each.limit.currency): each
        for each in await house.system.books.burn_downs(house.tenant_id)
    }
    day = found["tenant", "day", "USDC"]
    assert [point.used for point in day.points][-1] == day.limit.spent + day.limit.reserved == Decimal("65.250001")
    assert max(point.used for point in day.points) <= day.limit.limit_amount
    assert day.until is not None and day.since <= day.points[0].at < day.until
    total = found["campaign", "total", "USDC"]
    assert (total.until, total.points[-1].used) == (None, Decimal("45.250001"))
    assert (total.outlook, total.exhausted_at) == (Outlook.UNKNOWN, None), "its first hour says nothing"
    idle = [each for each in found.values() if not each.points]
    assert all(each.outlook is Outlook.UNKNOWN and each.exhausted_at is None for each in idle)


async def test_many_transfers_are_few_points_of_which_the_last_is_exact(house: Any) -> None:
    await house.raw.execute("UPDATE tenant SET time_zone = 'Pacific/Auckland'")
    for number in range(150):
        await ask(house, "1 USDC", f"key {number}", "fees")
    day = next(each for each in await house.system.books.burn_downs(house.tenant_id) if each.limit.currency == "USDC")
    assert len(day.points) <= 150
    assert day.points[-1].used == 150


async def test_the_csv_has_a_line_for_each_posting_and_adds_up_to_nothing(house: Any) -> None:
    await traded(house)
    head, *rows = (await text(house.system.books.csv(house.tenant_id))).splitlines()
    assert head.startswith("transaction_id,timestamp,entry,account,amount,currency")
    assert len(rows) == await house.value("SELECT count(*) FROM ledger_posting")
    assert sum(Decimal(row.split(",")[4]) for row in rows) == 0


async def test_bean_check_passes_and_fails_on_a_falsified_export(house: Any, tmp_path: Path) -> None:
    await traded(house)
    journal = await text(house.system.books.beancount(house.tenant_id))
    assert bean_check(tmp_path, journal) == (0, "")
    assert "Assets:Wallet:Nora" in journal
    assert "Expenses:Ads:Nora:Quiet-technology-ne-a-5-1-2" in journal
    code, said = bean_check(tmp_path, journal.replace("  30.25 USDC\n", "  30.24 USDC\n", 1))
    assert (code, "does not balance" in said or "Balance failed" in said) == (1, True)
    missing = "\n\n".join(part for part in journal.split("\n\n") if '"posted: 20 USDC' not in part)
    code, said = bean_check(tmp_path, missing)
    assert (code, "Balance failed" in said) == (1, True)


async def test_books_without_an_entry_pass_bean_check_too(house: Any, tmp_path: Path) -> None:
    assert bean_check(tmp_path, await text(house.system.books.beancount(house.tenant_id))) == (0, "")


async def test_the_evidence_is_the_chain_and_ends_where_the_head_says(house: Any) -> None:
    await traded(house)
    lines = (await text(house.system.books.evidence(house.tenant_id))).splitlines()
    events = [Event.model_validate_json(line) for line in lines]
    assert evidence.check(events) == []
    head = await house.system.books.head(house.tenant_id)
    assert (head.sequence, head.hash) == (len(events), events[-1].hash)
    forged = json.loads(lines[3])
    forged["body"]["amount"] = "1 USDC"
    assert evidence.check([*events[:3], Event.model_validate(forged), *events[4:]])


async def test_an_export_shows_one_moment_and_holds_no_more_than_a_bounded_number_of_connections(house: Any) -> None:
    await traded(house)
    store = house.system.books
    reading = store.csv(house.tenant_id)
    await anext(reading)
    await receive(house, "1", funding=True)
    assert sum("came in" in row for row in [row async for row in reading]) == 2
    held = [store.evidence(house.tenant_id) for _ in range(AT_ONCE)]
    for each in held:
        await anext(each)
    with pytest.raises(Unavailable, match="exports"):
        await anext(store.evidence(house.tenant_id))
    for each in held:
        await each.aclose()
    assert await text(store.evidence(house.tenant_id))


async def test_an_expired_transfer_is_pending_no_more(house: Any) -> None:
    order = house.order("50 USDC").model_copy(update={"expires": True})
    await house.system.treasury.authorise(order)
    assert in_currency(await house.system.books.books(house.tenant_id), "USDC").pending.closing == 50
    later = Treasury(house.system.swarm, lambda: now() + timedelta(days=2))
    assert await later.tidy() == 1
    books = await house.system.books.books(house.tenant_id, None, now().date() + timedelta(days=3))
    assert in_currency(books, "USDC").pending.closing == 0
