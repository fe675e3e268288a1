"""Contestants and rounds: everyone in turn, several times over, then medians."""

import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.arena import ProgramFailed

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Size:
    """How much is run: a whole bench takes minutes, a quick one shows that all of it works."""

    rounds: int
    hops: int
    single_hops: int
    cycles: int
    peer_cycles: int
    spends: int
    influencers: int
    idle_seconds: float


WHOLE = Size(
    rounds=3, hops=2_000, single_hops=100, cycles=800, peer_cycles=200, spends=4_000, influencers=1_000, idle_seconds=20
)
QUICK = Size(
    rounds=1, hops=400, single_hops=20, cycles=200, peer_cycles=40, spends=800, influencers=1_000, idle_seconds=5
)


@dataclass
class Contestant:
    """One of those that are compared, and what its rounds came to."""

    name: str
    run: Callable[[], Awaitable[Figures]]
    kind: str = "peer"
    """`chimera`, `peer` or `limit`."""
    found: list[Figures] = field(default_factory=list)
    failure: str | None = None

    def median(self, key: str) -> float | None:
        """The median over the rounds; None when it has not been measured."""
        values = [figures[key] for figures in self.found if key in figures]
        return statistics.median(values) if values else None


async def hold(contestants: Sequence[Contestant], rounds: int) -> None:
    """Run everyone in every round; who fails is told of in the results and left out from then on."""
    for number in range(rounds):
        for contestant in contestants:
            if contestant.failure is not None:
                continue
            say(f"  round {number + 1}/{rounds}: {contestant.name}")
            try:
                contestant.found.append(await contestant.run())
            except ProgramFailed as error:
                contestant.failure = str(error)
                say(f"  could not be run: {error}")


def fastest(contestants: Sequence[Contestant], kind: str, key: str) -> Contestant | None:
    """The best of a kind, by the median of `key`."""
    able = [one for one in contestants if one.kind == kind and one.median(key) is not None]
    return max(able, key=lambda one: one.median(key) or 0.0, default=None)


def failures(contestants: Sequence[Contestant]) -> str:
    """Who could not be run, and why: one line each."""
    return "".join(f"\n{one.name} could not be run: {one.failure}\n" for one in contestants if one.failure)


def say(text: str) -> None:
    """Tell who waits how far it is; results go to standard output and to the file."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
