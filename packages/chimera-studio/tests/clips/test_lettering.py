"""Words on a clip: inside the frame, readable, and the right one marked."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from chimera_studio.clips.encoding import Size
from chimera_studio.clips.frames import Canvas
from chimera_studio.clips.lettering import Inks, Inlay, caption, heading
from chimera_studio.clips.staging import ClipLook
from chimera_studio.palettes import NAMED, contrast

LOOK = ClipLook(Size(720, 1_280), NAMED["midnight"], "mira", 7)
INKS = Inks.of(LOOK, on_picture=False)
TEXTS = [
    "Hi.",
    "I tried cold brew every morning",
    "W" * 34,
    "今日は朝から市場へ行って、新鮮な",
    "مرحبا بكم في قناتي، كيف حالكم؟",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ok",
]


def seen(words: Inlay) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is drawn, in the frame."""
    assert words.layer.alpha is not None
    rows, columns = np.nonzero(words.layer.alpha > 30)
    return words.x + columns.min(), words.y + rows.min(), words.x + columns.max(), words.y + rows.max()


def marked(words: Inlay, of: str) -> NDArray[np.intp]:
    """The columns of the frame in which the mark's colour is seen."""
    red, green, blue = (int(of[at : at + 2], 16) / 255 for at in (1, 3, 5))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    u, v = 128 + 224 * (blue - light) / 1.8556, 128 + 224 * (red - light) / 1.5748
    near = (np.abs(words.layer.u - u) < 5) & (np.abs(words.layer.v - v) < 5)
    return words.x + 2 * np.unique(np.nonzero(near)[1])


@pytest.mark.parametrize("text", TEXTS)
def test_a_caption_stays_within_the_frame_and_above_its_line(text: str) -> None:
    left, top, right, bottom = seen(caption(LOOK, INKS, text, 0, 900, True, "en"))
    assert 40 <= left < right <= 680
    assert 340 < top < bottom <= (900 + 36) * 2 / 3 + 1


def test_each_word_is_marked_in_its_turn_from_left_to_right() -> None:
    places = [
        marked(caption(LOOK, INKS, "so it goes again", turn, 900, False, "en"), INKS.spoken_ground) for turn in range(4)
    ]
    assert all(len(place) for place in places)
    for before, after in itertools.pairwise(places):
        assert before.max() < after.max() and before.min() < after.min()


def test_hebrew_words_are_marked_from_right_to_left() -> None:
    places = [
        marked(caption(LOOK, INKS, "שלום לכולם היום", turn, 900, False, "he"), INKS.spoken_ground) for turn in range(3)
    ]
    assert places[0].min() > places[1].min() > places[2].min()


@pytest.mark.parametrize("text", ["Hi.", "שלום hello לכולם"])
def test_nothing_is_marked_where_a_mark_would_say_nothing(text: str) -> None:
    assert len(marked(caption(LOOK, INKS, text, 0, 900, False, "en"), INKS.spoken_ground)) == 0


@pytest.mark.parametrize("name", sorted(NAMED))
def test_words_can_be_read_in_every_palette(name: str) -> None:
    look = ClipLook(LOOK.size, NAMED[name], "mira", 7)
    for on_picture in (False, True):
        inks = Inks.of(look, on_picture=on_picture)
        assert contrast(inks.words, inks.panel) >= 7
        assert contrast(inks.spoken, inks.spoken_ground) >= 3
        assert contrast(inks.kicker, inks.kicker_ground) >= 3


@pytest.mark.parametrize(
    "title", ["Go", "My calm morning in 3 steps", "Donaudampfschifffahrt " * 6, "صباح الخير", "朝のコーヒー" * 20]
)
def test_a_heading_keeps_to_its_rows(title: str) -> None:
    words = heading(LOOK, INKS, title, "@mira", (210, 700), "en")
    assert words is not None
    left, top, right, bottom = seen(words)
    assert 48 <= left < right <= 672
    assert 210 * 2 / 3 - 1 <= top < bottom <= 700 * 2 / 3 + 1


def test_no_heading_is_no_layer() -> None:
    assert heading(LOOK, INKS, "", "", (210, 700), "en") is None


def test_a_caption_is_drawn_on_the_frame_where_it_says() -> None:
    words = caption(LOOK, INKS, "Hello there", 0, 900, False, "en")
    canvas = Canvas(LOOK.size)
    canvas.frame[:] = 128
    canvas.y[:] = 20
    canvas.stamp(words.layer, words.x, words.y)
    left, top, right, bottom = seen(words)
    assert canvas.y[top + 8 : bottom - 8, left + 30 : right - 30].mean() > 120
    assert (canvas.y[: top - 4] == 20).all() and (canvas.y[bottom + 4 :] == 20).all()


def test_a_word_of_emoji_is_marked_as_any_other() -> None:
    places = [marked(caption(LOOK, INKS, "ok 🔥 now", turn, 900, False, "en"), INKS.spoken_ground) for turn in range(3)]
    assert places[0].max() < places[1].max() < places[2].max()
