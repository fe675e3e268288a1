"""What every picture of the studio shares: its measures, its ornament, its author's portrait, text in a column."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chimera_studio.characters.portraits import Expression, figure, medallion
from chimera_studio.palettes import Palette, mix
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Align, Span, Style, set_column
from chimera_studio.setting.fonts import Role
from chimera_studio.setting.letters import runs_from_right

_MEDALLION = 140


@dataclass
class Frame:
    """One picture being laid out."""

    request: ImageRequest
    palette: Palette
    scene: Scene
    lot: random.Random

    @classmethod
    def begin(cls, request: ImageRequest, palette: Palette, ground: str, salt: str = "") -> "Frame":
        """An empty picture; `salt` tells the slides of one carousel apart."""
        lot = random.Random(f"{request.seed}:{request.kind}:{salt}")
        return cls(request, palette, Scene(request.width, request.height, ground), lot)

    @property
    def unit(self) -> float:
        """One pixel of a picture whose shorter side has 1080."""
        return min(self.scene.width, self.scene.height) / 1080

    @property
    def landscape(self) -> bool:
        """Whether the picture is clearly wider than high."""
        return self.scene.width > self.scene.height * 1.15

    @property
    def canvas(self) -> Box:
        """The whole picture."""
        return Box(0, 0, self.scene.width, self.scene.height)

    def style(
        self, role: Role, weight: int, size: float, least: float, leading: float = 1.3, tracking: float = 0.0
    ) -> Style:
        """A style with sizes in units."""
        sizes = max(size * self.unit, 2), max(least * self.unit, 1.5)
        return Style(role, weight, *sizes, leading, tracking, language=self.request.language)

    def headline(self, size: float, serif: bool = False, align: Align = "start") -> Style:
        """The style of a title."""
        made = (
            self.style("serif", 640, size, 40, 1.1, -0.012)
            if serif
            else self.style("display", 820, size, 38, 1.06, -0.024)
        )
        return replace(made, lines=9, balanced=True, align=align)

    def body(self, size: float = 40, align: Align = "start") -> Style:
        """The style of running text."""
        return replace(self.style("text", 430, size, 23, 1.42), align=align)

    @property
    def rtl(self) -> bool:
        """Whether the picture is read from right to left, and its layout mirrored."""
        return runs_from_right(self.request.title or self.request.text or self.request.footer)

    def column(self, box: Box, items: Sequence[Span], stand: str = "top", grow: float = 1.0) -> float:
        """Set texts under each other in a box, `stand` says where in it; the answer is where the last one ends.

        Args:
            grow: How much larger than its style a text may become where little text leaves much room.
        """
        kept = [replace(item, gap=item.gap * self.unit) for item in items if item.text.strip()]
        blocks = set_column(kept, box.tuple, grow, self.rtl)
        end = max((block.bottom for block in blocks if block.lines), default=box.y)
        down = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[stand] * max(0.0, box.bottom - end)
        for item, block in zip(kept, blocks, strict=True):
            self.scene.text(item.name, block.moved(0, down), item.fill)
        return end + down

    def author(self, box: Box, mood: Expression, ink: str, ring: str) -> None:
        """The author's round portrait with the footer beside it, at the start of a strip."""
        side = min(box.height, box.width)
        x = box.right - side if self.rtl else box.x
        place = Box(x, box.y + (box.height - side) / 2, side, side)
        self.portrait(place, mood, ring)
        gap = side * 0.24
        room = Box(box.x if self.rtl else place.right + gap, box.y, max(0.0, box.width - side - gap), box.height)
        style = replace(self.style("text", 600, 30, 17, 1.3), lines=2)
        self.column(room, (Span("footer", self.request.footer, style, ink),), stand="middle")

    def portrait(self, place: Box, mood: Expression, ring: str) -> None:
        """The character in its round frame."""
        drawn = medallion(self.palette, figure(self.request.character_reference_id, mood), ring)
        self.scene.figure(drawn, place)

    def bust(self, place: Box, mood: Expression) -> None:
        """The character without a frame, standing on the lower edge of the canvas or of what clips it."""
        self.scene.figure(figure(self.request.character_reference_id, mood), place)

    def clipped_bust(self, panel: Box, place: Box, mood: Expression, fill: str, radius: float) -> None:
        """The character standing in a panel with round corners."""
        scene = self.scene
        key = scene.name("p")
        shape = (
            f'<rect x="{panel.x:.2f}" y="{panel.y:.2f}" width="{panel.width:.2f}" height="{panel.height:.2f}" '
            f'rx="{radius:.2f}"'
        )
        scene.add(f'<clipPath id="{key}">{shape}/></clipPath>', f'{shape} fill="{fill}"/>')
        scene.add(f'<g clip-path="url(#{key})">')
        self.ornament(panel, mix(fill, self.palette.ground, 0.16))
        scene.figure(figure(self.request.character_reference_id, mood), place)
        scene.add("</g>")

    def ornament(self, box: Box, tint: str) -> None:
        """A quiet pattern behind things, by lot: rings, dots, bars or quarter discs."""
        kind = self.lot.choice(("rings", "dots", "bars", "quarters"))
        unit, scene = min(box.width, box.height) / 10, self.scene
        if kind == "rings":
            x, y = box.x + box.width * self.lot.uniform(0.2, 0.8), box.y + box.height * self.lot.uniform(0.2, 0.5)
            rings = "".join(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{unit * radius:.1f}"/>' for radius in (1.6, 3, 4.4, 5.8, 7.2)
            )
            scene.add(f'<g fill="none" stroke="{tint}" stroke-width="{unit * 0.42:.2f}">{rings}</g>')
        elif kind == "dots":
            step = unit * 1.25
            columns, rows = min(int(box.width / step), 24), min(int(box.height / step), 24)
            dots = "".join(
                f'<circle cx="{box.x + step * (c + 0.7):.1f}" cy="{box.y + step * (r + 0.7):.1f}" '
                f'r="{unit * 0.2:.2f}"/>'
                for c in range(columns)
                for r in range(rows)
            )
            scene.add(f'<g fill="{tint}">{dots}</g>')
        elif kind == "bars":
            for number in range(5):
                wide = unit * (0.5 + 0.28 * number)
                x = box.x + box.width * 0.08 + number * unit * 1.9
                scene.rect(Box(x, box.y + box.height * 0.06, wide, box.height * 0.94), tint, wide / 2)
        else:
            side = unit * 2.6
            for column in range(3):
                for row in range(2):
                    x, y = box.right - side * (column + 1), box.y + side * row
                    turn = self.lot.randrange(4)
                    scene.add(
                        f'<path d="M0,0 H{side:.1f} A{side:.1f},{side:.1f} 0 0 1 0,{side:.1f} Z" fill="{tint}" '
                        f'transform="translate({x:.1f} {y:.1f}) rotate({90 * turn} {side / 2:.1f} {side / 2:.1f})"/>'
                    )

    def strip(self, margin: float) -> Box:
        """Where the author stands: along the lower edge inside the margin."""
        tall = min(max(_MEDALLION * self.unit, 44), self.scene.height * 0.28, self.scene.width * 0.4)
        inside = self.canvas.inset(margin)
        return Box(inside.x, inside.bottom - tall, inside.width, tall)
