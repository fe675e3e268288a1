"""The reliability curve: the Judge's scores against the share of pieces that humans found good, drawn as SVG.

Like the other pictures it carries no style, says in words what it shows, and stands beside a table of its figures.
"""

from math import sqrt

from markupsafe import Markup

from chimera.review.rules.shares import percent
from chimera.review.types.quality import Calibration, ScoreBin

WIDE, HIGH = 640, 400
"""The drawing's size, with its scales."""

LEFT, RIGHT, TOP, BOTTOM = 64, 624, 14, 318
"""Where the field of the curve lies in it."""

_FLOOR = 374
_TALLEST = 34
_DOT = 3.0
_LARGEST = 8.0


def reliability(found: Calibration) -> Markup:
    """The curve with its intervals and bounds; below it, how many pieces it rests on."""
    there = [each for each in found.bins if each.mean_score is not None]
    most = max((each.good.whole for each in there), default=1)
    pieces = [_grid(), _bounds(found)]
    pieces += [_bar(each, most) for each in there]
    pieces += [_interval(each) for each in there]
    if len(there) > 1:
        path = " ".join(f"{_across(each.mean_score)},{_down(each.good.share)}" for each in there)
        pieces.append(Markup('<polyline class="curve" points="{}"/>').format(path))
    pieces += [_dot(each, most) for each in there]
    return Markup(
        '<svg class="reliability" viewBox="0 0 {wide} {high}" role="img" aria-label="{label}">{pieces}</svg>'
    ).format(wide=WIDE, high=HIGH, label=_label(found), pieces=Markup("").join(pieces))


def _label(found: Calibration) -> str:
    if found.expected_error is None:
        return "Reliability curve: no human has said anything about a scored piece yet"
    return (
        f"Reliability curve over {found.good.whole} pieces: on average the share that humans found good"
        f" is {found.expected_error:.2f} away from the Judge's score"
    )


def _across(score: float | None) -> str:
    return f"{LEFT + (score or 0) * (RIGHT - LEFT):.1f}"


def _down(share: float | None) -> str:
    return f"{BOTTOM - (share or 0) * (BOTTOM - TOP):.1f}"


def _grid() -> Markup:
    lines = [
        Markup('<path class="grid" d="M{} {}H{}"/><text class="tick end" x="{}" y="{}">{}</text>').format(
            LEFT, _down(share), RIGHT, LEFT - 8, float(_down(share)) + 4, percent(share)
        )
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    lines += [
        Markup('<text class="tick mid" x="{}" y="{}">{:.1f}</text>').format(_across(score / 10), HIGH - 8, score / 10)
        for score in range(0, 11, 2)
    ]
    lines.append(
        Markup('<path class="even" d="M{} {}L{} {}"/><path class="axis" d="M{} {}H{}"/>').format(
            LEFT, BOTTOM, RIGHT, TOP, LEFT, _FLOOR, RIGHT
        )
    )
    return Markup("").join(lines)


def _bounds(found: Calibration) -> Markup:
    drawn = Markup(
        '<path class="bound {kind}" d="M{x} {top}V{low}"/><text class="tick end" x="{at}" y="{y}">{words}</text>'
    )
    both = (("review", found.bounds.review, "hold"), ("approve", found.bounds.approve, "approve"))
    return Markup("").join(
        drawn.format(
            kind=kind,
            x=_across(score),
            top=TOP,
            low=_FLOOR,
            at=float(_across(score)) - 5,
            y=BOTTOM - 8 - 20 * (kind == "review"),
            words=f"{words} {score:.2f}",
        )
        for kind, score, words in both
    )


def _bar(each: ScoreBin, most: int) -> Markup:
    """How many pieces are in a bin; one is seen beside a thousand."""
    left, right = float(_across(each.low)), float(_across(each.high))
    tall = max(2, round(_TALLEST * each.good.whole / most))
    return Markup('<rect class="count" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
        left + 1, _FLOOR - tall, right - left - 2, tall
    )


def _interval(each: ScoreBin) -> Markup:
    return Markup('<path class="interval" d="M{} {}V{}"/>').format(
        _across(each.mean_score), _down(each.good.low), _down(each.good.high)
    )


def _dot(each: ScoreBin, most: int) -> Markup:
    size = _DOT + (_LARGEST - _DOT) * sqrt(each.good.whole / most)
    return Markup('<circle class="dot" cx="{}" cy="{}" r="{:.1f}"/>').format(
        _across(each.mean_score), _down(each.good.share), size
    )
