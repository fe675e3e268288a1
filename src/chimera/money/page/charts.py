"""Pictures of limits: how much is used of one, and how it burns down, drawn as SVG like all pictures of the board."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from markupsafe import Markup

from chimera.board.charts import WIDTH, bar, moment, money, shares
from chimera.money.types.books import BurnDown, Outlook
from chimera.money.types.views import LimitView

FLOOR = 100
"""Where nothing is left on a burn-down, in units from its top."""

_HEAD = 4


def meter(limit: LimitView) -> Markup:
    """How much of a limit is spent and reserved."""
    spent, reserved = shares((limit.spent, limit.reserved), limit.limit_amount)
    used = f"{money(limit.spent)} spent and {money(limit.reserved)} reserved"
    label = f"{used} of {money(limit.limit_amount)} {limit.currency}"
    return bar("meter", label, [("spent", spent), ("reserved", reserved)])


def burndown(burn: BurnDown) -> Markup:
    """What was left of a limit over time, as a staircase down; dashed, how it goes on at this rate."""
    limit, now = burn.limit.limit_amount or Decimal(1), burn.at
    left = max(Decimal(0), limit - (burn.points[-1].used if burn.points else Decimal(0)))
    begin = min([burn.since, *(point.at for point in burn.points)])
    end = burn.until or now + (now - begin) / 3
    if burn.outlook is Outlook.RUNS_OUT and burn.exhausted_at is not None and burn.until is None:
        end = min(max(end, burn.exhausted_at), now + 2 * (now - begin))
    span = max(1, _micros(end - begin))

    def across(at: datetime) -> int:
        return min(WIDTH, max(0, _micros(at - begin) * WIDTH // span))

    def down(amount: Decimal) -> int:
        return FLOOR - int(max(Decimal(0), amount) * (FLOOR - _HEAD) / limit)

    path = [f"M0 {down(limit)}"]
    for point in burn.points:
        path += [f"H{across(point.at)}", f"V{down(limit - point.used)}"]
    path.append(f"H{across(now)}")
    ahead = Markup("")
    if burn.outlook is Outlook.RUNS_OUT and burn.exhausted_at is not None and burn.exhausted_at > now:
        share = Fraction(_micros(min(end, burn.exhausted_at) - now), _micros(burn.exhausted_at - now))
        low = down(left - left * share.numerator / share.denominator)
        ahead = Markup('<path class="ahead" d="M{} {}L{} {}"/>').format(
            across(now), down(left), across(min(end, burn.exhausted_at)), low
        )
    label = f"{burn.name}: {money(left)} of {money(limit)} {burn.limit.currency} left; {forecast(burn)}"
    return Markup(
        '<svg class="burn" viewBox="0 0 {w} {high}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<path class="area" d="{line}V{floor}H0Z"/><path class="line" d="{line}"/>{ahead}'
        '<path class="floor" d="M0 {floor}H{w}"/></svg>'
    ).format(w=WIDTH, high=FLOOR + 2, label=label, line=" ".join(path), floor=FLOOR, ahead=ahead)


def forecast(burn: BurnDown) -> str:
    """What becomes of a limit, in words."""
    match burn.outlook:
        case Outlook.EXHAUSTED:
            return f"used up since {moment(burn.exhausted_at or burn.at)}"
        case Outlook.RUNS_OUT:
            return f"used up by {moment(burn.exhausted_at or burn.at)} at this rate"
        case Outlook.HOLDS:
            return "holds at this rate"
        case Outlook.UNKNOWN:
            return "too early to tell"
        case _:
            assert_never(burn.outlook)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
