"""A picture in the making: shapes and figures in the order they are painted, and texts over them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby

from PIL import Image

from chimera_studio.setting.blocks import Block, drawings
from chimera_studio.setting.compiler import Json, painted


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


@dataclass(frozen=True)
class Lettering:
    """A block of text in its colour; the word of number `active` is shown as being said."""

    block: Block
    fill: str
    active: int = -1
    spoken: str = ""
    ground: str = ""

    @property
    def told(self) -> Json:
        """What the template has to know."""
        return self.block.told(self.fill, self.active, self.spoken, self.ground)


@dataclass
class Scene:
    """A canvas with what is on it.

    `blocks` and `character` are kept so that tests and answers can say where they are.
    """

    width: int
    height: int
    ground: str
    parts: list[str | Lettering] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)
    character: Box | None = None
    letterings: list[Lettering] = field(default_factory=list)
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
        """Write a block of text over all shapes, kept under its name."""
        self.blocks[name] = block
        self.letterings.append(Lettering(block, fill))
        return block

    def ornament(self, block: Block, fill: str) -> None:
        """Write a text as a shape: under what is painted after it, and no part of the layout."""
        self.parts.append(Lettering(block, fill))

    def figure(self, drawn: str, box: Box, seen: Box | None = None) -> None:
        """Place a drawing of 400 by 400 in a square box; `seen` says what part of the canvas shows the character."""
        scale = box.width / 400
        self.add(f'<g transform="translate({box.x:.2f} {box.y:.2f}) scale({scale:.5f})">{drawn}</g>')
        self.character = seen or box

    @property
    def svg(self) -> str:
        """Its shapes, without any text, as SVG."""
        return self._drawing("".join(part for part in self.parts if isinstance(part, str)), self._canvas)

    def png(self, box: Box | None = None, scale: float = 1.0) -> bytes:
        """The picture, or a box of it, as PNG with `scale` pixels for each of its own."""
        seen = box or self._canvas
        layers: list[Json] = []
        ground = "" if self.ground == "none" else f'<rect width="100%" height="100%" fill="{self.ground}"/>'
        for written, parts in groupby(
            [ground, *self.parts, *self.letterings], lambda part: isinstance(part, Lettering)
        ):
            if written:
                layers.append({"texts": [part.told for part in parts if isinstance(part, Lettering)]})
            else:
                drawing = "".join(part for part in parts if isinstance(part, str))
                layers.append({"drawing": self._drawing(drawing, seen)})
        texts = [part for part in (*self.parts, *self.letterings) if isinstance(part, Lettering)]
        emoji: dict[str, Json] = {}
        for text in texts:
            emoji |= drawings(text.block.pieces)
        told: dict[str, Json] = {
            "x": seen.x,
            "y": seen.y,
            "width": seen.width,
            "height": seen.height,
            "layers": layers,
            "drawings": emoji,
        }
        return painted(told, scale)

    @property
    def _canvas(self) -> Box:
        return Box(0, 0, self.width, self.height)

    def _drawing(self, shapes: str, seen: Box) -> str:
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{seen.width:g}" height="{seen.height:g}" '
            f'viewBox="{seen.x:g} {seen.y:g} {seen.width:g} {seen.height:g}">{shapes}</svg>'
        )

    def image(self) -> Image.Image:
        """The picture as a Pillow image, RGB."""
        return Image.open(BytesIO(self.png())).convert("RGB")


def _see_through(opacity: float) -> str:
    return "" if opacity >= 1 else f' opacity="{opacity:.3f}"'
