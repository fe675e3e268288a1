"""How alike two texts are, and whether a sketch finds what is alike (JDG-6)."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chimera.review.rules.similarity import SKETCH, minhash, shingles, similarity

TEXT = "The light of this star left it long before anybody wrote down what the sky looked like that night"


@pytest.mark.parametrize(
    "other",
    [
        TEXT.upper(),
        f"{TEXT} #astronomy https://example.org/1",
        f"1/3 {TEXT.replace(' ', '  ')}!",
        f"@theo {TEXT}",
    ],
)
def test_dress_does_not_count(other: str) -> None:
    assert similarity([TEXT], [other]) == 1


def test_a_word_more_or_less_leaves_them_alike_and_another_subject_does_not() -> None:
    assert similarity([TEXT], [TEXT.replace("long", "well")]) > 0.6
    assert similarity([TEXT], ["Bread rises because yeast turns sugar into gas while the dough rests"]) == 0


def test_what_has_no_words_is_like_nothing() -> None:
    assert similarity([""], [""]) == similarity(["🙂"], ["🙂"]) == 0
    assert minhash(["#tag https://example.org"]) == []


def test_short_texts_are_compared_whole() -> None:
    assert similarity(["Look up"], ["look UP!"]) == 1
    assert similarity(["Look up"], ["Look down"]) == 0


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4), st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_likeness_is_mutual_and_bounded(one: list[str], other: list[str]) -> None:
    share = similarity(one, other)
    assert 0 <= share <= 1
    assert share == similarity(other, one)
    assert len(minhash(one)) == min(SKETCH, len(shingles(one)))


@given(st.randoms(use_true_random=False), st.integers(20, 60))
def test_what_is_alike_shares_some_of_its_sketch(chance: random.Random, length: int) -> None:
    words = [f"w{chance.randrange(10**6)}" for _ in range(length)]
    changed = list(words)
    changed[chance.randrange(length)] = "other"
    one, other = [" ".join(words)], [" ".join(changed)]
    assume(similarity(one, other) >= 0.7)
    assert set(minhash(one)) & set(minhash(other))
