"""Quotes: what was said is the largest, who said it is named."""

import pytest

from chimera_studio.palettes import NAMED
from chimera_studio.pictures.quotes import quote
from chimera_studio.requests import ImageRequest

REQUEST = ImageRequest(
    kind="quote",
    title="Ada Lovelace",
    text="That brain of mine is something more than merely mortal, as time will show.",
    footer="@mira",
    character_reference_id="mira",
)


@pytest.mark.parametrize("size", [(1_080, 1_350), (1_080, 1_080), (1_920, 1_080)])
@pytest.mark.parametrize("seed", range(3))
def test_a_quote_names_its_speaker(seed: int, size: tuple[int, int]) -> None:
    scene = quote(REQUEST.model_copy(update={"seed": seed, "width": size[0], "height": size[1]}), NAMED["sea"])
    said, by = scene.blocks["text"], scene.blocks["title"]
    assert said.size > 1.4 * by.size
    assert said.cut == by.cut == 0
    assert by.y >= said.bottom


def test_words_alone_are_what_was_said() -> None:
    scene = quote(REQUEST.model_copy(update={"text": "", "title": "Only words"}), NAMED["sea"])
    assert scene.blocks["text"].text == "Only words"
    assert "title" not in scene.blocks


def test_the_three_layouts_differ() -> None:
    assert len({quote(REQUEST.model_copy(update={"seed": n}), NAMED["sea"]).svg for n in range(3)}) == 3
