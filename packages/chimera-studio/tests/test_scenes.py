"""A scene paints what it is told, in order, and is sound SVG."""

from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Style, set_text

STYLE = Style("display", 800, size=60, least=20)


def test_shapes_are_where_they_belong_and_cover_each_other_in_order() -> None:
    scene = Scene(200, 100, "#ffffff")
    scene.rect(Box(10, 10, 50, 50), "#ff0000")
    scene.circle(60, 60, 20, "#0000ff")
    image = scene.image()
    assert image.size == (200, 100)
    assert image.getpixel((20, 20)) == (255, 0, 0)
    assert image.getpixel((55, 58)) == (0, 0, 255)
    assert image.getpixel((150, 50)) == (255, 255, 255)


@pytest.mark.parametrize("text", ["Hamburg", "שלום", "東京", "🔥", "a<b&c>\"d'"])
def test_text_is_inked_inside_its_block_and_nowhere_else(text: str) -> None:
    scene = Scene(600, 300, "#ffffff")
    block = scene.text("t", set_text(text, STYLE, (100, 100, 400, 100)), "#000000")
    ink = scene.image().convert("L").point(lambda tone: 255 if tone < 200 else 0).getbbox()
    assert ink is not None
    left, top, right, bottom = block.ink
    slack = block.size * 0.12
    assert left - slack <= ink[0]
    assert ink[2] <= right + slack
    assert top - slack <= ink[1]
    assert ink[3] <= bottom + slack
    assert ink[2] - ink[0] > 0.8 * (right - left) - slack


def test_letters_run_the_way_they_are_read() -> None:
    """The first letter of Hebrew is the one on the right."""

    def inked(text: str) -> NDArray[np.int16]:
        scene = Scene(400, 120, "#ffffff")
        scene.text("t", set_text(text, STYLE, (20, 20, 360, 80)), "#000000")
        return np.asarray(scene.image().convert("L").crop((348, 0, 400, 120)), np.int16)

    # A letter stands a fraction of a pixel elsewhere when the one after it is wider.
    assert np.abs(inked("של") - inked("שם")).mean() < 4
    assert np.abs(inked("של") - inked("לש")).mean() > 12


def test_a_gradient_and_a_figure() -> None:
    scene = Scene(100, 100, "#ffffff")
    scene.rect(Box(0, 0, 100, 100), scene.gradient(("#000000", "#ffffff"), (0, 0, 1, 0)))
    scene.figure('<rect width="400" height="400" fill="#00ff00"/>', Box(50, 50, 20, 20))
    image = scene.image()
    dark, light = image.getpixel((2, 2)), image.getpixel((97, 2))
    assert isinstance(dark, tuple)
    assert isinstance(light, tuple)
    assert dark[0] < 20 < 235 < light[0]
    assert image.getpixel((60, 60)) == (0, 255, 0)
    assert scene.character == Box(50, 50, 20, 20)


def test_shapes_are_sound_svg_and_ornament_lies_under_what_follows() -> None:
    scene = Scene(400, 120, "#ffffff")
    scene.ornament(set_text("Hamburg", STYLE, (20, 20, 360, 80)), "#000000")
    assert scene.image().convert("L").getextrema()[0] < 8
    scene.rect(Box(0, 0, 400, 120), "#ffffff")
    assert scene.image().convert("L").getextrema()[0] == 255
    assert scene.blocks == {}
    ElementTree.fromstring(scene.svg)


def test_a_box_of_a_picture_at_another_scale() -> None:
    scene = Scene(400, 120, "none")
    scene.rect(Box(100, 40, 50, 50), "#ff0000")
    part = Image.open(BytesIO(scene.png(Box(90, 30, 100, 80), 2))).convert("RGBA")
    assert part.size == (200, 160)
    assert part.getbbox() == (20, 20, 120, 120)


def test_boxes() -> None:
    box = Box(10, 20, 30, 40)
    assert (box.right, box.bottom, box.tuple) == (40, 60, (10, 20, 30, 40))
    assert box.inset(5) == Box(15, 25, 20, 30)
    assert box.inset(100).width == 0
