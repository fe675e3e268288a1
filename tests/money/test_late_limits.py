"""Limits that come, or come back, in the middle of a span count what was reserved and spent in it before (FIN-2, 5)."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.money.proofs import Books, proven
from tests.money.test_limits import YOU, limits

from chimera.money.rules.evidence import check
from chimera.money.service.limits import LimitService, set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Closing, Decided, SpendOutcome, TransactionRequest
from chimera_protocol.errors import Invalid

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
SCOPES = ("tenant", "influencer", "campaign", "category", "payee")


class Day:
    """A tenant with much room, whose limits come late, on a clock of its own."""

    def __init__(self, house: Any) -> None:
        self.house, self.now, self.asked = house, NOON, 0
        self.treasury = Treasury(house.system.swarm, lambda: self.now)
        self.names: dict[str, str] = {"category": "ads", "payee": "0xShop", "tenant": str(house.tenant_id)}

    async def limit(self, scope: str, *texts: str) -> None:
        """Put these limits in force and no others; what they loosen has its second operator."""
        async with self.house.system.swarm.transaction() as connection:
            where = self.house.tenant_id, scope, self.names[scope]
            change_id = await set_limits(connection, *where, limits(*texts), "operator:me", self.now)
        if change_id is not None:
            await LimitService(self.house.system.tenants, lambda: self.now).confirm(
                self.house.tenant_id, change_id, YOU
            )

    async def ask(self, amount: str, category: str = "ads", payee: str = "0xShop", **more: Any) -> Decided:
        self.asked += 1
        request = TransactionRequest(destination_wallet=payee, token_amount=amount, purpose="p", category=category)
        order = self.house.order(amount, f"key {self.asked}").model_copy(update={"request": request, **more})
        return await self.treasury.authorise(order)

    async def end(self, decided: Decided, outcome: SpendOutcome = SpendOutcome.POSTED, paid: str | None = None) -> None:
        taken = Decimal(paid) if paid else None
        await self.treasury.close(Closing(reservation_id=decided.reservation_id, outcome=outcome, paid=taken))

    async def books(self) -> Books:
        return await proven(self.house.raw, self.house.tenant_id)

    async def used(self, scope: str, span: str = "day", currency: str = "USDC") -> tuple[int, int]:
        """What is reserved and spent under the latest counter of a limit."""
        found = {slot: used for slot, used in (await self.books()).used().items() if slot[2:4] == (span, currency)}
        slot = max(slot for slot in found if slot[:2] == (scope, self.names[scope]))
        return int(found[slot][0]), int(found[slot][1])


@pytest.fixture
async def day(house: Any) -> Day:
    made = Day(house)
    campaign = await house.running(house.node("one"), name="late")
    made.names |= {"campaign": str(campaign.campaign_id), "influencer": str(house.nora.agent_id)}
    await made.limit("tenant", "total 1000 USDC", "total 10 ETH", "day 50000000 COMPUTE")
    await made.limit("campaign")
    return made


async def spend_some(day: Day) -> tuple[Decided, Decided]:
    """110 posted and 40 pending that fall under every scope, and some of everything that falls under none but the
    tenant; the pending ones."""
    whose = {"agent_id": day.house.nora.agent_id, "campaign_id": day.names["campaign"]}
    await day.end(await day.ask("100 USDC", **whose))
    await day.end(await day.ask("20 USDC", **whose), paid="10")
    await day.end(await day.ask("30 USDC", **whose), SpendOutcome.VOIDED)
    await day.ask("9999 USDC", **whose)
    await day.end(await day.ask("1 ETH", **whose))
    await day.end(await day.ask("7 USDC", "gifts", "0xElse", agent_id=None, campaign_id=None))
    return await day.ask("25 USDC", **whose), await day.ask("15 USDC", **whose)


@pytest.mark.parametrize("span", ["day", "month", "total"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_a_new_limit_counts_what_was_used_in_its_span(day: Day, scope: str, span: str) -> None:
    await spend_some(day)
    more = 7 if scope == "tenant" else 0
    every = ["total 1000 USDC", "total 10 ETH", "day 50000000 COMPUTE"] if scope == "tenant" else []
    every = [each for each in every if not each.startswith(f"{span} 1000 ")]
    await day.limit(scope, f"{span} 200 USDC", *every)
    assert await day.used(scope, span) == (40, 110 + more)
    whose = {"agent_id": day.house.nora.agent_id, "campaign_id": day.names["campaign"]}
    refused = await day.ask(f"{51 - more} USDC", **whose)
    assert not refused.granted
    assert refused.answer.window.startswith(f"{scope}:{span}:")
    assert (await day.ask(f"{50 - more} USDC", **whose)).granted
    await day.books()


async def test_two_hundred_a_day_set_at_noon_leave_fifty_after_a_hundred_and_fifty(house: Any) -> None:
    """The finding itself, over the policy and the real clock."""
    await house.authorise("150 USDC", "morning")
    scope = house.tenant_id, "influencer", str(house.nora.agent_id)
    async with house.system.swarm.transaction() as connection:
        await set_limits(connection, *scope, limits("day 160 USDC"), "operator:me")
    assert (await house.authorise("11 USDC", "too much")).status == 403
    assert (await house.authorise("10 USDC", "the rest")).status == "authorized"
    await proven(house.raw, house.tenant_id)


@pytest.mark.parametrize(
    ("outcome", "paid", "left"),
    [
        (SpendOutcome.POSTED, None, (15, 135)),
        (SpendOutcome.POSTED, "5", (15, 115)),
        (SpendOutcome.POSTED, "30", (15, 135)),
        (SpendOutcome.VOIDED, None, (15, 110)),
        (SpendOutcome.EXPIRED, None, (15, 110)),
    ],
)
@pytest.mark.parametrize("scope", ["category", "influencer"])
async def test_what_was_pending_ends_on_the_new_limit_too(
    day: Day, scope: str, outcome: SpendOutcome, paid: str | None, left: tuple[int, int]
) -> None:
    pending, _ = await spend_some(day)
    await day.limit(scope, "day 200 USDC", "month 300 USDC", "transaction 100 USDC")
    day.now += timedelta(days=1)  # it counts where it was asked for
    await day.end(pending, outcome, paid)
    assert await day.used(scope) == await day.used(scope, "month") == left


async def test_what_expires_frees_the_limit_that_adopted_it(day: Day) -> None:
    await day.ask("60 USDC", expires=True)
    await day.limit("payee", "day 100 USDC")
    assert not (await day.ask("41 USDC")).granted
    day.now += timedelta(days=2)
    assert await day.treasury.tidy() == 1
    assert await day.used("payee") == (0, 0)


async def test_a_limit_that_comes_back_counts_what_was_used_meanwhile(day: Day) -> None:
    await day.limit("category", "day 200 USDC")
    await day.end(await day.ask("50 USDC"))
    before = await day.ask("10 USDC")
    await day.limit("category")
    await day.end(await day.ask("30 USDC"))
    during = await day.ask("20 USDC")
    assert await day.used("category") == (10, 50)
    await day.limit("category", "day 150 USDC")
    assert await day.used("category") == (30, 80)
    await day.limit("category")
    await day.limit("category", "day 150 USDC")
    assert await day.used("category") == (30, 80)
    assert not (await day.ask("41 USDC")).granted
    await day.end(before)
    await day.end(during, SpendOutcome.VOIDED)
    assert await day.used("category") == (0, 90)


async def test_a_limit_that_comes_back_on_another_day_starts_with_that_day(day: Day) -> None:
    await day.limit("category", "day 60 USDC", "month 100 USDC")
    await day.end(await day.ask("50 USDC"))
    await day.limit("category")
    yesterdays = await day.ask("20 USDC")
    day.now += timedelta(days=1)
    await day.end(await day.ask("5 USDC"))
    await day.limit("category", "day 60 USDC", "month 100 USDC")
    assert await day.used("category") == (0, 5)
    assert await day.used("category", "month") == (20, 55)
    await day.end(yesterdays)
    assert await day.used("category") == (0, 5)
    assert await day.used("category", "month") == (0, 75)


async def test_the_day_of_a_new_limit_is_the_tenants(day: Day) -> None:
    isle = await day.house.system.accounts.open_tenant("isle", "Pacific/Kiritimati")
    whose: dict[str, Any] = {"tenant_id": isle, "agent_id": None, "campaign_id": None}
    async with day.house.system.swarm.transaction() as connection:
        await set_limits(connection, isle, "tenant", str(isle), limits("total 1000 USDC"), "operator:me", NOON)
    day.now = NOON.replace(hour=9)  # 23:00 there
    await day.end(await day.ask("50 USDC", **whose))
    day.now += timedelta(hours=2)
    await day.end(await day.ask("30 USDC", **whose))
    async with day.house.system.swarm.transaction() as connection:
        await set_limits(connection, isle, "payee", "0xShop", limits("day 100 USDC"), "operator:me", day.now)
    books = await proven(day.house.raw, isle)
    assert books.used()["payee", "0xShop", "day", "USDC", date(2031, 5, 6)] == (0, 30)


async def test_limits_that_stay_are_not_counted_anew(day: Day) -> None:
    """They have counted it all: the recomputed figure is theirs, whatever else changes beside them."""
    await day.limit("category", "day 300 USDC", "total 500 USDC")
    await spend_some(day)
    before = await day.used("category"), await day.used("category", "total")
    assert before == ((40, 110), (40, 110))
    await day.limit("category", "day 250 USDC", "total 400 USDC", "month 400 USDC")
    assert (await day.used("category"), await day.used("category", "total")) == before
    assert await day.used("category", "month") == before[0]  # what is recomputed is what the others have


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_new_limit_below_what_is_used_is_refused_and_changes_nothing(day: Day, scope: str) -> None:
    await spend_some(day)
    was = await day.books()
    with pytest.raises(Invalid, match="more than 149 USDC is reserved and spent already"):
        await day.limit(scope, *(["total 10 ETH"] if scope == "tenant" else []), "month 149 USDC")
    now = await day.books()
    assert (now.used(), len(now.events)) == (was.used(), len(was.events))
    await day.limit(scope, *(["total 10 ETH"] if scope == "tenant" else []), "month 157 USDC")
    assert sum(await day.used(scope, "month")) in (150, 157)


async def test_more_than_any_limit_can_be_is_above_it_too(day: Day) -> None:
    huge = "99999999999999999999.999999999999999999"
    await day.limit("influencer", f"day {huge} ETH")
    await day.limit("tenant", "total 1000 USDC", f"day {huge} ETH")
    for _ in range(2):
        assert (await day.ask(f"{huge} ETH", payee="0xMoon")).granted
        day.now += timedelta(days=1)
    day.names["payee"] = "0xMoon"
    with pytest.raises(Invalid, match="reserved and spent already"):
        await day.limit("payee", f"total {huge} ETH")


async def test_limits_and_closings_that_race_neither_lose_nor_count_twice(day: Day) -> None:
    """A transfer ends while limits adopt it: it is held on them, or it has ended; there is no deadlock."""
    for round_ in range(8):
        held = [await day.ask("2 USDC") for _ in range(6)]
        scopes = ["category", "payee"] if round_ % 2 else ["payee", "category"]
        await asyncio.gather(
            *(day.end(each, [SpendOutcome.POSTED, SpendOutcome.VOIDED][n % 2]) for n, each in enumerate(held)),
            *(day.limit(scope, *([] if round_ % 4 == 3 else ["day 500 USDC", "total 700 USDC"])) for scope in scopes),
            *(day.ask("1 USDC") for _ in range(3)),
        )
        await day.books()


async def test_the_chain_names_a_limit_that_starts_with_nothing_used(day: Day) -> None:
    await spend_some(day)
    await day.limit("category", "day 200 USDC")
    events = (await day.books()).events
    body: Any = events[-1].body
    assert (body["kind"], body["time_zone"], len(body["adopted"])) == ("limits", "UTC", 2)
    body["after"][0]["spent"] = "0"
    assert any("does not start with what was reserved and spent under it" in problem for problem in check(events))
