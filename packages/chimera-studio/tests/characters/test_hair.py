"""Every style of hair is drawn, and its own way."""

from dataclasses import replace
from xml.etree import ElementTree

from chimera_studio.characters.hair import above, behind
from chimera_studio.characters.traits import HAIR_STYLES, traits_of


def test_every_style_is_sound_svg_and_unlike_the_others() -> None:
    drawn = {}
    for style in HAIR_STYLES:
        person = replace(traits_of("nova"), style=style)
        drawn[style] = f"<g>{behind(person)}{above(person)}</g>"
        ElementTree.fromstring(drawn[style])
    assert len(set(drawn.values())) == len(HAIR_STYLES)
    assert drawn["bald"] == "<g></g>"


def test_hair_has_the_colour_of_the_person() -> None:
    person = replace(traits_of("nova"), style="bob", hair="#123456")
    assert "#123456" in above(person)
