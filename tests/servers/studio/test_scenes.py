"""A scene paints what it is told, in order, and is sound SVG."""

from xml.etree import ElementTree

import pytest

from chimera_studio.scenes import Box, Scene
from chimera_studio.typesetting.paragraphs import Style, set_text
from chimera_studio.typesetting.shaping import Voice

STYLE = Style(Voice("display", 800), size=60, least=20)


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
    ElementTree.fromstring(scene.svg)
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

    def inked(text: str) -> bytes:
        scene = Scene(400, 120, "#ffffff")
        scene.text("t", set_text(text, STYLE, (20, 20, 360, 80)), "#000000")
        return scene.image().convert("L").crop((330, 0, 400, 120)).tobytes()

    assert inked("של") == inked("שם")
    assert inked("של") != inked("לש")


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


def test_boxes() -> None:
    box = Box(10, 20, 30, 40)
    assert (box.right, box.bottom, box.tuple) == (40, 60, (10, 20, 30, 40))
    assert box.inset(5) == Box(15, 25, 20, 30)
    assert box.inset(100).width == 0
