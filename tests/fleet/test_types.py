"""What is shown when something went wrong keeps its shape on the wire."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from chimera.fleet.types.health import BacklogView, BreakerView, Health
from chimera.ids import new_id
from chimera.review.types.questions import Answered, QuestionView
from chimera.tasks.types.views import DeadLetterView
from chimera.values import Stage
from chimera_protocol.wire import Wire

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LETTER: dict[str, Any] = {
    "task_id": new_id(),
    "execution_id": "run-1",
    "agent_id": new_id(),
    "persona": "Nora",
    "campaign_id": new_id(),
    "campaign": "Look up",
    "goal": "Say it",
    "cause": "rubbish",
    "attempt": 3,
    "replays": 1,
    "lives_left": 2,
    "replayable_at": NOW,
    "buried_at": NOW,
}
QUESTION: dict[str, Any] = {
    "effect_id": new_id(),
    "task_id": new_id(),
    "agent_id": new_id(),
    "persona": "Nora",
    "campaign": "Look up",
    "server": "twitter-mcp",
    "tool": "post_tweet",
    "account": "nora",
    "parts": ["one"],
    "idempotency_key": "chm-1",
    "question": "Is it out?",
    "asked_at": NOW,
}
HEALTH: dict[str, Any] = {
    "healthy": False,
    "problems": ["no living judge"],
    "roles": {"judge": 0},
    "backlog": [BacklogView(stage=Stage.JUDGE, waiting=2, oldest_seconds=61.5)],
    "breakers": [BreakerView(server="twitter-mcp", failures=7)],
}
SHAPES: list[tuple[type[Wire], dict[str, Any]]] = [
    (DeadLetterView, LETTER),
    (QuestionView, QUESTION),
    (Health, HEALTH),
]


@pytest.mark.parametrize(("shape", "told"), SHAPES)
def test_it_comes_back_as_it_was_sent(shape: type[Wire], told: dict[str, Any]) -> None:
    made = shape.model_validate(told)
    assert shape.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(("shape", "told"), SHAPES)
def test_what_is_not_known_is_refused_and_what_is_missing_too(shape: type[Wire], told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        shape.model_validate({**told, "surprise": 1})
    for name in sorted(told.keys() - {"breakers"}):
        with pytest.raises(ValidationError, match=name):
            shape.model_validate({key: value for key, value in told.items() if key != name})


def test_a_dead_letter_that_has_had_all_its_lives_has_no_time_but_says_so() -> None:
    assert DeadLetterView.model_validate({**LETTER, "replayable_at": None}).replayable_at is None


def test_health_without_breakers_has_none() -> None:
    assert Health(healthy=True, problems=[], roles={}, backlog=[]).breakers == []


def test_a_human_has_four_answers() -> None:
    assert [each.value for each in Answered] == ["it_happened", "try_again", "give_up", "look_again"]
