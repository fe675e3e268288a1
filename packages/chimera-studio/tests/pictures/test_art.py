"""Art: five ways, each its own for every seed, the character large in all of them."""

import numpy as np
import pytest

from chimera_studio.palettes import NAMED
from chimera_studio.pictures.art import art
from chimera_studio.requests import ImageRequest

REQUEST = ImageRequest(kind="art", title="Golden hour", character_reference_id="mira", width=540, height=675)


@pytest.mark.parametrize("seed", range(5))
def test_the_character_is_large_and_the_seed_matters(seed: int) -> None:
    one, again = (art(REQUEST.model_copy(update={"seed": n}), NAMED["coral"]) for n in (seed, seed + 5))
    assert one.character is not None
    assert one.character.width >= 0.6 * 540
    gap = np.abs(np.asarray(one.image(), dtype=np.int16) - np.asarray(again.image(), dtype=np.int16)).max(axis=-1)
    assert (gap > 12).mean() > 0.005


def test_it_needs_no_words() -> None:
    bare = art(REQUEST.model_copy(update={"title": ""}), NAMED["coral"])
    assert bare.blocks == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_title_reads_on_any_backdrop(seed: int) -> None:
    scene = art(REQUEST.model_copy(update={"seed": seed}), NAMED["coral"])
    left, top, right, bottom = (round(edge) for edge in scene.blocks["title"].ink)
    tones = np.asarray(scene.image().convert("L").crop((left, top, right, bottom)))
    assert np.percentile(tones, 98) - np.percentile(tones, 2) > 100
