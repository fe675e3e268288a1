"""Balance, profit and loss, and how a limit burns down: what the journal adds up to, exact (FIN-7)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from chimera.money.rules.accounts import Kind
from chimera.money.types.books import BookLine, BurnPoint, Outlook, Section, Statement
from chimera_protocol.errors import ChimeraError, Invalid
from chimera_protocol.wire import Wire

EXACT = Context(prec=100)
"""Sums of amounts have more digits than Python's decimals keep by themselves."""

_ZERO = Decimal(0)
_LEAST = timedelta(hours=1)
_FURTHEST = timedelta(days=36_500)
_CREDITS = frozenset({Section.VENDOR, Section.FUNDING, Section.EARLIER, Section.INCOME})
_ASSETS = frozenset({Section.WALLET, Section.CLAIM})


class Unsound(ChimeraError):
    """The books do not add up: nothing that they say may be relied on."""

    title = "Books do not add up"
    remedy = "Stop spending with 'chimera halt tenant' and compare with 'chimera verify budget'."


class Sum(Wire):
    """What the postings of one kind come to, as the journal has them: debits positive."""

    kind: Kind
    head: str
    category: str | None = None
    party: str | None = None
    holder: str | None = None
    currency: str
    opening: Decimal
    movement: Decimal
    closing: Decimal


def period(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """The days that a statement is about: the present month unless something else is named."""
    begin = first or (last or today).replace(day=1)
    end = last or max(today, begin)
    if end < begin:
        raise Invalid(f"a period cannot end on {end} and begin on {begin}", remedy="Swap 'from' and 'to'.")
    if end == date.max:
        raise Invalid("a period has to end before the calendar does")
    return begin, end


def statements(sums: Iterable[Sum]) -> list[Statement]:
    """A statement for each currency. Unsound when opening and movements are not closing, or it does not balance."""
    by_currency: dict[str, list[Sum]] = {}
    for each in sums:
        if EXACT.add(each.opening, each.movement) != each.closing:
            raise Unsound(f"{each.head} {each.currency}: {each.opening} and {each.movement} are not {each.closing}")
        by_currency.setdefault(each.currency, []).append(each)
    return [_statement(currency, by_currency[currency]) for currency in sorted(by_currency)]


def _statement(currency: str, sums: Sequence[Sum]) -> Statement:
    found: dict[tuple[Section, str], BookLine] = {}
    for each in sums:
        section = _section(each)
        if section is None:
            continue
        line = _signed(section, _name(section, each), each)
        known = found.get((section, line.name))
        found[section, line.name] = _add(section, line.name, [known, line]) if known else line
    lines = [line for line in found.values() if line.opening or line.movement or line.closing]
    lines.sort(key=lambda line: ([*Section].index(line.section), line.name))
    pending = [line for line in lines if line.section is Section.PENDING]
    income = [line for line in lines if line.section is Section.INCOME]
    expenses = [line for line in lines if line.section is Section.EXPENSE]
    made = Statement(
        currency=currency,
        lines=[line for line in lines if line.section is not Section.PENDING],
        pending=_add(Section.PENDING, "Pending", pending),
        result=_less(_add(Section.RESULT, "Result", income), _add(Section.RESULT, "Result", expenses)),
    )
    _balance(made)
    return made


def _balance(made: Statement) -> None:
    """What there is has come from somebody: from lenders, from owners, or from the result."""
    there = _add(Section.RESULT, "", made.of(*_ASSETS))
    whence = _add(Section.RESULT, "", [*made.of(Section.VENDOR, Section.FUNDING, Section.EARLIER), made.result])
    if _figures(there) != _figures(whence):
        raise Unsound(f"the {made.currency} books do not balance: {_figures(there)} against {_figures(whence)}")


def _section(each: Sum) -> Section | None:
    """Where a sum stands; what may be spent is the other side of what is pending, and stands nowhere."""
    match each.kind:
        case Kind.ASSET:
            return Section.WALLET if each.head == "wallet" else Section.CLAIM
        case Kind.LIABILITY:
            return Section.VENDOR
        case Kind.INCOME:
            return Section.INCOME
        case Kind.EXPENSE:
            return Section.EXPENSE
        case Kind.EQUITY:
            equity = {"reserved": Section.PENDING, "budget": None, "equity": Section.FUNDING}
            return equity.get(each.head, Section.EARLIER)


def _name(section: Section, each: Sum) -> str:
    match section:
        case Section.WALLET | Section.INCOME:
            return each.holder or "Tenant"
        case Section.CLAIM | Section.VENDOR:
            return each.party or each.head
        case Section.EXPENSE:
            return each.category or each.head
        case Section.FUNDING:
            return "Funding"
        case Section.EARLIER:
            return each.head
        case _:
            return "Pending"


def _signed(section: Section, name: str, each: Sum) -> BookLine:
    line = BookLine(section=section, name=name, opening=each.opening, movement=each.movement, closing=each.closing)
    return _reversed(line) if section in _CREDITS else line


def _reversed(line: BookLine) -> BookLine:
    opening, movement, closing = (_minus(each) for each in _figures(line))
    return BookLine(section=line.section, name=line.name, opening=opening, movement=movement, closing=closing)


def _minus(amount: Decimal) -> Decimal:
    return EXACT.subtract(_ZERO, amount)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _add(section: Section, name: str, lines: Sequence[BookLine]) -> BookLine:
    return BookLine(
        section=section,
        name=name,
        opening=_total(line.opening for line in lines),
        movement=_total(line.movement for line in lines),
        closing=_total(line.closing for line in lines),
    )


def _less(line: BookLine, other: BookLine) -> BookLine:
    return _add(line.section, line.name, [line, _reversed(other)])


def _figures(line: BookLine) -> tuple[Decimal, Decimal, Decimal]:
    return line.opening, line.movement, line.closing


def outlook(
    limit: Decimal, points: Sequence[BurnPoint], since: datetime, now: datetime, until: datetime | None
) -> tuple[Outlook, datetime | None]:
    """When a limit will be used up if all goes on as it has since the span began; no time when it will not be.

    A straight line from nothing at the beginning to what is used now, in whole microseconds. A limit in total has no
    beginning but its first spend, so its first hour says nothing.
    """
    used = points[-1].used if points else _ZERO
    if used >= limit:
        reached = next((point.at for point in points if point.used >= limit), now)
        return Outlook.EXHAUSTED, reached
    elapsed = _micros(now - since)
    if used <= 0 or elapsed <= (0 if until is not None else _micros(_LEAST)):
        return Outlook.UNKNOWN, None
    whole = Fraction(elapsed) * Fraction(limit) / Fraction(used)
    left = int(whole)
    if left > _micros(_FURTHEST):
        return Outlook.HOLDS, None
    at = since.astimezone(UTC) + timedelta(microseconds=left)
    return (Outlook.HOLDS, None) if until is not None and at >= until else (Outlook.RUNS_OUT, at)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
