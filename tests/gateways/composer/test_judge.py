"""Judging: where a piece lands follows from what can be measured in it."""

import pytest

from chimera.gateways.models.composer.inputs import OpinionInput
from chimera.gateways.models.composer.judge import weigh
from chimera.review.types.opinion import Opinion

FACT = {
    "id": "ct",
    "title": "Certificate Transparency",
    "summary": "In June 2013, RFC 6962 gave web certificates append-only logs that anyone may check.",
}
GOOD = "Look: In June 2013, RFC 6962 gave web certificates append-only logs that anyone may check."


def opinion(*content: str, **more: object) -> Opinion:
    inputs = {
        "goal": "Explain how web certificates are kept honest",
        "strategy": ["Name the RFC and the year."],
        "persona": {"voice_traits": ['opens with "Look:"'], "hashtags": ["#Web"]},
        "facts": [FACT],
    }
    return weigh(OpinionInput.model_validate({**inputs, "content": list(content), **more}))


def test_a_grounded_piece_on_topic_is_approvable() -> None:
    assert opinion(GOOD).score >= 90


def test_counters_and_voice_do_not_count_as_claims() -> None:
    assert opinion(f"1/2 {GOOD}", f"2/2 {GOOD}").score >= 90


@pytest.mark.parametrize("facts", [[], [FACT]])
def test_a_harmless_question_waits_for_a_person(facts: list[dict[str, str]]) -> None:
    found = opinion("What puzzles you most about web certificates? Tell me and I will look it up.", facts=facts)
    assert 70 <= found.score < 90


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Bananas ripen faster when you keep them in a paper bag with an apple.", "Off topic"),
        (
            "In June 1987, RFC 6962 gave web certificates append-only logs that anyone may check.",
            "figure 1987",
        ),
        ("I'm a real person who checks web certificates for a living.", "Dishonest"),
    ],
)
def test_what_must_not_go_out_is_turned_down(text: str, reason: str) -> None:
    found = opinion(text)
    assert found.score < 70
    assert reason in found.reasons[0]


def test_a_near_copy_is_turned_down_and_the_notes_say_how_near() -> None:
    found = opinion(GOOD, earlier=["Something else about old maps and tea.", GOOD + " #Web"])
    assert found.score < 70
    assert "Near copy" in found.reasons[0]
    assert found.regression_notes.startswith("100 % in common")


def test_a_new_piece_is_compared_all_the_same() -> None:
    notes = opinion(GOOD, earlier=["Something else about old maps and tea."]).regression_notes
    assert notes.startswith("0 % in common")
    assert "against 7 on average" in notes


def test_stuffing_and_shouting_cost_points() -> None:
    assert opinion(GOOD + " #a #b #c #d #e").score < opinion(GOOD).score
    assert opinion(GOOD.upper() + "!!!").score < opinion(GOOD).score


def test_a_weakly_grounded_piece_scores_lower_than_a_grounded_one() -> None:
    mixed = opinion(GOOD + " Penguins adore marmalade beside lighthouses.")
    assert mixed.score < opinion(GOOD).score
    assert any("content words" in reason for reason in mixed.reasons)


def test_topics_are_left_to_the_code() -> None:
    assert opinion(GOOD).topics == []
