"""Right-to-left text: levels by the Unicode algorithm, and lines in the order they are seen."""

import bidi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.typesetting.bidi import base_level, in_sight_order, levels_of, without_marks


def seen(text: str, base: int) -> str:
    return "".join(in_sight_order(text, levels_of(text, base)))


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("abc def", 0, "abc def"),
        ("שלום", 1, "םולש"),
        ("abc שלום def", 0, "abc םולש def"),
        ("שלום 123 עולם", 1, "םלוע 123 םולש"),
        ("שלום abc 12", 1, "abc 12 םולש"),
        ("שלום (hello 1) עולם", 1, "םלוע )hello 1( םולש"),
        ("שלום — Hello (world) שלום", 1, "םולש Hello (world) — םולש"),
        ("a (שלום) b", 0, "a (םולש) b"),
    ],
)
def test_lines_are_seen_as_the_algorithm_says(text: str, base: int, expected: str) -> None:
    assert seen(text, base) == expected


@given(st.text(alphabet="abאב12 .,-", max_size=30))
def test_it_agrees_with_a_second_implementation(text: str) -> None:
    # The library's compiled implementation shares no code with the steps that the studio calls.
    base = base_level(text)
    assert seen(text, base).strip() == bidi.get_display(text, base_dir="R" if base else "L").strip()


@given(st.text(max_size=60))
def test_every_character_has_a_level_and_none_is_lost(text: str) -> None:
    line = without_marks(text).replace("\n", "")
    levels = levels_of(line, base_level(line))
    assert len(levels) == len(line)
    assert sorted(in_sight_order(line, levels)) == sorted(line)


def test_the_first_strong_character_decides() -> None:
    assert base_level("123 שלום abc") == 1
    assert base_level("… abc שלום") == 0
    assert base_level("123") == 0


def test_joiners_go_with_what_they_follow() -> None:
    assert levels_of("ש\u200cל a", 1) == (1, 1, 1, 1, 2)
    assert without_marks("a\u200fb\u2067c\u2069") == "abc"
