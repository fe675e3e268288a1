"""A picture in the making: shapes, texts and figures in the order they are painted, written down as one SVG."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from io import BytesIO

from PIL import Image
from resvg_py import svg_to_bytes

from chimera_studio.typesetting.paragraphs import Block
from chimera_studio.typesetting.shaping import EMOJI_SIDE, emoji_drawing

_BODY_OF_EMOJI = 1.06


@dataclass(frozen=True)
class Box:
    """A rectangle on the canvas, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height

    @property
    def tuple(self) -> tuple[float, float, float, float]:
        """x, y, width, height."""
        return self.x, self.y, self.width, self.height

    def inset(self, by: float, down: float | None = None) -> "Box":
        """A smaller box inside."""
        below = by if down is None else down
        return Box(self.x + by, self.y + below, max(0.0, self.width - 2 * by), max(0.0, self.height - 2 * below))


@dataclass
class Scene:
    """A canvas with what is on it. `blocks` and `character` are kept so that tests and answers can say where "
    "they are."""

    width: int
    height: int
    ground: str
    parts: list[str] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)
    character: Box | None = None
    _numbers: int = 0

    def add(self, *parts: str) -> None:
        """Paint pieces of SVG on top of what is there."""
        self.parts.extend(parts)

    def name(self, prefix: str) -> str:
        """An id that is new in this picture."""
        self._numbers += 1
        return f"{prefix}{self._numbers}"

    def rect(self, box: Box, fill: str, radius: float = 0, opacity: float = 1) -> None:
        """A filled rectangle."""
        self.add(
            f'<rect x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" '
            f'rx="{radius:.2f}" '
            f'fill="{fill}"{_see_through(opacity)}/>'
        )

    def circle(self, x: float, y: float, radius: float, fill: str, opacity: float = 1) -> None:
        """A filled circle."""
        self.add(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{fill}"{_see_through(opacity)}/>')

    def gradient(self, colours: Iterable[str], angle: tuple[float, float, float, float] = (0, 0, 1, 1)) -> str:
        """A linear gradient to fill with; the answer is its `url(...)`."""
        tints = list(colours)
        stops = "".join(
            f'<stop offset="{number / max(1, len(tints) - 1):.3f}" stop-color="{tint}"/>'
            for number, tint in enumerate(tints)
        )
        key = self.name("g")
        x1, y1, x2, y2 = angle
        self.add(f'<linearGradient id="{key}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}">{stops}</linearGradient>')
        return f"url(#{key})"

    def text(self, name: str, block: Block, fill: str) -> Block:
        """Write a block of text, kept under its name."""
        self.blocks[name] = block
        for line in block.lines:
            pen, drawn = line.x, []
            for run in line.runs:
                if run.emoji:
                    side = block.size * _BODY_OF_EMOJI
                    scale = side / EMOJI_SIDE
                    x = pen + (run.width * block.size - side) / 2
                    y = line.baseline - block.size * 0.355 - side / 2
                    drawn.append(
                        f'<g transform="translate({x:.2f} {y:.2f}) scale({scale:.4f})">{emoji_drawing(run.emoji)}</g>'
                    )
                    pen += run.width * block.size + block.tracking * len(run.text)
                    continue
                step = block.tracking * len(run.text) / max(1, len(run.glyphs))
                for number, glyph in enumerate(run.glyphs):
                    x = pen + glyph.x * block.size + number * step
                    y, scale = line.baseline - glyph.y * block.size, glyph.scale * block.size
                    drawn.append(
                        f'<path d="{glyph.outline}" transform="matrix({scale:.6f} 0 0 {scale:.6f} {x:.2f} {y:.2f})"/>'
                    )
                pen += run.width * block.size + block.tracking * len(run.text)
            self.add(f'<g fill="{escape(fill)}">{"".join(drawn)}</g>')
        return block

    def figure(self, drawn: str, box: Box, seen: Box | None = None) -> None:
        """Place a drawing of 400 by 400 in a square box; `seen` says what part of the canvas shows the character."""
        scale = box.width / 400
        self.add(f'<g transform="translate({box.x:.2f} {box.y:.2f}) scale({scale:.5f})">{drawn}</g>')
        self.character = seen or box

    @property
    def svg(self) -> str:
        """The whole picture as SVG."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}">'
            f'<rect width="{self.width}" height="{self.height}" fill="{self.ground}"/>{"".join(self.parts)}</svg>'
        )

    def png(self) -> bytes:
        """The picture as PNG."""
        return bytes(svg_to_bytes(svg_string=self.svg, skip_system_fonts=True))

    def image(self) -> Image.Image:
        """The picture as a Pillow image, RGB."""
        return Image.open(BytesIO(self.png())).convert("RGB")


def _see_through(opacity: float) -> str:
    return "" if opacity >= 1 else f' opacity="{opacity:.3f}"'
