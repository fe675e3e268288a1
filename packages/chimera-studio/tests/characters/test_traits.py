"""One id, one person; another id, another person."""

from chimera_studio.characters.traits import HAIR_STYLES, traits_of


def test_an_id_is_always_the_same_person() -> None:
    assert traits_of("nova") == traits_of("nova")


def test_a_thousand_ids_are_a_thousand_people_and_every_style_is_worn() -> None:
    people = [traits_of(f"person {n}") for n in range(1_000)]
    assert len(set(people)) == 1_000
    assert {person.style for person in people} == set(HAIR_STYLES)
    assert {person.beard for person in people} == {"none", "full", "moustache", "goatee"}
    assert all(person.cloth != person.trim for person in people)


def test_the_person_behind_an_id_does_not_change_between_releases() -> None:
    nova = traits_of("nova")
    assert (nova.style, nova.clothes, nova.skin, nova.head) == ("bald", "shirt", "#9a6240", nova.head)
