"""What limits a policy asks for, and what of a change of limits waits for a second operator (FIN-5)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from chimera.money.rules import budget
from chimera.money.rules.budget import Allowance
from chimera.money.types.limits import Limit
from chimera_protocol.money import plain

COMPUTE_A_DAY = Limit(span="day", amount="50000000 COMPUTE")
"""What a tenant's models may use when its policy says nothing about it, in tokens."""


class Change(NamedTuple):
    """Limits that hold from now on, and whether the rest of what was wanted waits for a second operator."""

    allowance: Allowance
    waits: bool


def allowance(limits: Sequence[Limit]) -> dict[tuple[str, str], Decimal]:
    """Limits of one scope as amounts by span and currency."""
    return {(limit.span, limit.money.currency): limit.money.amount for limit in limits}


def change(before: Allowance, wanted: Sequence[Limit]) -> Change:
    """What of new limits holds at once. The first limits of a scope need nobody's leave."""
    after = allowance(wanted)
    if before and before != allowance([COMPUTE_A_DAY]) and budget.loosens(before, after):
        return Change(budget.tightest(before, after), waits=True)
    return Change(after, waits=False)


def with_compute(limits: Sequence[Limit]) -> list[Limit]:
    """A tenant's limits, with one on its models when it names none."""
    own = list(limits)
    if not any(limit.money.currency == "COMPUTE" for limit in own):
        own.append(COMPUTE_A_DAY)
    return own


def told(allowance: Mapping[tuple[str, str], Decimal]) -> dict[str, str]:
    """Limits in words, for the audit trail."""
    return {f"{currency} by {span}": plain(each) for (span, currency), each in allowance.items()}
