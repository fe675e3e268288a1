"""The reliability curve says in words what it shows, fits its frame, and draws what was found."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.personas.types.policy import ScoreBounds
from chimera.review.page import curves
from chimera.review.rules import shares
from chimera.review.rules.calibration import calibrate
from chimera.review.types.quality import LabelledScore, Share

SVG = "{http://www.w3.org/2000/svg}"
HEARD = st.builds(LabelledScore, score=st.floats(0, 1), good=st.booleans(), count=st.integers(1, 5_000))


def drawn(heard: list[LabelledScore], bounds: ScoreBounds | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(curves.reliability(calibrate(heard, bounds or ScoreBounds())))


def of(svg: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [part for part in svg if kind in part.attrib.get("class", "").split()]


def test_it_tells_its_error_and_how_much_it_rests_on() -> None:
    svg = drawn([LabelledScore(0.8, good=True, count=3), LabelledScore(0.8, good=False, count=1)])
    assert svg.attrib["role"] == "img"
    assert "over 4 pieces" in svg.attrib["aria-label"]
    assert "0.05 away from the Judge's score" in svg.attrib["aria-label"]


def test_of_nothing_it_draws_the_empty_field_and_says_so() -> None:
    svg = drawn([])
    assert "no human has said anything" in svg.attrib["aria-label"]
    assert of(svg, "dot") == of(svg, "interval") == of(svg, "curve") == []
    assert len(of(svg, "bound")) == 2


def test_a_dot_is_where_score_and_share_meet_and_its_interval_goes_through_it() -> None:
    svg = drawn([LabelledScore(0.5, good=True, count=50), LabelledScore(0.5, good=False, count=50)])
    (dot,) = of(svg, "dot")
    assert float(dot.attrib["cx"]) == (curves.LEFT + curves.RIGHT) / 2
    assert float(dot.attrib["cy"]) == (curves.TOP + curves.BOTTOM) / 2
    (interval,) = of(svg, "interval")
    across, low, high = map(float, re.findall(r"[\d.]+", interval.attrib["d"]))
    assert across == float(dot.attrib["cx"])
    tall = curves.BOTTOM - curves.TOP
    assert (curves.BOTTOM - low) / tall == pytest.approx(0.4038, abs=1e-3)
    assert (curves.BOTTOM - high) / tall == pytest.approx(0.5962, abs=1e-3)


def test_the_bounds_stand_where_the_policy_has_them() -> None:
    svg = drawn([], ScoreBounds(review=0.25, approve=0.5))
    places = [float(re.findall(r"[\d.]+", part.attrib["d"])[0]) for part in of(svg, "bound")]
    wide = curves.RIGHT - curves.LEFT
    assert places == [curves.LEFT + 0.25 * wide, curves.LEFT + 0.5 * wide]
    assert [part.text for part in of(svg, "end")][-2:] == ["hold 0.25", "approve 0.50"]


@given(st.lists(HEARD, max_size=40))
def test_every_bin_with_pieces_is_drawn_and_nothing_leaves_the_frame(heard: list[LabelledScore]) -> None:
    found = calibrate(heard, ScoreBounds())
    svg = ElementTree.fromstring(curves.reliability(found))
    there = [each for each in found.bins if each.good.whole]
    assert len(of(svg, "dot")) == len(of(svg, "interval")) == len(of(svg, "count")) == len(there)
    assert not [part for part in svg.iter() if "style" in part.attrib]
    for part in of(svg, "dot"):
        assert curves.LEFT <= float(part.attrib["cx"]) <= curves.RIGHT
        assert curves.TOP <= float(part.attrib["cy"]) <= curves.BOTTOM
    for part in of(svg, "count"):
        assert float(part.attrib["width"]) > 0 and float(part.attrib["height"]) >= 2


@pytest.mark.parametrize(
    ("share", "told"),
    [(None, "–"), (0.0, "0 %"), (0.001, "< 1 %"), (0.054, "5 %"), (0.999, "> 99 %"), (1.0, "100 %")],
)
def test_a_share_is_never_rounded_to_none_or_all(share: float | None, told: str) -> None:
    assert shares.percent(share) == told


def test_a_share_is_told_with_its_whole() -> None:
    assert shares.in_words(Share(part=3, whole=40, share=0.075, low=0.02, high=0.2)) == "3 of 40 (8 %)"
    assert shares.in_words(Share(part=0, whole=0, share=None, low=0.0, high=1.0)) == "nothing known yet"
