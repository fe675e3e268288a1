"""Whether the Judge's scores mean what they say: a score of 0.8 should please humans in 80 of 100 cases (JDG-7)."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import fsum, sqrt
from statistics import NormalDist

from chimera.personas.types.policy import ScoreBounds
from chimera.review.types.quality import Calibration, LabelledScore, ScoreBin, Share

BINS = 20
"""Bins of 0.05: the usual bounds, 0.70 and 0.90, are edges."""

_Z = NormalDist().inv_cdf(0.975)


def calibrate(heard: Sequence[LabelledScore], bounds: ScoreBounds, bins: int = BINS) -> Calibration:
    """Scores against verdicts: the reliability curve, its errors, and what the bounds would have let through."""
    placed: list[list[LabelledScore]] = [[] for _ in range(bins)]
    for each in heard:
        placed[place(each.score, bins)].append(each)
    whole = sum(each.count for each in heard)
    drawn = [_bin(group, number, bins) for number, group in enumerate(placed)]
    return Calibration(
        bounds=bounds,
        bins=drawn,
        good=_share(heard, lambda each: each.good),
        mean_score=_mean(heard, lambda each: each.score),
        brier=_mean(heard, lambda each: (each.score - each.good) ** 2),
        expected_error=_bound(fsum(_gap(each) * each.good.whole / whole for each in drawn)) if whole else None,
        false_approvals=_share([each for each in heard if not each.good], lambda each: each.score >= bounds.approve),
        false_rejections=_share([each for each in heard if each.good], lambda each: each.score < bounds.review),
        audits=_share([each for each in heard if each.sampled], lambda each: each.good),
    )


def place(score: float, bins: int) -> int:
    """The bin of a score: its lower edge belongs to it, and 1 to the last. Exact, so that 0.7 is not below 0.7."""
    return min(bins - 1, int(Decimal(repr(score)) * bins))


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Between which bounds the true share lies with 95 % confidence, given so many of so many (Wilson's interval)."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, _Z**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    reach = _Z / (1 + square / whole) * sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    low = 0.0 if part == 0 else max(0.0, middle - reach)
    return low, 1.0 if part == whole else min(1.0, middle + reach)


def _bin(group: Sequence[LabelledScore], number: int, bins: int) -> ScoreBin:
    return ScoreBin(
        low=number / bins,
        high=(number + 1) / bins,
        mean_score=_mean(group, lambda each: each.score),
        good=_share(group, lambda each: each.good),
    )


def _gap(each: ScoreBin) -> float:
    """How far the humans' share is from what the scores promised."""
    if each.mean_score is None or each.good.share is None:
        return 0.0
    return abs(each.good.share - each.mean_score)


def _share(group: Sequence[LabelledScore], counts: Callable[[LabelledScore], bool]) -> Share:
    part, whole = sum(each.count for each in group if counts(each)), sum(each.count for each in group)
    low, high = wilson(part, whole)
    return Share(part=part, whole=whole, share=part / whole if whole else None, low=low, high=high)


def _mean(group: Sequence[LabelledScore], measure: Callable[[LabelledScore], float]) -> float | None:
    whole = sum(each.count for each in group)
    return _bound(fsum(measure(each) * each.count for each in group) / whole) if whole else None


def _bound(value: float) -> float:
    """Rounding must not carry a mean of scores out of 0 to 1."""
    return min(1.0, max(0.0, value))
