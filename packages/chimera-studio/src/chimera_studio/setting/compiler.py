"""Typst, kept warm: what its templates are told, and what comes of them."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import typst

from chimera_studio.setting.fonts import PACKAGES, folder

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
_TEMPLATES = Path(str(files(__package__).joinpath("templates")))


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[folder(package) for package in PACKAGES],
    )


def _compiler(template: Literal["measures", "picture"], told: Mapping[str, Json]) -> typst.Compiler:
    # A compiler of its own for each request lets threads work at once; what costs time, the fonts and Typst's memory of
    # what it has laid out, all of them share.
    return typst.Compiler(
        _TEMPLATES / f"{template}.typ",
        root=_TEMPLATES,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"told": json.dumps(told, ensure_ascii=False)},
    )


def measured(told: Mapping[str, Json]) -> Json:
    """What `measures.typ` finds."""
    found: Json = json.loads(_compiler("measures", told).query("<placed>", field="value", one=True))
    return found


def painted(told: Mapping[str, Json], scale: float = 1.0) -> bytes:
    """What `picture.typ` paints, as PNG; a point is `scale` pixels."""
    made = _compiler("picture", told).compile(format="png", ppi=72.0 * scale)
    assert isinstance(made, bytes)
    return made
