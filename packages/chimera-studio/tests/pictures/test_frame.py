"""Columns of text: in order, in their box, larger where there is room, mirrored where the text is."""

import pytest

from chimera_studio.palettes import NAMED
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box
from chimera_studio.setting.blocks import Span


def frame(title: str = "Hello", width: int = 1_080, height: int = 1_350) -> Frame:
    request = ImageRequest(kind="card", title=title, character_reference_id="nova", width=width, height=height)
    return Frame.begin(request, NAMED["paper"], "#ffffff")


def test_texts_stand_under_each_other() -> None:
    one = frame()
    items = (
        Span("title", "A title", one.headline(90), "#000000", share=0.6),
        Span("text", "Some text " * 10, one.body(), "#000000", gap=30),
    )
    end = one.column(Box(100, 100, 800, 900), items)
    title, text = one.scene.blocks["title"], one.scene.blocks["text"]
    assert title.y == 100
    assert text.y == pytest.approx(title.bottom + 30)
    assert end == pytest.approx(text.bottom)


def test_little_text_grows_and_much_text_does_not() -> None:
    sizes = []
    for words in (3, 400):
        one = frame()
        one.column(Box(0, 0, 900, 700), (Span("text", "word " * words, one.body(40), "#000000"),), grow=1.4)
        sizes.append(one.scene.blocks["text"].size)
    assert sizes[0] == pytest.approx(56)
    assert sizes[1] <= 40


@pytest.mark.parametrize(("stand", "y"), [("top", 0), ("bottom", 1)])
def test_a_column_stands_where_it_is_told(stand: str, y: int) -> None:
    one = frame()
    one.column(Box(0, 0, 900, 700), (Span("text", "word", one.body(40), "#000000"),), stand=stand)
    block = one.scene.blocks["text"]
    assert (block.bottom if y else block.y) == pytest.approx(700 * y)


def test_a_right_to_left_picture_is_mirrored_also_for_latin_lines() -> None:
    one = frame("שלום")
    assert one.rtl
    one.column(Box(100, 0, 800, 300), (Span("footer", "@nova", one.body(40), "#000000"),))
    assert one.scene.blocks["footer"].ink[2] == pytest.approx(900)


def test_the_same_seed_throws_the_same_lots() -> None:
    assert frame().lot.random() == frame().lot.random()


def test_empty_texts_take_no_room() -> None:
    one = frame()
    assert one.column(Box(0, 50, 900, 700), (Span("text", "  ", one.body(), "#000000"),)) == 50
    assert one.scene.blocks == {}


def test_measures_follow_the_shorter_side() -> None:
    assert frame().unit == 1
    assert frame(width=1_920, height=1_080).unit == 1
    assert frame(width=540, height=675).unit == 0.5
    assert frame(width=1_920, height=1_080).landscape
