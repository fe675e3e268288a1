"""What the Judge checks in code, and how a score becomes a decision (JDG-1..3)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.gateways.mcp.types import Platform
from chimera.personas.types.policy import Policy, ScoreBounds
from chimera.review.rules import judging
from chimera.tasks import rules
from chimera.tasks.types.work import Artifact, Constraints, ExecutionResult, JudgeEvaluation, ResultMetadata
from chimera.values import Decision

LABELLED = Platform(ai_label="ai_label")
SHORT = Platform(ai_label="ai_label", max_length=280)


def text(content: str) -> Artifact:
    return Artifact(type="text", content=content)


def breaches(
    artifact: Artifact, *, words: int | None = None, platform: Platform = LABELLED, **lists: list[str]
) -> list[str]:
    constraints = Constraints(max_word_count=words, prohibited_keywords=lists.get("prohibited", []))
    return judging.breaches(artifact, constraints, Policy(forbidden_keywords=lists.get("forbidden", [])), platform)


def test_a_piece_within_all_rules_breaks_none() -> None:
    assert breaches(text("Look up tonight."), words=3, prohibited=["war"], forbidden=["cure"], platform=SHORT) == []


def test_words_are_counted_over_all_posts_of_a_thread() -> None:
    thread = Artifact(type="thread", content=["one two", "three four"])
    assert breaches(thread, words=4) == []
    assert breaches(thread, words=3) == ["4 words, at most 3 are allowed"]


def test_keywords_of_the_task_and_of_the_fleet_are_both_prohibited() -> None:
    found = breaches(text("A miracle cure for politics"), prohibited=["politics"], forbidden=["miracle cure"])
    assert found == ["prohibited keyword: miracle cure", "prohibited keyword: politics"]


def test_a_keyword_in_any_post_of_a_thread_is_found() -> None:
    assert breaches(Artifact(type="thread", content=["fine", "War!"]), prohibited=["war"])


def test_every_post_is_measured_against_the_platform() -> None:
    thread = Artifact(type="thread", content=["a" * 280, "a" * 281])
    assert breaches(thread, platform=SHORT) == ["post 2 has 281 weighted characters, the platform takes 280"]
    assert breaches(thread) == []


@pytest.mark.parametrize("said", ["Look up. AI-made", "ai-made: look up"])
def test_without_a_label_of_the_platforms_own_the_text_says_who_made_it(said: str) -> None:
    assert breaches(text("Look up."), platform=Platform()) == [
        "the platform has no AI label, and the text does not say 'AI-made'"
    ]
    assert breaches(text(said), platform=Platform()) == []


def test_a_transaction_has_no_length() -> None:
    assert breaches(Artifact(type="transaction", content="a" * 500), platform=SHORT) == []


@pytest.mark.parametrize(
    ("said", "phrase", "found"),
    [
        ("software", "war", False),
        ("the war ended", "war", True),
        ("WAR.", "war", True),
        ("war", "War", True),
        ("warm", "war", False),
        ("post-war", "war", True),
        ("C++ is fast", "c++", True),
        ("#AI now", "#ai", True),
        ("prime minister's", "prime minister", True),
        ("Straße", "straße", True),
        ("anything", "a.y", False),
    ],
)
def test_a_phrase_is_found_as_words_of_its_own(said: str, phrase: str, found: bool) -> None:
    assert rules.mentions(said, phrase) is found


@pytest.mark.parametrize("said", ["the prime\nminister", "the prime  minister", "the prime\u00a0minister"])
def test_a_phrase_is_found_across_a_line_break_or_a_wide_space(said: str) -> None:
    assert rules.mentions(said, "prime minister")


@pytest.mark.parametrize("phrase", [" ", "\t", " \n "])
def test_a_blank_phrase_is_in_no_text(phrase: str) -> None:
    assert not rules.mentions("Look up tonight.", phrase)


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_any_phrase_can_be_looked_for_in_any_text(said: str, phrase: str) -> None:
    assert rules.mentions(said, phrase) in (True, False)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", 0),
        ("🚀", 0),
        ("don't re-use", 2),
        ("one,two", 2),
        ("3.5 stars", 2),
        ("a — b", 2),
        ("#AI #Tech", 2),
    ],
)
def test_words_are_counted_as_people_count_them(said: str, words: int) -> None:
    assert rules.count_words(said) == words


def test_sensitive_topics_are_named_once_and_in_order() -> None:
    topics = {"politics": ["election", "senator"], "health": ["vaccine"], "law": ["lawsuit"]}
    said = "The senator lost the Election over a vaccine."
    assert judging.sensitive(said, topics) == ["health", "politics"]
    assert judging.sensitive("Look up.", topics) == []


@pytest.mark.parametrize(
    ("score", "topics", "decision"),
    [
        (1.0, [], Decision.APPROVE),
        (0.90, [], Decision.APPROVE),
        (0.8999, [], Decision.ESCALATE),
        (0.70, [], Decision.ESCALATE),
        (0.6999, [], Decision.REJECT),
        (0.0, [], Decision.REJECT),
        (1.0, ["health"], Decision.ESCALATE),
        (0.90, ["health"], Decision.ESCALATE),
        (0.6999, ["health"], Decision.REJECT),
    ],
)
def test_a_score_becomes_a_decision_by_the_three_tiers(score: float, topics: list[str], decision: Decision) -> None:
    assert judging.decide(score, topics=topics, bounds=ScoreBounds()) is decision


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_sensitive_piece_is_never_approved_whatever_the_bounds(score: float, one: float, other: float) -> None:
    bounds = ScoreBounds(review=min(one, other), approve=max(one, other))
    assert judging.decide(score, topics=["law"], bounds=bounds) is not Decision.APPROVE


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("é", 1),
        ("漢字", 4),
        ("🚀", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("https://example.com/a/very/long/path/that/goes/on/and/on/for/ever", 23),
        ("see https://example.com now", 31),
        ("a" * 280, 280),
        ("漢" * 140, 280),
    ],
)
def test_length_is_weighed_as_the_platform_does(said: str, length: int) -> None:
    assert rules.weighted_length(said) == length


@pytest.mark.parametrize(
    "said",
    [
        "a." * 10_000_000,
        "http://" * 100_000,
        "a.co/" * 300,
        "@" * 100_000,
        "a." * 279,
        "x.co " * 280,
        "1.2.3." * 90,
    ],
    ids=["dots", "links", "many links", "mentions", "most dots", "most links", "numbers"],
)
def test_a_hostile_text_is_measured_in_bounded_time(said: str) -> None:
    begun = time.process_time()
    assert rules.weighted_length(said) > 280
    assert time.process_time() - begun < 3


def test_a_worker_may_not_judge_itself() -> None:
    made = ExecutionResult(
        execution_id="e",
        status="completed",
        artifact=text("Hello"),
        metadata=ResultMetadata(compute_duration_ms=1, model_used="composer"),
        self_assessment_score=0.9,
    )
    assert rules.claimable(made) is None
    own = made.model_copy(update={"judge_evaluation": JudgeEvaluation(score=1.0, decision=Decision.APPROVE)})
    assert "the Judge alone evaluates" in (rules.claimable(own) or "")
