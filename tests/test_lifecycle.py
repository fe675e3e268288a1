"""One table says which state may follow which, and every state in it can be reached and left."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from chimera import lifecycle
from chimera.values import CampaignStatus, EffectStatus, Stage, TaskKind, TaskStatus

TABLES = [
    (lifecycle.TASK_MOVES, {TaskStatus.PENDING, TaskStatus.QUEUED}),
    (lifecycle.EFFECT_MOVES, {EffectStatus.AUTHORISED}),
    (lifecycle.CAMPAIGN_MOVES, {CampaignStatus.DRAFT}),
]
Moves = Mapping[StrEnum, frozenset[StrEnum]]


def reachable(moves: Moves, start: set[StrEnum]) -> set[StrEnum]:
    found, edge = set(start), set(start)
    while edge:
        edge = set().union(*(moves[state] for state in edge)) - found
        found |= edge
    return found


@pytest.mark.parametrize(("moves", "start"), TABLES, ids=["task", "effect", "campaign"])
def test_every_state_is_in_the_table_and_can_be_reached(moves: Moves, start: set[StrEnum]) -> None:
    assert set(moves) == set(type(next(iter(moves))))
    assert reachable(moves, start) == set(moves)


@pytest.mark.parametrize(("moves", "start"), TABLES, ids=["task", "effect", "campaign"])
def test_an_end_can_be_reached_from_every_state(moves: Moves, start: set[StrEnum]) -> None:
    ends = {state for state, following in moves.items() if not following}
    assert ends
    assert all(reachable(moves, {state}) & ends for state in moves)


def test_resting_states_are_the_ones_without_moves_and_the_dead_letter() -> None:
    over = {"completed", "rejected", "failed", "stale", "cancelled", "dead_letter"}
    assert {state.value for state in lifecycle.TASK_OVER} == over
    assert {state.value for state in lifecycle.EFFECT_OVER} == {"done", "failed", "reconciled"}


def test_only_a_dead_letter_comes_back_from_rest() -> None:
    revived = {state for state in lifecycle.TASK_OVER if lifecycle.TASK_MOVES[state]}
    assert revived == {TaskStatus.DEAD_LETTER}
    assert lifecycle.TASK_MOVES[TaskStatus.DEAD_LETTER] == {TaskStatus.QUEUED, TaskStatus.CANCELLED}


def test_guards_name_the_states_from_which_a_state_may_be_entered() -> None:
    assert lifecycle.before(TaskStatus.REJECTED) == ["in_review"]
    assert lifecycle.before(TaskStatus.IN_PROGRESS) == ["in_progress", "queued"]
    assert lifecycle.effect_before(EffectStatus.DONE) == ["executing"]
    assert lifecycle.effect_before(EffectStatus.RECONCILED) == ["unknown"]
    assert lifecycle.campaign_before(CampaignStatus.PLANNED) == ["planning"]


def test_nothing_is_completed_without_work_and_no_piece_without_review() -> None:
    assert lifecycle.before(TaskStatus.COMPLETED) == ["in_progress", "in_review"]
    assert lifecycle.before(TaskStatus.AWAITING_APPROVAL) == ["in_review"]


def test_an_effect_in_doubt_is_never_simply_done() -> None:
    assert EffectStatus.DONE not in lifecycle.EFFECT_MOVES[EffectStatus.UNKNOWN]
    assert EffectStatus.EXECUTING not in lifecycle.EFFECT_MOVES[EffectStatus.UNKNOWN]


@pytest.mark.parametrize(
    ("kind", "status", "stage"),
    [
        (TaskKind.PLAN, TaskStatus.QUEUED, Stage.PLAN),
        (TaskKind.REVISE, TaskStatus.QUEUED, Stage.PLAN),
        (TaskKind.CREATE, TaskStatus.QUEUED, Stage.WORK),
        (TaskKind.SPEND, TaskStatus.QUEUED, Stage.WORK),
        (TaskKind.CREATE, TaskStatus.IN_REVIEW, Stage.JUDGE),
        (TaskKind.SPEND, TaskStatus.IN_REVIEW, Stage.JUDGE),
    ],
)
def test_a_task_stands_in_the_queue_of_its_trade(kind: TaskKind, status: TaskStatus, stage: Stage) -> None:
    assert lifecycle.stage_of(kind, status) is stage


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - {TaskStatus.QUEUED, TaskStatus.IN_REVIEW}))
def test_a_task_that_nobody_has_to_take_stands_in_no_queue(status: TaskStatus) -> None:
    assert {lifecycle.stage_of(kind, status) for kind in TaskKind} == {None}
