"""The scenes: what of them moves, and that the character in them is the one that was asked for."""

import itertools

import numpy as np
import pytest
from PIL import Image

from chimera_studio.characters import likeness, sheets
from chimera_studio.clips.encoding import RATE, Picture, Size
from chimera_studio.clips.frames import Canvas, picture_of
from chimera_studio.clips.staging import ClipLook, ClipScene, Figure, Portrait, Still, mouth_shapes
from chimera_studio.palettes import NAMED
from chimera_studio.requests import CharacterBox

LOOK = ClipLook(Size(720, 1_280), NAMED["forest"], "mira", 7)


def stripes() -> Image.Image:
    return Image.fromarray(np.tile(np.arange(400, dtype=np.uint8) % 50 * 5, (300, 1))).convert("RGB")


SCENES = {
    "portrait": lambda look: Portrait(look, "0", 6_000, []),
    "small portrait": lambda look: Portrait(look, "0", 6_000, [], 0.8),
    "still": lambda look: Still(look, "0", 6_000, stripes()),
}


def painted(scene: ClipScene, at_ms: float) -> Canvas:
    canvas = Canvas(LOOK.size)
    scene.paint(canvas, at_ms, {})
    return canvas


@pytest.mark.parametrize("name", SCENES)
def test_the_character_is_where_the_scene_says_and_nobody_else(name: str) -> None:
    scene = SCENES[name](LOOK)
    x, y, side = scene.character
    box = CharacterBox(x=x, y=y, width=side, height=side)
    picture = picture_of(painted(scene, 0))
    assert likeness.compare(picture, sheets.sheet("mira", NAMED["sea"]).image(), box).same
    assert not likeness.compare(picture, sheets.sheet("nova", NAMED["sea"]).image(), box).same


@pytest.mark.parametrize("name", SCENES)
def test_everything_moves_a_little_and_nothing_jumps(name: str) -> None:
    scene = SCENES[name](LOOK)
    frames = [painted(scene, 1_000 + number * 1_000 / 30).frame.astype(int) for number in range(0, 30, 2)]
    steps = [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(frames)]
    # A blink is the largest that may happen within two frames.
    assert min(steps) > 0.01 and max(steps) < 6, steps


def test_a_seed_is_one_scene_and_another_seed_another() -> None:
    other = ClipLook(LOOK.size, LOOK.palette, LOOK.character, 8)
    first, again, second = (painted(Portrait(look, "0", 6_000, []), 900).frame for look in (LOOK, LOOK, other))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_the_eyes_close_now_and_then_for_a_moment() -> None:
    scene = Portrait(LOOK, "0", 9_000, [])
    _x, y, side = scene.character
    eyes = [eye_band(painted(scene, at).y, y, side) for at in range(500, 9_000, 66)]
    steps = [float(np.abs(after.astype(int) - before).mean()) for before, after in itertools.pairwise(eyes)]
    jumps = [at for at, step in enumerate(steps) if step > 10]
    shut, opened = jumps[::2], jumps[1::2]
    assert 2 <= len(shut) == len(opened) <= 5
    assert all(1 <= after - before <= 3 for before, after in zip(shut, opened, strict=True))


def eye_band(light: Picture, top: int, side: int) -> Picture:
    middle = LOOK.size.width // 2
    return light[top + side * 170 // 400 : top + side * 202 // 400, middle - side // 8 : middle + side // 8]


def test_the_mouth_opens_with_the_shapes_it_is_given() -> None:
    place = (0.0, 0.0, 700.0, 700.0)
    looks = [Figure(LOOK, "0", 500, [shape] * 9).patch(100, place) for shape in (0, 1, 2)]
    lights = [patch.y for patch in looks if patch is not None]
    top = next(patch.top for patch in looks if patch is not None)
    rows = {
        name: slice(700 * low // 400 - top, 700 * high // 400 - top)
        for name, low, high in (("eyes", 150, 210), ("mouth", 226, 270))
    }
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.array_equal(lights[one][rows["eyes"]], lights[other][rows["eyes"]])
        assert np.abs(lights[one][rows["mouth"]].astype(int) - lights[other][rows["mouth"]]).max() > 60


def test_the_mouth_is_open_while_it_is_loud_and_shut_while_it_is_silent() -> None:
    speech = np.zeros(3 * RATE, np.float32)
    speech[RATE : 2 * RATE] = np.random.default_rng(1).standard_normal(RATE) * 0.1
    shapes = mouth_shapes(speech, 500, 2_500)
    assert len(shapes) == 31
    assert set(shapes[:7]) == {0} and set(shapes[24:]) == {0}
    assert all(shape > 0 for shape in shapes[9:21]) and 2 in shapes
    assert mouth_shapes(None, 0, 1_000) == []


@pytest.mark.parametrize("size", [(64, 2_000), (2_000, 64), (500, 500)])
def test_a_still_of_any_shape_covers_the_whole_frame(size: tuple[int, int]) -> None:
    white = Still(LOOK, "0", 3_000, Image.new("RGB", size, "white"))
    for at in (0, 3_000):
        # The middle of the frame is not shaded for words.
        assert painted(white, at).y[420:440].min() > 225


def test_the_picture_is_the_same_at_both_sizes() -> None:
    large = ClipLook(Size(1_080, 1_920), LOOK.palette, LOOK.character, LOOK.seed)
    canvas = Canvas(large.size)
    Portrait(large, "0", 6_000, []).paint(canvas, 500, {})
    small = np.asarray(picture_of(painted(Portrait(LOOK, "0", 6_000, []), 500)).resize((90, 160)), int)
    shrunk = np.asarray(picture_of(canvas).resize((90, 160)), int)
    assert np.abs(small - shrunk).mean() < 4
