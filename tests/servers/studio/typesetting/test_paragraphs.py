"""Text in a box: wrapped, shrunk, cut with an ellipsis; never outside."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera_studio.typesetting.paragraphs import Block, Style, set_text
from chimera_studio.typesetting.shaping import Voice

STYLE = Style(Voice("text", 440), size=40, least=20)
BOX = (100.0, 200.0, 600.0, 300.0)


def told(block: Block) -> list[str]:
    """The lines in the order their runs are read from the left."""
    return ["".join(run.text for run in line.runs) for line in block.lines]


def test_it_wraps_at_spaces_and_keeps_every_word() -> None:
    text = "The quick brown fox jumps over the lazy dog and runs away from it"
    block = set_text(text, STYLE, BOX)
    assert len(block.lines) > 1
    assert " ".join(line.strip() for line in told(block)) == text
    assert (block.cut, block.size) == (0, 40)


def test_it_shrinks_before_it_cuts() -> None:
    block = set_text("word " * 60, STYLE, BOX)
    assert 20 <= block.size < 40
    assert block.cut == 0


def test_it_cuts_with_an_ellipsis_and_says_how_much() -> None:
    text = "word " * 400
    block = set_text(text, STYLE, BOX)
    lines = told(block)
    assert block.size == pytest.approx(20)
    assert lines[-1].endswith("…")
    shown = sum(line.replace("…", "").count("word") for line in lines)
    assert block.cut == pytest.approx(5 * (400 - shown), abs=6)


def test_the_lines_of_a_paragraph_are_bounded() -> None:
    block = set_text("one two three four five six " * 4, replace(STYLE, lines=2, size=80, least=60), BOX)
    assert len(block.lines) == 2
    assert told(block)[1].endswith("…")


def test_a_word_wider_than_the_box_is_torn() -> None:
    block = set_text("x" * 200, STYLE, (0, 0, 300, 600))
    assert "".join(told(block)) == "x" * 200
    assert all(line.width <= 300 for line in block.lines)


def test_east_asian_text_parts_without_spaces_and_minds_its_marks() -> None:
    block = set_text("東京の夜は静かで、街の光が「水」に映る。" * 3, STYLE, BOX)
    lines = told(block)
    assert len(lines) > 1
    assert not any(line[0] in "、。」" for line in lines)
    assert not any(line[-1] in "「（" for line in lines)


def test_right_to_left_text_starts_on_the_right() -> None:
    left, right = set_text("hello", STYLE, BOX), set_text("שלום", STYLE, BOX)
    assert left.ink[0] == pytest.approx(100)
    assert right.ink[2] == pytest.approx(700)
    assert (left.rtl, right.rtl) == (False, True)
    assert set_text("hello", replace(STYLE, align="end"), BOX).ink[2] == pytest.approx(700)


def test_a_balanced_title_has_no_lonely_word() -> None:
    title = "Small habits beat big plans every day"
    loose, even = (set_text(title, replace(STYLE, balanced=balanced), (0, 0, 560, 300)) for balanced in (False, True))
    spread = [max(line.width for line in b.lines) - min(line.width for line in b.lines) for b in (loose, even)]
    assert len(loose.lines) == len(even.lines)
    assert spread[1] < spread[0]


def test_line_ends_are_kept() -> None:
    assert [line.strip() for line in told(set_text("one\ntwo\n\nthree", STYLE, BOX))] == ["one", "two", "", "three"]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=300),
    st.floats(1, 900),
    st.floats(1, 900),
    st.floats(4, 200),
    st.sampled_from(("start", "middle", "end")),
    st.booleans(),
)
def test_no_text_leaves_its_box(
    text: str, width: float, height: float, size: float, align: str, balanced: bool
) -> None:
    assert align in ("start", "middle", "end")
    style = replace(STYLE, size=size, least=size / 3, balanced=balanced, tracking=-0.02)
    style = replace(style, align="start" if align == "start" else "middle" if align == "middle" else "end")
    block = set_text(text, style, (50, 60, width, height))
    for line in block.lines:
        assert line.x >= 50 - 0.5
        assert line.x + line.width <= 50 + width + 0.5
    assert block.bottom <= 60 + height + 0.5
