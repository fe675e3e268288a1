"""Pictures say in words what they show, fit their frame, carry no style, and escape what they are given."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.board import charts
from chimera.money.page.charts import FLOOR, burndown, forecast, meter
from chimera.money.types.books import BurnDown, BurnPoint, Outlook
from chimera.money.types.views import LimitView
from chimera.personas.types.policy import ScoreBounds
from chimera.values import CampaignStatus, EffectStatus, TaskStatus

AMOUNTS = st.decimals(0, 10**12, places=6)


def limit(spent: str, reserved: str = "0", amount: str = "200") -> LimitView:
    return LimitView(
        budget_id=uuid4(),
        scope="tenant",
        scope_key=str(uuid4()),
        span="day",
        currency="USDC",
        limit_amount=Decimal(amount),
        reserved=Decimal(reserved),
        spent=Decimal(spent),
    )


def bars(svg: str) -> list[tuple[str, int, int]]:
    """The parts of a bar: class, start and width."""
    parts = list(ElementTree.fromstring(svg))[1:]
    return [(part.attrib["class"], int(part.attrib["x"]), int(part.attrib["width"])) for part in parts]


def test_a_meter_tells_its_figures() -> None:
    drawn = meter(limit("50", "25"))
    assert ElementTree.fromstring(drawn).attrib["aria-label"] == "50 spent and 25 reserved of 200 USDC"
    assert bars(drawn) == [("spent", 0, 247), ("reserved", 250, 122)]


def test_a_full_meter_is_full() -> None:
    assert bars(meter(limit("200"))) == [("spent", 0, 1_000)]


def test_the_smallest_amount_is_seen() -> None:
    assert bars(meter(limit("0.000001", amount="1000000")))[0][2] > 0


def test_a_limit_of_nothing_draws_nothing() -> None:
    assert bars(meter(limit("0", amount="0"))) == []


@given(st.lists(AMOUNTS, max_size=len(TaskStatus)), AMOUNTS)
def test_shares_never_leave_the_bar(parts: list[Decimal], whole: Decimal) -> None:
    found = charts.shares(parts, whole)
    assert len(found) == len(parts)
    assert all((share > 0) is (part > 0 and whole > 0) for share, part in zip(found, parts, strict=True))
    assert sum(found) <= charts.WIDTH


@given(st.dictionaries(st.sampled_from([*TaskStatus]), st.integers(0, 10_000)))
def test_a_stack_has_a_part_for_each_state_and_no_gap_at_the_end(tasks: dict[TaskStatus, int]) -> None:
    drawn = bars(charts.stack(tasks))
    there = [status for status, count in tasks.items() if count]
    assert {name for name, _, _ in drawn} == {f"is-{status.value}" for status in there}
    if there:
        assert drawn[0][1] == 0
        assert drawn[-1][1] + drawn[-1][2] == charts.WIDTH
        assert charts.tally(tasks) in ElementTree.fromstring(charts.stack(tasks)).attrib["aria-label"]


def test_a_stack_is_told_in_words() -> None:
    tasks = {TaskStatus.QUEUED: 2, TaskStatus.COMPLETED: 7, TaskStatus.AWAITING_APPROVAL: 1, TaskStatus.FAILED: 0}
    assert charts.tally(tasks) == "7 completed, 2 queued, 1 awaiting approval"
    assert charts.tally({}) == ""


STATES = [
    *("planning", "working", "judging", "sleeping", "halted"),
    *(status.value for kind in (TaskStatus, EffectStatus, CampaignStatus) for status in kind),
]


@pytest.mark.parametrize("state", [*STATES, "unheard of"])
def test_every_state_has_a_shape(state: str) -> None:
    drawn = ElementTree.fromstring(charts.glyph(state))
    assert drawn.attrib["aria-hidden"] == "true"
    assert len(drawn) > 0


def test_what_an_influencer_does_is_told_by_shape_and_not_by_colour_alone() -> None:
    assert len({charts.glyph(state) for state in STATES[:5]}) == 5


@pytest.mark.parametrize(
    ("score", "colour"),
    [(1.0, "green"), (0.90, "green"), (0.8999, "yellow"), (0.70, "yellow"), (0.6999, "red"), (0.0, "red")],
)
def test_the_tiers_are_the_judges(score: float, colour: str) -> None:
    assert charts.tier(score, ScoreBounds()) == colour


def burning(*used: str, outlook: Outlook = Outlook.HOLDS, **changes: object) -> BurnDown:
    """A day's limit of 200 that was used up to these amounts, an hour after another."""
    midnight = datetime(2026, 2, 5, tzinfo=UTC)
    points = [BurnPoint(at=midnight + timedelta(hours=n + 1), used=Decimal(each)) for n, each in enumerate(used)]
    given: dict[str, object] = {
        "limit": limit(used[-1] if used else "0"),
        "name": "Whole fleet",
        "since": midnight,
        "at": midnight + timedelta(hours=12),
        "until": midnight + timedelta(days=1),
        "points": points,
        "outlook": outlook,
    }
    return BurnDown.model_validate({**given, **changes})


def frame(drawn: str) -> None:
    """Everything drawn is inside the picture."""
    assert all(0 <= int(number) <= charts.WIDTH for number in re.findall(r"[MHL](-?\d+)", drawn))
    heights = [number for pair in re.findall(r"V(-?\d+)|[ML]-?\d+ (-?\d+)", drawn) for number in pair if number]
    assert all(0 <= int(number) <= FLOOR for number in heights)


def test_a_burn_down_goes_down_from_the_limit_and_says_so_in_words() -> None:
    drawn = burndown(burning("20", "50", "45"))
    label = ElementTree.fromstring(drawn).attrib["aria-label"]
    assert label == "Whole fleet: 155 of 200 USDC left; holds at this rate"
    frame(drawn)
    heights = [int(height) for height in re.findall(r"V(\d+)", drawn.split('class="line"')[1])]
    assert heights[0] < heights[2] < heights[1] < FLOOR
    assert 'class="ahead"' not in drawn


def test_a_limit_that_runs_out_shows_when() -> None:
    at = datetime(2026, 2, 5, 18, tzinfo=UTC)
    drawn = burndown(burning("134", outlook=Outlook.RUNS_OUT, exhausted_at=at))
    assert f'class="ahead" d="M500 69L750 {FLOOR}"' in drawn
    assert "used up by 5 Feb 18:00:00 at this rate" in drawn
    total = burning("134", outlook=Outlook.RUNS_OUT, exhausted_at=at + timedelta(days=900), until=None)
    assert 'class="ahead"' in burndown(total)
    frame(burndown(total))


@given(st.lists(AMOUNTS, max_size=5), st.sampled_from([*Outlook]), st.booleans())
def test_whatever_was_used_stays_in_the_picture(used: list[Decimal], outlook: Outlook, ends: bool) -> None:
    at = datetime(2026, 2, 5, 13, tzinfo=UTC) if outlook in (Outlook.RUNS_OUT, Outlook.EXHAUSTED) else None
    burn = burning(*(f"{each:f}" for each in used), outlook=outlook, exhausted_at=at)
    frame(burndown(burn if ends else burn.model_copy(update={"until": None})))


@pytest.mark.parametrize("outlook", [*Outlook])
def test_every_outlook_has_its_words(outlook: Outlook) -> None:
    assert forecast(burning("1", outlook=outlook))


def test_nothing_drawn_carries_a_style_or_unescaped_text() -> None:
    nasty = limit("1").model_copy(update={"currency": '"><script>'})
    drawn = meter(nasty) + charts.stack({TaskStatus.QUEUED: 1}) + charts.glyph("working")
    assert "style" not in drawn
    assert "<script>" not in drawn


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "0"), ("50", "50"), ("0.50", "0.5"), ("1234567.25", "1\u202f234\u202f567.25"), ("1E+3", "1\u202f000")],
)
def test_amounts_are_exact_and_grouped(amount: str, shown: str) -> None:
    assert charts.money(Decimal(amount)) == shown


@pytest.mark.parametrize(("taken", "shown"), [(0, "0 ms"), (999, "999 ms"), (1_520, "1.5 s"), (61_000, "1 min 1 s")])
def test_durations_are_short(taken: int, shown: str) -> None:
    assert charts.duration(taken) == shown


def test_a_moment_does_not_depend_on_when_it_is_looked_at() -> None:
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert charts.moment(at) == "4 Mar 05:06:07"
    assert charts.moment(at + timedelta(seconds=1)) != charts.moment(at)
