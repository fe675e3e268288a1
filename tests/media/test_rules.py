"""Our wish as the arguments of somebody's tool, and what of a post goes into its picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from chimera.media.rules import caption, filled, scenes

WISH: dict[str, JsonValue] = {"kind": "card", "title": "Old light", "text": "It costs $5.", "seed": 7, "tier": "hero"}


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("$seed", 7),
        ("$title", "Old light"),
        ("$kind of $title, seed $seed", "card of Old light, seed 7"),
        ("${title}s", "Old lights"),
        ("fixed", "fixed"),
        ("$$seed", "$seed"),
        ("for $9 only", "for $9 only"),
        ("$nothing", "$nothing"),
        ("a $nothing", "a $nothing"),
        ("", ""),
        (3, 3),
        (True, True),
        (None, None),
        (["$seed", {"deep": "$title"}], [7, {"deep": "Old light"}]),
        ({"$seed": "$text"}, {"$seed": "It costs $5."}),
    ],
)
def test_a_part_of_the_wish_takes_its_place(value: JsonValue, becomes: JsonValue) -> None:
    assert filled({"argument": value}, WISH) == {"argument": becomes}


def test_a_value_that_is_a_number_stays_one_and_what_is_wished_is_not_filled_again() -> None:
    seed = filled({"seed": "$seed"}, WISH)["seed"]
    assert isinstance(seed, int)
    assert filled({"prompt": "$text", "more": "say: $text"}, {"text": "$seed $$"}) == {
        "prompt": "$seed $$",
        "more": "say: $seed $$",
    }


def test_the_generator_as_it_is_configured_is_left_as_it_was() -> None:
    arguments: dict[str, JsonValue] = {"a": ["$seed"], "b": {"c": "$title"}}
    filled(arguments, WISH)
    assert arguments == {"a": ["$seed"], "b": {"c": "$title"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Old light is old.", "Old light is old."),
        ("1/3 Old light is old. #stars @nova https://example.com/a?b#c", "Old light is old."),
        ("#stars", ""),
        ("", ""),
        ("Look\n\nup.  Now!", "Look up. Now!"),
        ("a" * 200 + ". " + "b" * 200 + ".", "a" * 200 + "."),
        ("One. " + "b" * 300, "One."),
        ("c" * 300, "c" * 240),
    ],
)
def test_a_picture_says_the_first_sentences_in_plain_words(text: str, said: str) -> None:
    assert caption(text) == said


@given(st.text(max_size=600), st.integers(1, 300))
def test_a_caption_is_never_too_long_and_never_dressed(text: str, most: int) -> None:
    said = caption(text, most)
    assert len(said) <= most
    assert said == said.strip() or len(said) == most
    assert "://x" not in caption(f"{text} see://x", most)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("One. Two. Three. Four. Five. #tag https://x.example/y", ["One. Two.", "Three. Four. Five."]),
        ("All in one", ["All in one"]),
        ("#only @tags", []),
    ],
)
def test_a_post_is_told_in_turns_of_like_length(text: str, told: list[str]) -> None:
    assert scenes(text, 2 if "Five" in text else 6) == told


@given(st.text(max_size=2_000), st.integers(1, 6))
def test_scenes_are_few_and_leave_no_sentence_out(text: str, most: int) -> None:
    told = scenes(text, most, 10_000)
    assert len(told) <= most
    assert " ".join(told) == caption(text, 10_000)
