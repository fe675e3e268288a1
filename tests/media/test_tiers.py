"""What media cost and how good they are: reserved before they are made, the better tier where it is granted (MED-3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from tests.media.test_service import FakeShelf, drawn, wanting
from tests.roles.fakes import FakeTools, make_setting
from tests.roles.treasuries import FakeTreasury

from chimera.errors import ToolFailed
from chimera.gateways.models.types import Usage
from chimera.media.types import Generator, MediaItem, Tier
from chimera.money.service.usage_billing import Meter
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.roles.media import MediaService
from chimera.settings import Settings
from chimera.values import Priority
from chimera.wiring.tools import generators
from chimera_protocol.errors import ChimeraError, Invalid, NotFound

LONG = "Old light is old. It left before there were eyes. It arrives tonight. Look up."
PRICES = {Tier.DAILY: "0.05 USD", Tier.HERO: "2 EUR"}

HOSTED = Generator(
    server="fal-mcp",
    tool="run",
    arguments={"prompt": "$text", "tier": "$tier"},
    hero={"scenes": "$scenes", "tier": "$tier"},
    prices=PRICES,
)


@dataclass
class Studio:
    """A gallery whose generator has prices, and everything around it that remembers."""

    tools: FakeTools
    treasury: FakeTreasury
    maker: Generator = HOSTED

    async def make(self, text: str = LONG, priority: Priority = Priority.MEDIUM, **given: Any) -> MediaItem:
        gallery = MediaService(self.tools, FakeShelf(), {"image": self.maker}, Meter(self.treasury, self.treasury))
        task = wanting("image", **given)
        task = task.model_copy(update={"dispatch": task.dispatch.model_copy(update={"priority": priority})})
        (item,) = await gallery.make(task, make_setting(), text, [])
        return item

    @property
    def asked(self) -> list[Mapping[str, JsonValue]]:
        return [arguments for _, _, arguments in self.tools.calls]


def studio(*answers: dict[str, JsonValue] | Exception, refuses: frozenset[str] = frozenset()) -> Studio:
    return Studio(FakeTools(answers=list(answers) or [drawn()]), FakeTreasury(refuses=refuses))


async def test_the_price_is_reserved_before_the_call_and_paid_after_it() -> None:
    one = studio()
    item = await one.make()
    (order,) = one.treasury.orders
    assert (order.request.token_amount, order.request.destination_wallet) == ("0.05 USD", "generator:fal-mcp")
    assert order.request.category == "compute"
    (closing,) = one.treasury.closings
    assert (closing.outcome, str(closing.paid), closing.source) == (SpendOutcome.POSTED, "0.05", "fal-mcp")
    assert item.usage == Usage(cost="0.05 USD", budget_verification_hash="0" * 64)


@pytest.mark.parametrize(
    ("priority", "given", "tier"),
    [
        (Priority.MEDIUM, {}, "daily"),
        (Priority.HIGH, {}, "hero"),
        (Priority.HIGH, {"tier": "daily"}, "daily"),
        (Priority.LOW, {"tier": "hero"}, "hero"),
    ],
)
async def test_milestones_get_the_better_tier_unless_the_plan_says_otherwise(
    priority: Priority, given: dict[str, str], tier: str
) -> None:
    one = studio()
    await one.make(priority=priority, **given)
    assert [asked["tier"] for asked in one.asked] == [tier]
    assert ("scenes" in one.asked[0]) is (tier == "hero")


async def test_a_better_tier_that_is_refused_becomes_the_everyday_one() -> None:
    one = studio(refuses=frozenset({"EUR"}))
    item = await one.make(tier="hero")
    assert [order.request.token_amount for order in one.treasury.orders] == ["2 EUR", "0.05 USD"]
    assert [asked["tier"] for asked in one.asked] == ["daily"]
    assert item.usage is not None
    assert item.usage.cost == "0.05 USD"


async def test_what_the_budget_does_not_allow_at_all_is_never_asked_for() -> None:
    one = studio(refuses=frozenset({"EUR", "USD"}))
    with pytest.raises(ToolFailed, match="CFO refused fal-mcp/run: Daily spend limit exceeded") as caught:
        await one.make(tier="hero")
    assert (caught.value.permanent, one.asked, one.treasury.closings) == (True, [], [])


@pytest.mark.parametrize("error", [ToolFailed("full", uncertain=False), NotFound("no such tool")])
async def test_a_call_that_took_no_effect_costs_nothing(error: ChimeraError) -> None:
    one = studio(error)
    with pytest.raises(type(error)):
        await one.make()
    assert [closing.outcome for closing in one.treasury.closings] == [SpendOutcome.VOIDED]


async def test_a_call_that_may_be_billed_keeps_its_money_for_a_human_to_look_at() -> None:
    one = studio(ToolFailed("no answer", uncertain=True))
    with pytest.raises(ToolFailed):
        await one.make()
    assert one.treasury.closings == list[Closing]()
    assert [cause for _, cause in one.treasury.doubts] == ["no answer; it may send a bill"]


async def test_a_post_too_short_for_scenes_is_told_in_one() -> None:
    one = studio()
    await one.make("Look up.", tier="hero")
    assert [asked["tier"] for asked in one.asked] == ["daily"]


async def test_a_tier_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid, match="'epic' is no tier"):
        await studio().make(tier="epic")


async def test_the_bundled_studio_costs_nothing_and_tells_milestones_in_scenes(tmp_path: Path) -> None:
    one = Studio(FakeTools(answers=[drawn()]), FakeTreasury(), generators(Settings(state=tmp_path))["clip"])
    item = await one.make(tier="hero")
    assert one.asked[0]["scenes"] == [{"text": text} for text in LONG.replace(". ", ".|").split("|")]
    assert (one.asked[0]["tier"], item.usage, one.treasury.orders) == ("hero", None, [])
