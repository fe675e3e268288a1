"""Inputs are read leniently, and a voice is read from its traits."""

from chimera.gateways.models.composer.inputs import DraftInput, PersonaVoice, Quotable


def test_null_is_as_good_as_absent() -> None:
    told = DraftInput.model_validate({"goal": "g", "topic": None, "facts": None, "earlier": None, "ordinal": None})
    assert (told.topic, told.facts, told.earlier, told.ordinal) == ("", [], [], 1)


def test_the_seeds_length_is_a_number_of_posts() -> None:
    assert DraftInput.model_validate({"goal": "g", "length": "3 tweets"}).length == 3


def test_a_fact_without_summary_says_its_title() -> None:
    assert Quotable(id="1", title="Rust has a release train").sentences == ["Rust has a release train."]


def test_quoted_lines_of_the_traits_are_the_voice() -> None:
    voice = PersonaVoice(['Opens with "Look:" or “Listen:”', 'closes with "That is all."', 'asks "And you?"', "warm"])
    assert voice.openers == ["Look:", "Listen:"]
    assert voice.closers == ["That is all."]
    assert voice.questions == ["And you?"]


def test_a_persona_without_lines_of_its_own_gets_modest_ones() -> None:
    assert PersonaVoice(["dry"]).openers
    assert PersonaVoice(["dry"]).questions == []
    assert PersonaVoice(["curious"]).questions


def test_a_terse_persona_says_less() -> None:
    assert PersonaVoice(["terse"]).most_sentences < PersonaVoice(["warm"]).most_sentences
