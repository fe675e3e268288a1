"""The honesty directive: who asks is told, and nobody claims to be human, in whatever words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.review.rules import honesty

ADMISSION = "I am an AI."


@pytest.mark.parametrize(
    "text",
    [
        "Are you a bot?",
        "hey @nora are you an AI or what",
        "r u human?",
        "Wait, are you actually a real person?",
        "Is this account run by a bot?",
        "is @nora a robot",
        "Am I talking to a machine here?",
        "bot or human?",
        "You are a bot, right?",
        "Did an AI write this?",
        "Written by a human?",
        "Are you ChatGPT?",
        "Bist du ein Mensch?",
        "Sind Sie eine KI?",
        "Tu es un robot ?",
        "¿Eres humana?",
        "Sei un robot?",
        "Você é um robô?",
    ],
)
def test_the_question_is_heard_in_many_forms(text: str) -> None:
    assert honesty.asked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Which telescope should I buy?",
        "Are you going to write about comets?",
        "I built a robot that waters plants.",
        "Is this comet visible tonight?",
        "The machine learning paper is out.",
        "You write so well!",
        "",
    ],
)
def test_other_questions_are_not_taken_for_it(text: str) -> None:
    assert not honesty.asked(text)


@pytest.mark.parametrize(
    "text",
    [
        "I am a human being like you.",
        "I'm just a real person with a telescope.",
        "I'm not a bot!",
        "As a human, I look up often.",
        "No bots here.",
        "Ich bin kein Roboter.",
        "Je ne suis pas un robot",
        "No soy un bot",
    ],
)
def test_a_claim_to_be_human_is_seen(text: str) -> None:
    assert honesty.claims_humanity(text)
    assert not honesty.admits(text)


@pytest.mark.parametrize(
    "text", ["Humans have looked up for ages.", "I am not a fan of bots.", "I am an AI, not a human."]
)
def test_speaking_of_humans_is_no_claim_to_be_one(text: str) -> None:
    assert not honesty.claims_humanity(text)


@pytest.mark.parametrize(
    "text",
    ["I am an AI.", "Yes, I'm an AI persona.", "Yep, a bot!", "This is an artificial persona.", "Ich bin eine KI."],
)
def test_a_plain_word_counts_as_an_admission(text: str) -> None:
    assert honesty.admits(text)


@given(st.text(max_size=300))
def test_whatever_was_written_the_reply_admits_it(text: str) -> None:
    assert honesty.admits(honesty.answered(text, ADMISSION))


def test_what_admits_it_already_is_left_alone_and_a_denial_is_dropped() -> None:
    assert honesty.answered("Yes, I am an AI. Look up!", ADMISSION) == "Yes, I am an AI. Look up!"
    assert honesty.answered("I'm not a bot, silly.", ADMISSION) == ADMISSION
    assert honesty.answered("Look up!", ADMISSION) == "I am an AI. Look up!"
