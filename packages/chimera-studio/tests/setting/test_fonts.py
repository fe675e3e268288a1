"""The typefaces are there, inside their packages, and each draws its own script."""

import pytest
import typst

from chimera_studio.setting.fonts import PACKAGES, Role, drawable, families, folder

ROLES: tuple[Role, ...] = ("display", "text", "serif")
SAMPLES = ["Aéß", "Ж", "Ω", "हि", "مرحبا", "שלום", "東京の", "한국어", "国國", "✓", "∑", "…“”—→"]


@pytest.mark.parametrize("role", ROLES)
def test_typst_finds_every_family(role: Role) -> None:
    fonts = typst.Fonts(False, False, [folder(package) for package in PACKAGES])
    assert set(families(role, "en")) <= set(fonts.families())


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_script_can_be_drawn(sample: str) -> None:
    assert all(drawable(character) for character in sample)


def test_what_no_face_has_cannot() -> None:
    assert not drawable("\U00013000")


def test_a_mark_needs_a_face_that_has_its_letter_as_well() -> None:
    assert drawable("\u0302", "e")
    assert not drawable("\u0302", "\U00013000")


@pytest.mark.parametrize(
    ("language", "first"),
    [("ja", "JP"), ("ko", "KR"), ("zh", "SC"), ("zh-CN", "SC"), ("zh-TW", "TC"), ("zh-HK", "TC"), ("en", "JP")],
)
def test_the_language_says_whose_han_forms_come_first(language: str, first: str) -> None:
    order = [family[-2:] for family in families("text", language) if family[-2:] in ("JP", "KR", "SC", "TC")]
    assert order[0] == first
    assert len(set(order)) == 4
