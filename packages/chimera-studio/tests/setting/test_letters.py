"""What of a text is written: whole emoji, no controls, and nothing that would show an empty box."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.setting.fonts import drawable
from chimera_studio.setting.letters import (
    Emoji,
    clean,
    emoji_at,
    emoji_drawing,
    letters_of,
    runs_both_ways,
    runs_from_right,
    written,
)


@pytest.mark.parametrize("emoji", ["🔥", "👩‍🚀", "👍🏽", "🇵🇹", "7️⃣", "❤️", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "☕", "✨", "🫶"])
def test_an_emoji_is_one_drawing(emoji: str) -> None:
    assert emoji_at(emoji, 0) == len(emoji)
    (piece,) = written(emoji).pieces
    assert isinstance(piece, Emoji)
    assert "<path" in emoji_drawing(piece.name) or "<circle" in emoji_drawing(piece.name)


@pytest.mark.parametrize("plain", ["7", "#", "©", "™", "a", "✓", "☕\ufe0e"])
def test_what_is_text_stays_text(plain: str) -> None:
    assert emoji_at(plain, 0) == 0


def test_a_character_without_a_glyph_is_left_out_and_counted() -> None:
    found = written("a\U00013000b")
    assert (found.pieces, found.missing) == (("ab",), 1)


def test_marks_stay_with_their_letters() -> None:
    assert written("é̂").pieces == ("é̂",)
    assert written("\U00013000\u0302a").pieces in (("a",), ("\u0302a",))


def test_clean_keeps_what_is_read_and_drops_controls() -> None:
    assert clean("a\x00b\u202ec\r\nd\te\ufeff\u2067\u200f") == "abc\nd e"
    assert clean("e\u0301") == "é"


def test_the_first_strong_character_says_which_way_a_text_runs() -> None:
    assert runs_from_right("(2026) שלום hello")
    assert not runs_from_right("hello שלום")
    assert not runs_from_right("2026")


def test_a_line_of_both_ways_is_noticed() -> None:
    assert runs_both_ways("שלום hello")
    assert runs_both_ways("שלום 7")
    assert not runs_both_ways("שלום, לכולם!")


@given(st.text(max_size=60))
def test_everything_kept_can_be_drawn_and_nothing_is_kept_twice(text: str) -> None:
    found = written(text)
    assert letters_of(found.pieces) + found.missing <= len(clean(text))
    for piece in found.pieces:
        if isinstance(piece, str):
            assert all(drawable(letter) or letter in "\n\u200b\u200c\u200d" for letter in piece)
