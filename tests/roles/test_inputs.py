"""What all prompts share: how a persona is shown, and where seeds come from."""

import pytest
from pydantic import JsonValue
from tests.roles.fakes import make_setting

from chimera.roles.inputs import seed_of, texts, voice


def test_the_same_wish_has_the_same_seed_and_another_one_another() -> None:
    assert seed_of("goal", 1) == seed_of("goal", 1)
    assert len({seed_of("goal", 1), seed_of("goal", 2), seed_of("goal1"), seed_of("goal", "1", "")}) == 4


def test_a_seed_fits_into_31_bits_as_providers_want_it() -> None:
    assert all(0 <= seed_of(number) < 2**31 for number in range(500))


def test_the_voice_shows_the_persona_and_a_bounded_backstory() -> None:
    setting = make_setting()
    long = setting.model_copy(update={"persona": setting.persona.model_copy(update={"body": "x" * 9_000})})
    shown = voice(long)
    assert shown["name"] == "Nora"
    assert shown["voice_traits"] == ["calm"]
    assert len(str(shown["backstory"])) == 4_000


@pytest.mark.parametrize(("given", "found"), [(["a", 1, "b", None], ["a", "b"]), ("a", []), (None, []), ({"a": 1}, [])])
def test_texts_are_found_in_a_list_and_nowhere_else(given: JsonValue, found: list[str]) -> None:
    assert texts(given) == found
