"""A storm of kills, restarts, floods, freezes and lies over a working fleet: nothing lost, nothing done twice.

`make chaos SECONDS=300` lets it rage for longer; CHIMERA_CHAOS_SEED brings about a storm again.
"""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.assertions import all_is_true
from tests.chaos.crew import Crew
from tests.chaos.driver import DISASTERS, ROLES, schedule, storm_over, work

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECONDS = float(os.environ.get("CHIMERA_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHIMERA_CHAOS_SEED") or random.randrange(10_000))
TASKS = 200


@pytest.fixture
def state() -> Iterator[Path]:
    """Not a `tmp_path`: for root, the servers' account could not enter that."""
    with tempfile.TemporaryDirectory(prefix="chimera-storm-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


async def test_a_seed_says_what_happens_and_every_kind_of_disaster_is_in_the_shortest_storm() -> None:
    short = schedule(7, 20)
    assert short == schedule(7, 20) != schedule(8, 20)
    assert list(work(7, 20)) == list(work(7, 20)) != list(work(8, 20))
    assert sorted(strike.what for strike in short) == sorted(DISASTERS)
    assert [strike.at for strike in short] == sorted(strike.at for strike in short)
    assert len(schedule(7, 600)) == 30 * len(DISASTERS)


async def test_a_storm_loses_nothing_and_does_nothing_twice(state: Path, crew: Crew) -> None:
    async with storm_over(state, crew, SEED, SECONDS) as storm:
        try:
            await storm.rage()
            found = await all_is_true(storm.fleet, TASKS)
            assert storm.crew.unexpected() == []
            assert found["posts"] >= TASKS * 3 / 4
            assert {hand.role for hand in storm.crew.hands.values() if hand.codes} == set(ROLES)
        except BaseException:
            sys.stdout.write(f"{storm.report()}\n")
            raise
        sys.stdout.write(f"storm of seed {SEED}: at rest after {storm.rested:.1f} s of {SECONDS:g}; {found}\n")
        assert storm.fleet.raw is not None
        await storm.fleet.raw.close()
