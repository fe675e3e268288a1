"""Cards: four layouts that hold everything they were given."""

import pytest

from chimera_studio.characters.portraits import EXPRESSIONS
from chimera_studio.palettes import NAMED
from chimera_studio.pictures.cards import banded, card, editorial, mood_of, panelled, standing
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest

SIZES = [(1_080, 1_350), (1_080, 1_080), (1_920, 1_080)]
REQUEST = ImageRequest(
    kind="card",
    title="Small habits beat big plans",
    text="Pick one thing. Do it at the same time every day.",
    footer="@mira",
    character_reference_id="mira",
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [editorial, standing, panelled, banded])
def test_a_layout_shows_every_text_uncut_and_readable(layout: object, size: tuple[int, int]) -> None:
    assert callable(layout)
    scene = layout(REQUEST.model_copy(update={"width": size[0], "height": size[1]}), NAMED["paper"])
    assert set(scene.blocks) == {"title", "text", "footer"}
    assert all(block.cut == 0 for block in scene.blocks.values())
    title, text, footer = (scene.blocks[name] for name in ("title", "text", "footer"))
    assert title.size >= 60
    assert title.size > 1.6 * text.size
    assert text.size >= 30
    assert footer.size >= 20


def test_the_seed_chooses_among_four() -> None:
    drawn = {card(REQUEST.model_copy(update={"seed": seed}), NAMED["paper"]).svg for seed in range(4)}
    assert len(drawn) == 4


def test_a_right_to_left_card_is_a_mirror() -> None:
    left = editorial(REQUEST, NAMED["paper"])
    right = editorial(REQUEST.model_copy(update={"title": "הרגלים קטנים", "text": "בחרו דבר אחד"}), NAMED["paper"])
    assert left.character is not None
    assert right.character is not None
    assert left.character.x < 200
    assert right.character.right > 880
    assert right.blocks["title"].ink[2] == pytest.approx(1_080 - 84)


def test_moods_come_by_lot() -> None:
    moods = {mood_of(Frame.begin(REQUEST.model_copy(update={"seed": n}), NAMED["paper"], "#ffffff")) for n in range(60)}
    assert len(moods) >= 5
    assert moods <= set(EXPRESSIONS)
