"""Text in a box: wrapped, shrunk, cut with an ellipsis; never outside."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.scenes import Scene
from chimera_studio.setting.blocks import Align, Block, Span, Style, set_column, set_columns, set_text

STYLE = Style("text", 440, size=40, least=20)
BOX = (100.0, 200.0, 600.0, 300.0)


def inked(block: Block) -> tuple[int, int, int, int]:
    """Where a block really has ink."""
    scene = Scene(900, 700, "#ffffff")
    scene.text("t", block, "#000000")
    found = scene.image().convert("L").point(lambda tone: 255 if tone < 200 else 0).getbbox()
    assert found is not None
    return found


def test_it_wraps_at_spaces_and_keeps_every_word() -> None:
    text = "The quick brown fox jumps over the lazy dog and runs away from it"
    block = set_text(text, STYLE, BOX)
    assert block.lines > 1
    assert (block.text, block.cut, block.size) == (text, 0, 40)
    assert block.height == pytest.approx(block.lines * 40 * 1.3)


def test_it_shrinks_before_it_cuts() -> None:
    block = set_text("word " * 60, STYLE, BOX)
    assert 20 <= block.size < 40
    assert block.cut == 0


def test_it_cuts_with_an_ellipsis_and_says_how_much() -> None:
    text = "word " * 400
    block = set_text(text, STYLE, BOX)
    assert block.size == pytest.approx(20)
    assert block.text.endswith("…")
    assert block.cut == len(text.strip()) - len(block.text) + 1
    longer = text[: len(block.text) + 8].strip()
    assert set_text(longer, replace(STYLE, size=20), BOX).height > block.height or longer.startswith(block.text[:-1])


def test_the_lines_of_a_paragraph_are_bounded() -> None:
    block = set_text("one two three four five six " * 4, replace(STYLE, lines=2, size=80, least=60), BOX)
    assert block.lines == 2
    assert block.text.endswith("…")


@pytest.mark.parametrize("letter", ["x", "ب"])
def test_a_word_wider_than_the_box_is_torn(letter: str) -> None:
    block = set_text(letter * 100, STYLE, (0, 0, 300, 600))
    assert block.text.replace("\u200b", "").replace("\u200d", "") == letter * 100
    assert (block.cut, block.lines > 1) == (0, True)
    left, _, right, _ = inked(block)
    assert left >= -1 and right <= 303


def test_a_title_shrinks_rather_than_be_torn() -> None:
    block = set_text("Donaudampfschifffahrt", replace(STYLE, size=80, lines=4), (0, 0, 500, 600))
    assert block.lines == 1
    assert block.size < 80


def test_east_asian_text_parts_without_spaces() -> None:
    block = set_text("東京の夜は静かで、街の光が「水」に映る。" * 3, STYLE, BOX)
    assert block.lines > 1
    assert block.size == 40
    assert block.wide > 0.9 * BOX[2]


def test_right_to_left_text_starts_on_the_right() -> None:
    left, right = set_text("hello", STYLE, BOX), set_text("שלום", STYLE, BOX)
    assert left.ink[0] == pytest.approx(100)
    assert right.ink[2] == pytest.approx(700)
    assert (left.rtl, right.rtl) == (False, True)
    assert set_text("hello", replace(STYLE, align="end"), BOX).ink[2] == pytest.approx(700)
    for block in (left, right):
        assert inked(block)[0] == pytest.approx(block.ink[0], abs=6)
        assert inked(block)[2] == pytest.approx(block.ink[2], abs=6)


def test_a_balanced_title_has_no_lonely_word() -> None:
    title = "Small habits beat big plans every day"
    loose, even = (set_text(title, replace(STYLE, balanced=balanced), (0, 0, 560, 300)) for balanced in (False, True))
    assert loose.lines == even.lines > 1
    assert even.wide < loose.wide


def test_line_ends_are_kept_and_emoji_move_no_lines_apart() -> None:
    assert set_text("one\ntwo\n\nthree", STYLE, BOX).lines == 4
    tight = replace(STYLE, leading=1.0)
    assert set_text("🔥\n🔥🔥", tight, BOX).height == set_text("a\nbc", tight, BOX).height == pytest.approx(80)


def test_arabic_letters_join() -> None:
    assert set_text("بب", STYLE, BOX).wide < 2 * set_text("ب", STYLE, BOX).wide


def test_texts_of_a_column_stand_under_each_other_and_grow_together() -> None:
    items = (Span("one", "Some words", STYLE, "#000000"), Span("two", "More", STYLE, "#000000", gap=10))
    for grow in (1.0, 1.5):
        one, two = set_column(items, (0, 0, 900, 900), grow)
        assert one.size == two.size == pytest.approx(40 * grow)
        assert two.y == pytest.approx(one.bottom + 10 * grow)


def test_columns_are_set_as_each_would_be_alone() -> None:
    items = [(Span("", text, STYLE, "#000000"),) for text in ("a few words " * 5, "שלום", "")]
    boxes = [BOX, (0.0, 0.0, 200.0, 90.0), BOX]
    assert set_columns(items, boxes) == [set_column(item, box) for item, box in zip(items, boxes, strict=True)]


@pytest.mark.parametrize("text", ["東京の夜、", "한국어 문장 —/-", "हिन्दी 🔥🔥", "word—/-", "「水」…", "مرحبا"])
@pytest.mark.parametrize("width", [30, 90, 180])
@pytest.mark.parametrize("align", ["start", "middle", "end"])
def test_even_the_narrowest_box_holds_its_ink(text: str, width: float, align: Align) -> None:
    for lines in (1, 200):
        block = set_text(text, replace(STYLE, align=align, lines=lines), (100, 100, width, 400))
        if block.lines:
            left, _, right, _ = inked(block)
            assert 100 - 3 <= left < right <= 100 + width + 3


@given(
    st.text(max_size=300),
    st.floats(1, 900),
    st.floats(1, 900),
    st.floats(4, 200),
    st.sampled_from(("start", "middle", "end")),
    st.booleans(),
)
def test_no_text_leaves_its_box(
    text: str, width: float, height: float, size: float, align: Align, balanced: bool
) -> None:
    style = replace(STYLE, size=size, least=size / 3, balanced=balanced, tracking=-0.02, align=align)
    block = set_text(text, style, (50, 60, width, height))
    left, top, right, bottom = block.ink
    assert left >= 50 - 0.5
    assert right <= 50 + width + 0.5
    assert top >= 60
    assert bottom <= 60 + height + 0.5
