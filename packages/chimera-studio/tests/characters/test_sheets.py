"""The reference sheet: the front view at the same place on every sheet."""

from chimera_studio.characters.sheets import FRONT, HEIGHT, WIDTH, sheet
from chimera_studio.palettes import NAMED


def test_the_front_view_is_where_it_is_looked_for() -> None:
    scene = sheet("mira", NAMED["coral"])
    assert (scene.width, scene.height) == (WIDTH, HEIGHT)
    assert scene.character == FRONT
    assert FRONT.right <= WIDTH
    assert FRONT.bottom <= HEIGHT


def test_sheets_of_two_people_differ_and_of_one_do_not() -> None:
    assert sheet("mira", NAMED["coral"]).svg == sheet("mira", NAMED["coral"]).svg
    assert sheet("mira", NAMED["coral"]).svg != sheet("nova", NAMED["coral"]).svg
