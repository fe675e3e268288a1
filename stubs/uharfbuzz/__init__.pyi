from collections.abc import Mapping, Sequence
from typing import Protocol

class GlyphInfo:
    codepoint: int

class GlyphPosition:
    x_advance: int
    x_offset: int
    y_offset: int

class FontExtents:
    ascender: int
    descender: int

class Pen(Protocol):
    """What `draw_glyph_with_pen` draws with: the pen protocol of fontTools."""

    def moveTo(self, to: tuple[float, float], /) -> None: ...  # noqa: N802
    def lineTo(self, to: tuple[float, float], /) -> None: ...  # noqa: N802
    def qCurveTo(self, one: tuple[float, float], to: tuple[float, float], /) -> None: ...  # noqa: N802
    def curveTo(  # noqa: N802
        self, one: tuple[float, float], two: tuple[float, float], to: tuple[float, float], /
    ) -> None: ...
    def closePath(self) -> None: ...  # noqa: N802

class Blob:
    @classmethod
    def from_file_path(cls, filename: str) -> Blob: ...

class Face:
    upem: int
    def __init__(self, blob: Blob) -> None: ...

class Font:
    def __init__(self, face: Face) -> None: ...
    def set_variations(self, variations: Mapping[str, float]) -> None: ...
    def get_nominal_glyph(self, unicode: int) -> int | None: ...
    def draw_glyph_with_pen(self, gid: int, pen: Pen) -> None: ...
    def get_font_extents(self, direction: str) -> FontExtents: ...

class Buffer:
    direction: str
    glyph_infos: Sequence[GlyphInfo]
    glyph_positions: Sequence[GlyphPosition]
    def add_str(self, text: str) -> None: ...
    def guess_segment_properties(self) -> None: ...

def shape(font: Font, buffer: Buffer, features: Mapping[str, bool] | None = None) -> None: ...
