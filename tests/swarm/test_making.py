"""How planners and workers give a task up: tried again, ended with its cause, or kept while a store is away."""

from datetime import UTC, datetime

import pytest
from tests.swarm.fakes import FakeWork, make_task

from chimera.contracts.errors import Invalid, ModelFailed, NotFound, Unavailable
from chimera.contracts.values import TaskStatus
from chimera.domain.retry import MAX_TRIES
from chimera.swarm.making import Maker

LATER = datetime(2030, 1, 1, tzinfo=UTC)


async def given_up(error: Exception, tries: int) -> FakeWork:
    work = FakeWork()
    await Maker(work).give_up(make_task().model_copy(update={"tries": tries}), error, LATER)
    return work


async def test_a_failure_is_tried_again_later() -> None:
    assert (await given_up(ModelFailed("rubbish"), 1)).postponed == [("rubbish", LATER)]


async def test_after_its_last_try_it_is_a_dead_letter_with_its_cause() -> None:
    work = await given_up(ModelFailed("rubbish"), MAX_TRIES)
    assert work.buried == [(TaskStatus.DEAD_LETTER, "rubbish")]
    assert work.postponed == []


@pytest.mark.parametrize("error", [Invalid("it cannot be"), NotFound("it is not there")])
async def test_what_cannot_be_is_not_tried_twice(error: Exception) -> None:
    assert (await given_up(error, 1)).buried == [(TaskStatus.FAILED, str(error))]


async def test_a_store_that_is_away_never_makes_a_dead_letter() -> None:
    work = await given_up(Unavailable("Redis is away"), MAX_TRIES + 3)
    assert work.buried == []
    assert work.postponed == [("Redis is away", LATER)]
