"""Carousels: a cover, numbered slides, an ending; one look."""

from chimera_studio.palettes import NAMED
from chimera_studio.pictures.carousels import slide
from chimera_studio.requests import ImageRequest, Slide

SLIDES = tuple(Slide(title=f"Title {n}", text=f"Text {n}") for n in range(5))
REQUEST = ImageRequest(kind="carousel", slides=SLIDES, footer="@mira", character_reference_id="mira")
PALETTE = NAMED["midnight"]


def said(number: int, part: str) -> str:
    return slide(REQUEST, PALETTE, number).blocks[part].text


def test_each_slide_says_its_own() -> None:
    for number in range(5):
        assert said(number, "title") == f"Title {number}"
        assert said(number, "text") == f"Text {number}"


def test_the_inner_slides_are_numbered() -> None:
    assert [said(number, "number") for number in (1, 2, 3)] == ["1", "2", "3"]
    assert "number" not in slide(REQUEST, PALETTE, 0).blocks
    assert "number" not in slide(REQUEST, PALETTE, 4).blocks


def test_cover_and_ending_stand_on_the_accent() -> None:
    grounds = [slide(REQUEST, PALETTE, number).ground for number in range(5)]
    assert grounds == [PALETTE.accent, *[PALETTE.ground] * 3, PALETTE.accent]


def test_a_single_slide_is_a_cover_without_an_arrow() -> None:
    alone = REQUEST.model_copy(update={"slides": SLIDES[:1]})
    assert slide(alone, PALETTE, 0).svg != slide(REQUEST, PALETTE, 0).svg
    assert slide(alone, PALETTE, 0).ground == PALETTE.accent
