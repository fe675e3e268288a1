"""The typefaces are there, inside their packages, and each draws its own script."""

import pytest

from chimera_studio.typesetting.fonts import face, fallbacks, typeface

SAMPLES = {
    "display": "Aé",
    "text": "Ж",
    "serif": "Ωß",
    "mono": "0l",
    "wide": "हि",
    "arabic": "مرحبا",
    "hebrew": "שלום",
    "japanese": "東京の",
    "korean": "한국어",
    "chinese": "国",
    "traditional": "國",
    "symbols": "✓",
    "maths": "∑",
}


@pytest.mark.parametrize(("name", "sample"), SAMPLES.items())
def test_a_face_draws_its_script(name: str, sample: str) -> None:
    font = face(name, 48)
    # U+FFFF is in no font, so what it draws is the box for a missing glyph.
    missing = bytes(font.getmask("\uffff"))
    assert typeface(name).path.is_file()
    for character in sample:
        drawn = font.getmask(character)
        assert drawn.getbbox() is not None, character
        assert bytes(drawn) != missing, character


def test_a_heavier_face_is_wider_and_a_larger_one_larger() -> None:
    assert face("text", 40, 800).getlength("Hamburg") > face("text", 40, 300).getlength("Hamburg")
    assert face("text", 80).getlength("Hamburg") == pytest.approx(2 * face("text", 40).getlength("Hamburg"), rel=0.05)


@pytest.mark.parametrize(
    ("language", "first"),
    [("ja", "jp"), ("ko", "kr"), ("zh", "sc"), ("zh-CN", "sc"), ("zh-TW", "tc"), ("zh-HK", "tc"), ("en", "jp")],
)
def test_the_language_says_whose_han_forms_come_first(language: str, first: str) -> None:
    han = [
        found.file
        for found in fallbacks("text", 400, language)
        if "notosans" + first in found.file or "CJK" in found.file
    ]
    order = [found.file for found in fallbacks("text", 400, language) if found.package.endswith("cjk")]
    assert order[0] == han[0]
    assert len(set(order)) == 4


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        typeface("wingdings")
