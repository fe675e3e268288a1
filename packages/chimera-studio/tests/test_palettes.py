"""Every palette can be read; colours of a persona are taken as they are and made readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.palettes import NAMED, contrast, hexed, mix, palette_for, rgb, turned

COLOURS = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)).map(lambda c: hexed(*c))


@pytest.mark.parametrize("name", sorted(NAMED))
def test_ink_reads_on_ground_and_panel(name: str) -> None:
    palette = NAMED[name]
    assert contrast(palette.ink, palette.ground) >= 7
    assert contrast(palette.ink, palette.panel) >= 4.5
    assert contrast(palette.muted, palette.ground) >= 4.5


@given(st.lists(COLOURS, min_size=1, max_size=5))
def test_own_colours_always_read(colours: list[str]) -> None:
    palette = palette_for(" ".join(colours), "nova")
    assert contrast(palette.ink, palette.ground) >= 4.5
    assert contrast(palette.ink, palette.panel) >= 4.5
    assert contrast(palette.muted, palette.ground) >= 4.5
    if len(colours) > 1:
        assert (palette.ground, palette.accent) == (colours[0], colours[1])


def test_a_persona_keeps_its_palette_and_personas_differ() -> None:
    assert palette_for("", "nova") == palette_for("", "nova")
    assert len({palette_for("", f"persona {n}").name for n in range(60)}) == len(NAMED)
    assert palette_for("coral", "nova") is NAMED["coral"]


@pytest.mark.parametrize("wrong", ["beige", "#12", "#1234567", "#112233 and more", "#112233 " * 6])
def test_what_is_no_palette_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="palette"):
        palette_for(wrong, "nova")


def test_colours_are_counted_right() -> None:
    assert rgb("#0a7d8c") == (10, 125, 140)
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert turned("#ff0000", 1 / 3) == "#00ff00"
