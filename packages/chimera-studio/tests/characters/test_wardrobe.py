"""Clothes and accessories are drawn for who wears them, and for nobody else."""

from dataclasses import replace
from typing import get_args
from xml.etree import ElementTree

from chimera_studio.characters.traits import Clothes, Glasses, traits_of
from chimera_studio.characters.wardrobe import clothes, earrings, glasses, headphones

PERSON = traits_of("nova")


def test_every_piece_of_clothing_is_sound_svg_in_the_persons_colour() -> None:
    drawn = set()
    for kind in get_args(Clothes):
        svg = clothes(replace(PERSON, clothes=kind, cloth="#123456"))
        ElementTree.fromstring(f"<g>{svg}</g>")
        assert "#123456" in svg
        drawn.add(svg)
    assert len(drawn) == len(get_args(Clothes))


def test_glasses_are_worn_by_who_has_them() -> None:
    drawn = {kind: glasses(replace(PERSON, glasses=kind), 170, 230, 186) for kind in get_args(Glasses)}
    assert drawn.pop("none") == ""
    assert len(set(drawn.values())) == 4
    for svg in drawn.values():
        ElementTree.fromstring(f"<g>{svg}</g>")


def test_headphones_and_earrings() -> None:
    bare = replace(PERSON, headphones=False, earrings=False)
    assert headphones(bare) == earrings(bare, 0) == ""
    assert "<rect" in headphones(replace(bare, headphones=True))
    assert earrings(replace(bare, earrings=True), 0).count("<circle") == 2
    assert earrings(replace(bare, earrings=True, headphones=True), 0) == ""
