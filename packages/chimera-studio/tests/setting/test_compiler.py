"""What a template is told stays data, and gives the same bytes every time, on any thread."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chimera_studio.scenes import Scene
from chimera_studio.setting.blocks import Style, set_text
from chimera_studio.setting.compiler import measured

STYLE = Style("text", 440, size=40, least=20)
MARKUP = [
    '#panic("evaluated")',
    "#{ 1 + 1 }",
    '"), panic("evaluated',
    '\\"] #panic() [',
    "*bold* _thin_ `raw` $x^2$ = heading",
    '#import "/etc/passwd"',
    "#sys.inputs",
    "// comment /* and */ more",
    "<label> @reference https://example.org",
    "\\u{41} \\n ~ --- ...",
]


@pytest.mark.parametrize("text", MARKUP)
def test_text_is_never_markup(text: str) -> None:
    block = set_text(text, STYLE, (0, 0, 2_000, 200))
    assert block.text == text
    assert (block.cut, block.missing, block.lines) == (0, 0, 1)
    scene = Scene(2_000, 200, "#ffffff")
    scene.text("t", block, "#000000")
    assert scene.image().convert("L").getextrema()[0] < 8


def test_nothing_is_replaced_as_markup_would_be() -> None:
    for letter in "-'.~":
        one, three = (set_text(letter * count, STYLE, (0, 0, 900, 90)).wide for count in (1, 3))
        assert three == pytest.approx(3 * one, rel=0.1)


def test_a_language_is_no_markup_either() -> None:
    for language in ('en"]; #panic()', "x", "zz-!!", "日本"):
        assert set_text("word", Style("text", 440, 40, 20, language=language), (0, 0, 900, 90)).lines == 1


def test_nothing_to_measure_is_nothing() -> None:
    assert measured({"columns": [], "drawings": {}}) == []


def test_pictures_are_the_same_on_every_thread() -> None:
    def drawn(number: int) -> bytes:
        scene = Scene(300, 120, "#ffffff")
        scene.text("t", set_text(f"picture {number} 🔥", STYLE, (10, 10, 280, 100)), "#000000")
        return scene.png()

    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(drawn, range(8)))
    assert first == [drawn(number) for number in range(8)]
    assert len(set(first)) == 8
