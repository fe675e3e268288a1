"""Ids are fresh and sort by the time they were made."""

from chimera.ids import new_id


def test_ids_are_version_seven_and_never_repeat() -> None:
    made = [new_id() for _ in range(1_000)]
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 1_000


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id() for _ in range(1_000)]
    assert made == sorted(made)
