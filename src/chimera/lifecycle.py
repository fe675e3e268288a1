"""Which state may follow which (ORC-12). The stores take their guards from here; there is no second list."""

from collections.abc import Mapping

from chimera.values import CampaignStatus as C
from chimera.values import EffectStatus as E
from chimera.values import Stage, TaskKind
from chimera.values import TaskStatus as T

TASK_MOVES: Mapping[T, frozenset[T]] = {
    T.PENDING: frozenset({T.QUEUED, T.CANCELLED, T.STALE}),
    T.QUEUED: frozenset({T.IN_PROGRESS, T.CANCELLED, T.STALE}),
    # A planning task has no artifact to judge: it completes without review.
    T.IN_PROGRESS: frozenset(
        {T.IN_PROGRESS, T.IN_REVIEW, T.QUEUED, T.COMPLETED, T.FAILED, T.STALE, T.CANCELLED, T.DEAD_LETTER}
    ),
    T.IN_REVIEW: frozenset(
        {T.IN_REVIEW, T.COMPLETED, T.REJECTED, T.AWAITING_APPROVAL, T.STALE, T.CANCELLED, T.DEAD_LETTER}
    ),
    T.AWAITING_APPROVAL: frozenset({T.IN_REVIEW, T.STALE, T.CANCELLED}),
    T.DEAD_LETTER: frozenset({T.QUEUED, T.CANCELLED}),
    T.COMPLETED: frozenset(),
    T.REJECTED: frozenset(),
    T.FAILED: frozenset(),
    T.STALE: frozenset(),
    T.CANCELLED: frozenset(),
}

EFFECT_MOVES: Mapping[E, frozenset[E]] = {
    E.AUTHORISED: frozenset({E.EXECUTING, E.FAILED}),
    E.EXECUTING: frozenset({E.DONE, E.FAILED, E.UNKNOWN, E.AUTHORISED}),
    E.UNKNOWN: frozenset({E.RECONCILED, E.AUTHORISED, E.FAILED, E.UNKNOWN}),
    E.DONE: frozenset(),
    E.FAILED: frozenset(),
    E.RECONCILED: frozenset(),
}

CAMPAIGN_MOVES: Mapping[C, frozenset[C]] = {
    C.DRAFT: frozenset({C.PLANNING, C.CANCELLED}),
    C.PLANNING: frozenset({C.DRAFT, C.PLANNED, C.RUNNING, C.PAUSED, C.CANCELLED}),
    C.PLANNED: frozenset({C.PLANNING, C.RUNNING, C.CANCELLED}),
    C.RUNNING: frozenset({C.PAUSED, C.FINISHED, C.CANCELLED}),
    C.PAUSED: frozenset({C.RUNNING, C.PLANNING, C.CANCELLED}),
    C.FINISHED: frozenset({C.RUNNING}),
    C.CANCELLED: frozenset(),
}

TASK_OVER = frozenset(state for state, following in TASK_MOVES.items() if not following) | {T.DEAD_LETTER}
"""States in which a task rests: nothing more happens by itself."""

EFFECT_OVER = frozenset(state for state, following in EFFECT_MOVES.items() if not following)
"""States in which an effect rests."""


def before(status: T) -> list[str]:
    """The states from which a task may enter `status`: the guard of every write."""
    return sorted(state.value for state, following in TASK_MOVES.items() if status in following)


def effect_before(status: E) -> list[str]:
    """The states from which an effect may enter `status`."""
    return sorted(state.value for state, following in EFFECT_MOVES.items() if status in following)


def campaign_before(status: C) -> list[str]:
    """The states from which a campaign may enter `status`."""
    return sorted(state.value for state, following in CAMPAIGN_MOVES.items() if status in following)


def stage_of(kind: TaskKind, status: T, external: bool = False) -> Stage | None:
    """The queue a task stands in, if any; one for workers outside the swarm waits to be claimed."""
    if status is T.IN_REVIEW:
        return Stage.JUDGE
    if status is not T.QUEUED or external:
        return None
    return Stage.PLAN if kind in (TaskKind.PLAN, TaskKind.REVISE) else Stage.WORK
