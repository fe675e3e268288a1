"""Characters become glyphs: the right face, joined letters, whole emoji, and nothing that would show an empty box."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.typesetting.shaping import Run, Voice, clean, emoji_at, emoji_drawing, runs_of

VOICE = Voice("text", 440)
TEXTS = [
    "Hello",
    "Straße",
    "Ελληνικά",
    "Кириллица",
    "हिन्दी",
    "שלום",
    "مرحبا",
    "東京",
    "ひらがな",
    "한국어",
    "国國",
    "→✓∑",
    "…“”—",
]


def runs(text: str, level: int = 0) -> tuple[Run, ...]:
    return runs_of(text, (level,) * len(text), VOICE)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("role", ["display", "text", "serif", "mono"])
def test_every_script_has_glyphs_and_none_is_missing(text: str, role: str) -> None:
    found = runs_of(text, (0,) * len(text), Voice(role, 600))
    assert sum(run.missing for run in found) == 0
    assert all(run.glyphs and run.width > 0 for run in found)
    assert "".join(run.text for run in found) == text


def test_arabic_letters_join() -> None:
    joined = runs("بب", 1)[0]
    apart = runs("ب", 1)[0]
    assert {glyph.outline for glyph in joined.glyphs} != {glyph.outline for glyph in apart.glyphs}
    assert joined.width < 2 * apart.width


def test_a_vowel_sign_stays_with_its_letter() -> None:
    assert len(runs("é̂")) == 1


@pytest.mark.parametrize("emoji", ["🔥", "👩‍🚀", "👍🏽", "🇵🇹", "7️⃣", "❤️", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "☕", "✨", "🫶"])
def test_an_emoji_is_one_drawing(emoji: str) -> None:
    assert emoji_at(emoji, 0) == len(emoji)
    (run,) = runs(emoji)
    assert "<path" in emoji_drawing(run.emoji) or "<circle" in emoji_drawing(run.emoji)


@pytest.mark.parametrize("plain", ["7", "#", "©", "™", "a", "✓", "☕\ufe0e"])
def test_what_is_text_stays_text(plain: str) -> None:
    assert emoji_at(plain, 0) == 0


def test_a_character_without_a_glyph_is_counted_and_takes_no_room() -> None:
    (run,) = runs("\U00013000")
    assert (run.missing, run.width, run.glyphs) == (1, 0.0, ())


def test_clean_keeps_what_is_read_and_drops_controls() -> None:
    assert clean("a\x00b\u202ec\r\nd\te\ufeff") == "abc\nd e"
    assert clean("e\u0301") == "é"


@given(st.text(max_size=40))
def test_no_text_breaks_it_and_none_is_lost(text: str) -> None:
    told = clean(text).replace("\n", "")
    found = runs(told)
    assert "".join(run.text for run in found) == told
    assert all(run.width >= 0 or run.level % 2 for run in found)
