"""Calibration against brute force over single pieces, against known values, and against what it promises."""

import random
from math import isclose, sqrt
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.personas.types.policy import ScoreBounds
from chimera.review.rules.calibration import BINS, calibrate, place, wilson
from chimera.review.types.quality import LabelledScore

BOUNDS = ScoreBounds()
Z = NormalDist().inv_cdf(0.975)
HEARD = st.builds(
    LabelledScore,
    score=st.one_of(st.integers(0, 100).map(lambda points: points / 100), st.floats(0, 1)),
    good=st.booleans(),
    count=st.integers(1, 40),
    sampled=st.booleans(),
)


def singly(heard: list[LabelledScore]) -> list[LabelledScore]:
    """The same, one by one."""
    return [LabelledScore(each.score, each.good, 1, each.sampled) for each in heard for _ in range(each.count)]


@given(st.lists(HEARD, min_size=1, max_size=60), st.sampled_from([10, 20]))
def test_the_figures_are_those_of_brute_force(heard: list[LabelledScore], bins: int) -> None:
    found, pieces = calibrate(heard, BOUNDS, bins), singly(heard)
    assert found.brier == pytest.approx(fmean((each.score - each.good) ** 2 for each in pieces))
    assert found.mean_score == pytest.approx(fmean(each.score for each in pieces))
    wrong = 0.0
    for number, one in enumerate(found.bins):
        inside = [each for each in pieces if place(each.score, bins) == number]
        assert (one.low, one.high) == (number / bins, (number + 1) / bins)
        assert (one.good.part, one.good.whole) == (sum(each.good for each in inside), len(inside))
        if inside:
            assert one.mean_score == pytest.approx(fmean(each.score for each in inside))
            off = fmean(each.good for each in inside) - fmean(each.score for each in inside)
            wrong += abs(off) * len(inside) / len(pieces)
    assert found.expected_error == pytest.approx(wrong)


@given(st.lists(HEARD, max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_the_bounds_would_have_let_through_what_brute_force_counts(
    heard: list[LabelledScore], one: float, two: float
) -> None:
    bounds = ScoreBounds(review=min(one, two), approve=max(one, two))
    found, pieces = calibrate(heard, bounds), singly(heard)
    bad, good = [each for each in pieces if not each.good], [each for each in pieces if each.good]
    assert found.false_approvals.part == sum(each.score >= bounds.approve for each in bad)
    assert found.false_rejections.part == sum(each.score < bounds.review for each in good)
    assert (found.false_approvals.whole, found.false_rejections.whole) == (len(bad), len(good))
    assert found.audits.whole == sum(each.sampled for each in pieces)
    assert found.audits.part == sum(each.sampled and each.good for each in pieces)
    assert found.good.part == len(good)


@given(st.lists(HEARD, max_size=60))
def test_counted_or_one_by_one_and_in_any_order_it_is_the_same(heard: list[LabelledScore]) -> None:
    shuffled = singly(heard)
    random.Random(7).shuffle(shuffled)
    one, other = calibrate(heard, BOUNDS), calibrate(shuffled, BOUNDS)
    assert [each.good for each in one.bins] == [each.good for each in other.bins]
    for name in ("brier", "expected_error", "mean_score"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_a_perfectly_calibrated_judge_has_no_error() -> None:
    heard = [LabelledScore(points / 100, good, count)
             for points in range(101)
             for good, count in ((True, points), (False, 100 - points)) if count]  # fmt: skip
    found = calibrate(heard, BOUNDS)
    assert found.expected_error == pytest.approx(0, abs=1e-12)
    assert found.brier == pytest.approx(fmean(points / 100 * (1 - points / 100) for points in range(101)))


def test_a_calibrated_stream_comes_near_no_error_and_a_kind_judge_does_not() -> None:
    chance = random.Random(11)
    scores = [chance.randint(50, 100) / 100 for _ in range(20_000)]
    honest = [LabelledScore(score, chance.random() < score) for score in scores]
    kind = [LabelledScore(score, chance.random() < score - 0.3) for score in scores]
    assert (calibrate(honest, BOUNDS).expected_error or 1) < 0.02
    assert calibrate(kind, BOUNDS).expected_error == pytest.approx(0.3, abs=0.02)


def test_a_judge_that_is_always_sure_and_wrong_is_as_bad_as_can_be() -> None:
    found = calibrate([LabelledScore(1.0, good=False, count=3), LabelledScore(0.0, good=True, count=2)], BOUNDS)
    assert (found.brier, found.expected_error) == (1.0, 1.0)
    assert (found.false_approvals.share, found.false_rejections.share) == (1.0, 1.0)


def test_of_nothing_nothing_is_known() -> None:
    found = calibrate([], BOUNDS)
    assert (found.brier, found.expected_error, found.mean_score, found.good.share) == (None, None, None, None)
    assert (found.good.low, found.good.high) == (0.0, 1.0)
    assert len(found.bins) == BINS


@pytest.mark.parametrize(
    ("score", "bins", "number"),
    [(0.0, 20, 0), (1.0, 20, 19), (0.7, 20, 14), (0.7, 10, 7), (0.9, 20, 18), (0.29, 100, 29), (0.6999, 20, 13)],
)
def test_an_edge_belongs_to_the_bin_above_it(score: float, bins: int, number: int) -> None:
    assert place(score, bins) == number


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 1, 0.2065, 1.0),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_has_its_known_values(part: int, whole: int, low: float, high: float) -> None:
    """The last three are Newcombe's examples (Statistics in Medicine 17, 1998, table I, method 3)."""
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_wilsons_bounds_are_where_the_normal_test_just_refuses(counts: tuple[int, int]) -> None:
    part, whole = counts
    low, high = wilson(part, whole)
    assert 0 <= low <= part / whole <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            assert isclose(abs(part / whole - bound), Z * sqrt(bound * (1 - bound) / whole), rel_tol=1e-6)
