"""What a tenant may wish for, and the plain sums by which a model of its money answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from tests.money.proofs import Slot

from chimera.money.types.authorization import Decided

Allowance = dict[tuple[str, str], Decimal]
"""Limits of one scope, by span and currency."""

SOUL = "---\nid: Nora\nname: Nora\naccount: nora\nvoice_traits: [calm]\ndirectives: [Be kind.]\n---\n# Nora\n"
PLACES = {"USDC": 6, "ETH": 18, "USD": 2, "COMPUTE": 0}
TOPS = {"USDC": 60, "ETH": 2, "USD": 60, "COMPUTE": 60}
SCOPES = ("tenant", "influencer", "campaign", "category", "payee")
CATEGORIES = ("ads", "compute", "gifts")
PAYEES = ("0xA", "0xB")
SPANS = ("transaction", "day", "month", "total")
START = datetime(2031, 1, 30, tzinfo=UTC)
EPOCH = date(1970, 1, 1)
HUGE = [Decimal("12345678901.000000000000000001"), Decimal("99999999999999999999.999999999999999999")]
"""Amounts of ETH that need more digits than Decimal keeps when nobody asks for more."""


@st.composite
def amounts(draw: st.DrawFn, currency: str) -> Decimal:
    """An amount that the currency can have; sometimes one that is hard to add."""
    places = PLACES[currency]
    unit = Decimal(1).scaleb(-places)
    usual = st.decimals(unit, TOPS[currency], places=places)
    small = st.decimals(unit, max(unit, Decimal(TOPS[currency]) / 8), places=places)
    return draw(st.one_of(usual, small, st.sampled_from([*HUGE[:1], unit]) if currency == "ETH" else usual))


@st.composite
def allowances(draw: st.DrawFn) -> Allowance:
    pairs = st.tuples(st.sampled_from(SPANS), st.sampled_from(sorted(PLACES)))
    wanted = draw(st.lists(pairs, unique=True, min_size=draw(st.sampled_from([0, 2, 5])), max_size=8))
    found: Allowance = {}
    for span, currency in wanted:
        top = draw(st.sampled_from([Decimal(TOPS[currency]), *(HUGE[1:] if currency == "ETH" else [])]))
        found[span, currency] = draw(st.one_of(st.just(top), amounts(currency)))
    return found


@dataclass
class Wish:
    """What is asked for, as the model sees it."""

    key: str
    currency: str
    amount: Decimal
    category: str
    payee: str
    by_nora: bool
    valid: int | None


@dataclass
class Transfer:
    """A wish that was answered."""

    wish: Wish
    decided: Decided
    status: str
    at: datetime
    slots: list[Slot] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    expires: datetime | None = None
    paid: Fraction = Fraction(0)
    excess: Fraction = Fraction(0)
    doubted: bool = False

    def falls(self, slot: Slot, zone: ZoneInfo) -> bool:
        """Whether it was granted under this scope, in this currency and span."""
        scope, which, span, currency, start = slot
        alike = (scope, which) in self.keys and self.wish.currency == currency
        return alike and start_of(span, self.at, zone) == start


def start_of(span: str, at: datetime, zone: ZoneInfo) -> date:
    today = at.astimezone(zone).date()
    return {"day": today, "month": today.replace(day=1), "total": EPOCH}[span]


def meanwhile(
    slot: Slot, transfers: Iterable[Transfer], zone: ZoneInfo, reserved: Fraction
) -> tuple[list[Fraction], list[Transfer]]:
    """What a limit has used when it is put in force, and the pending transfers that it did not hold yet."""
    of = [each for each in transfers if each.falls(slot, zone)]
    pending = [each for each in of if each.status == "pending" and slot not in each.slots]
    adopted = sum((Fraction(each.wish.amount) for each in pending), reserved)
    return [adopted, sum((each.paid for each in of), Fraction(0))], pending


def loosened(before: Allowance, after: Allowance) -> bool:
    gone = [key for key in before if key not in after]
    higher = [key for key in before if key in after and after[key] > before[key]]
    new = {currency for _, currency in after} - {currency for _, currency in before}
    return bool(gone or higher or new)


def strict(before: Allowance, after: Allowance) -> Allowance:
    """What of a change may hold before a second operator has seen it."""
    held = {key: amount for key, amount in after.items() if key[1] in {currency for _, currency in before}}
    for key, amount in before.items():
        held[key] = min(amount, held.get(key, amount))
    return held


def metered(paid: Decimal) -> Fraction:
    """What the books keep of a bill: 18 decimals, never less than was taken."""
    return Fraction(ceil(Fraction(paid) * 10**18), 10**18)


def exactly(amount: Decimal, part: str) -> Decimal:
    """A part of an amount, with all its digits."""
    product = Fraction(amount) * Fraction(part)
    digits = product * 10**42
    assert digits.denominator == 1
    return Decimal(f"{digits.numerator}E-42")
