"""Cutting text into phrases and laying them out in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.clips.captions import (
    LEAD_MS,
    MAX_WIDTH,
    Caption,
    Part,
    TimingError,
    letters,
    phrases,
    reading_ms,
    schedule,
    speakable,
    width,
)

TALK = "I tried cold brew every morning for a month, and nobody tells you how quiet it gets. Would you?"


def test_a_phrase_ends_with_its_sentence_and_prefers_a_comma() -> None:
    assert phrases(TALK) == [
        "I tried cold brew every morning",
        "for a month, and nobody tells you",
        "how quiet it gets.",
        "Would you?",
    ]


def test_japanese_is_cut_where_it_pauses() -> None:
    assert phrases("今日は朝から市場へ行って、新鮮な魚を買いました。楽しい！") == [
        "今日は朝から市場へ行って、",
        "新鮮な魚を買いました。",
        "楽しい！",
    ]


def test_a_long_word_is_cut_between_letters_that_a_reader_sees() -> None:
    family, flag = "👩‍👩‍👧‍👦", "🇩🇪"
    assert letters(f"é{family}{flag}👍🏽") == ["é", family, flag, "👍🏽"]
    found = phrases(family * 40)
    assert "".join(found) == family * 40
    assert all(phrase.count(family) * len(family) == len(phrase) for phrase in found)


@given(st.text(max_size=300))
def test_phrases_keep_every_letter_in_order_and_fit(text: str) -> None:
    found = phrases(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all((phrase and width(phrase) <= MAX_WIDTH) or len(letters(phrase)) == 1 for phrase in found)


def test_longer_phrases_are_read_longer_and_wide_letters_count_more() -> None:
    assert reading_ms("Hi") == 900
    assert reading_ms("a" * 30) == 350 + 2_000
    assert reading_ms("日本語" * 5) > reading_ms("a" * 15)


def test_what_has_no_letter_is_not_spoken() -> None:
    assert speakable("日本") and speakable("7") and not speakable("👍 — …")


def test_words_take_their_turns_within_the_caption() -> None:
    words = Caption(1_000, 3_000, "so it goes again").words()
    assert [word.text for word in words] == ["so", "it", "goes", "again"]
    assert [word.start_ms for word in words] == [1_000, 1_352, 1_705, 2_294]


def test_a_schedule_is_as_long_as_it_needs() -> None:
    acts = schedule([Part.read(TALK), Part.read("The end.")], None, 3_000, 60_000)
    assert acts[0].start_ms == 0 and acts[0].end_ms == acts[1].start_ms
    assert acts[0].captions[0].start_ms == LEAD_MS
    lengths = [caption.end_ms - caption.start_ms for caption in acts[0].captions]
    assert lengths == [reading_ms(caption.text) for caption in acts[0].captions]
    assert acts[1].end_ms > acts[1].captions[-1].end_ms


def test_a_wanted_length_is_kept_exactly_with_more_or_less_time_to_read() -> None:
    part = Part.read(TALK)
    need = part.words_ms + part.rests_ms
    for wanted in (need - 1_500, need, need + 1_000, need + 20_000):
        act = schedule([part], wanted, 3_000, 60_000)[-1]
        assert act.end_ms == wanted
        assert act.captions[-1].end_ms <= wanted
    assert schedule([part], need - 1_500, 3_000, 60_000)[0].captions[0].end_ms < LEAD_MS + part.lengths_ms[0]


def test_what_is_spoken_is_never_hurried() -> None:
    spoken = Part(("one", "two"), (2_000, 1_000), spoken=True)
    with pytest.raises(TimingError, match="needs 4020 ms at least, not 4000"):
        schedule([spoken], 4_000, 3_000, 60_000)
    act = schedule([spoken], 9_000, 3_000, 60_000)[0]
    assert [(one.start_ms, one.end_ms) for one in act.captions] == [(400, 2_400), (2_520, 3_520)]


def test_too_much_text_is_refused_with_what_it_needs() -> None:
    with pytest.raises(TimingError, match="a clip has 60000 at most"):
        schedule([Part.read(TALK * 20)], None, 3_000, 60_000)
    with pytest.raises(TimingError, match="at least, not 3000"):
        schedule([Part.read(TALK)], 3_000, 3_000, 60_000)


@given(
    st.lists(st.text(st.characters(codec="ascii"), max_size=120), min_size=1, max_size=6),
    st.none() | st.integers(3_000, 60_000),
)
def test_captions_never_overlap_and_lie_in_their_act(texts: list[str], wanted: int | None) -> None:
    try:
        acts = schedule([Part.read(text) for text in texts], wanted, 3_000, 60_000)
    except TimingError:
        return
    assert acts[0].start_ms == 0
    at = 0
    for act in acts:
        assert act.start_ms == at < act.end_ms
        for caption in act.captions:
            assert at <= caption.start_ms < caption.end_ms <= act.end_ms
            at = caption.end_ms
        at = act.end_ms
    assert at == wanted if wanted else at >= 3_000
