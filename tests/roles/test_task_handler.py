"""How planners and workers give a task up: tried again, ended with its cause, or kept while a store is away."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.roles.fakes import FakeWork, make_task

from chimera.errors import ModelFailed, ToolFailed, Unavailable
from chimera.retry import MAX_TRIES, MAX_WAITS
from chimera.roles.task_handler import TaskHandler
from chimera.values import TaskKind, TaskStatus
from chimera_protocol.errors import Invalid, NotFound

LATER = datetime(2030, 1, 1, tzinfo=UTC)


async def given_up(error: Exception, tries: int, kind: TaskKind = TaskKind.CREATE) -> FakeWork:
    work = FakeWork()
    await TaskHandler(work).on_failure(make_task().model_copy(update={"tries": tries, "kind": kind}), error, LATER)
    return work


async def test_a_failure_is_tried_again_later() -> None:
    assert (await given_up(ModelFailed("rubbish"), 1)).postponed == [("rubbish", LATER)]


@pytest.mark.parametrize("kind", [TaskKind.PLAN, TaskKind.REVISE, TaskKind.SPEND])
async def test_after_its_last_try_it_is_a_dead_letter_with_its_cause(kind: TaskKind) -> None:
    work = await given_up(ModelFailed("rubbish"), MAX_TRIES, kind)
    assert work.buried == [(TaskStatus.DEAD_LETTER, "rubbish")]
    assert work.postponed == []


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ModelFailed("rubbish"), MAX_TRIES),
        (ToolFailed("unknown_post", uncertain=False, permanent=True), 1),
        (ToolFailed("its breaker is open", uncertain=False, away=True, pause=1), MAX_WAITS),
    ],
)
async def test_a_piece_that_cannot_be_made_so_goes_back_to_the_planner(error: Exception, tries: int) -> None:
    work = await given_up(error, tries)
    assert work.replanned == [str(error)]
    assert work.buried == work.postponed == []


async def test_a_server_that_asks_for_patience_is_given_it() -> None:
    soon = datetime.now(UTC)
    busy = ToolFailed("429", uncertain=False, away=True, pause=3600)
    work = FakeWork()
    await TaskHandler(work).on_failure(make_task().model_copy(update={"tries": MAX_TRIES}), busy, soon)
    ((cause, until),) = work.postponed
    assert cause == "429"
    assert until >= soon + timedelta(seconds=3600)


@pytest.mark.parametrize("error", [Invalid("it cannot be"), NotFound("it is not there")])
async def test_what_cannot_be_is_not_tried_twice(error: Exception) -> None:
    assert (await given_up(error, 1)).buried == [(TaskStatus.FAILED, str(error))]


async def test_a_store_that_is_away_never_makes_a_dead_letter() -> None:
    work = await given_up(Unavailable("Redis is away"), MAX_TRIES + 3)
    assert work.buried == []
    assert work.postponed == [("Redis is away", LATER)]
