"""Charts from given rows: upright bars, lying bars and lines, with labelled axes that start at zero."""

from dataclasses import dataclass, field, replace

from chimera_studio.palettes import Palette, contrast, mix
from chimera_studio.pictures.cards import mood_of
from chimera_studio.pictures.frame import Frame
from chimera_studio.pictures.scales import Scale, scale_for, written
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Align, Span, set_columns
from chimera_studio.setting.letters import runs_from_right

_MANY_BARS = 9
_LONG_LABEL = 13


@dataclass(frozen=True)
class _Plot:
    """Where the data go, and what they are measured against."""

    frame: Frame
    area: Box
    scale: Scale
    quiet: str
    loud: str
    labels: list[tuple[Span, Box]] = field(default_factory=list)

    @property
    def request(self) -> ImageRequest:
        return self.frame.request

    def label(
        self, name: str, text: str, box: Box, align: Align, fill: str, weight: int = 500, size: float = 25
    ) -> None:
        """A small label in its box; it shrinks and is cut rather than leave it."""
        if align != "middle" and runs_from_right(text):
            align = "start" if align == "end" else "end"
        style = replace(self.frame.style("text", weight, size, 12, 1.25), lines=2, align=align)
        self.labels.append((Span(name, text, style, fill), box))

    def write(self) -> None:
        """Write all labels, each in the middle of its box's height."""
        placed = set_columns([(item,) for item, _ in self.labels], [box.tuple for _, box in self.labels])
        for (item, box), (block,) in zip(self.labels, placed, strict=True):
            self.frame.scene.text(
                item.name, block.moved(0, (box.height - block.height) / 2 if block.lines else 0), item.fill
            )


def chart(request: ImageRequest, palette: Palette) -> Scene:
    """One chart with its title, what it shows, its source and its author."""
    frame = Frame.begin(request, palette, palette.ground)
    unit, margin = frame.unit, 76 * frame.unit
    strip = frame.strip(margin)
    inside = frame.canvas.inset(margin)
    head = Box(inside.x, inside.y, inside.width, inside.height * (0.3 if frame.landscape else 0.27))
    bar = Box(head.right - 70 * unit if frame.rtl else head.x, head.y, 70 * unit, 12 * unit)
    frame.scene.rect(bar, palette.accent, 6 * unit)
    head = Box(head.x, head.y + 40 * unit, head.width, max(0.0, head.height - 40 * unit))
    end = frame.column(
        head,
        (
            Span("title", request.title, frame.headline(76), palette.ink, share=0.7),
            Span("text", request.text, frame.body(32), palette.muted, gap=18),
        ),
    )
    top = end + 44 * unit
    area = Box(inside.x, top, inside.width, max(4.0, strip.y - top - 40 * unit))
    loud = palette.accent
    quiet = mix(palette.ground, palette.second, 0.5)
    if contrast(quiet, palette.ground) < 1.25:
        quiet = mix(palette.ground, palette.ink, 0.3)
    plot = _Plot(frame, area, scale_for([row.value for row in request.data]), quiet, loud)
    if request.chart == "line":
        _line(plot)
    elif len(request.data) > _MANY_BARS or max(len(row.label) for row in request.data) > _LONG_LABEL:
        _lying(plot)
    else:
        _upright(plot)
    plot.write()
    frame.author(strip, mood_of(frame), palette.muted, palette.accent)
    return frame.scene


def _loudest(request: ImageRequest) -> int:
    """The row that is shown in the accent: the one farthest from zero."""
    return max(range(len(request.data)), key=lambda number: abs(request.data[number].value))


def _bottom_axis(plot: _Plot) -> Box:
    """The part of the area that the bars or the line stand in, after the value labels and grid are drawn."""
    frame, unit = plot.frame, plot.frame.unit
    gutter = min(max(len(written(tick, plot.request.unit)) for tick in plot.scale.ticks) * 14 * unit + 20 * unit,
                 plot.area.width * 0.3)  # fmt: skip
    foot, head = _foot(plot), _value_room(plot)
    # The value of a bar that hangs to the bottom of the scale stands between the bar and its label.
    below = head if plot.scale.low < 0 and plot.request.chart == "bar" else 0.0
    field = Box(
        plot.area.x + gutter,
        plot.area.y + head,
        plot.area.width - gutter,
        max(2.0, plot.area.height - foot - head - below),
    )
    for number, tick in enumerate(plot.scale.ticks):
        y = field.bottom - plot.scale.share(tick) * field.height
        zero = tick == 0
        thick = max(1.0, (3 if zero else 1.5) * unit)
        tint = frame.palette.muted if zero else frame.palette.line
        frame.scene.rect(Box(field.x, y - thick / 2, field.width, thick), tint)
        tall = min(34 * unit, field.height / max(1, len(plot.scale.ticks) - 1))
        box = Box(plot.area.x, y - tall / 2, gutter - 16 * unit, tall)
        plot.label(f"tick {number}", written(tick, plot.request.unit), box, "end", frame.palette.muted, 450, 23)
    return field


def _foot(plot: _Plot) -> float:
    """The height of the strip that the rows' labels stand in."""
    return min(64 * plot.frame.unit, plot.area.height * 0.22)


def _value_room(plot: _Plot) -> float:
    """The height that is kept for the value above, or below, a bar."""
    return min(40 * plot.frame.unit, plot.area.height * 0.12)


def _upright(plot: _Plot) -> None:
    frame, unit, rows = plot.frame, plot.frame.unit, plot.request.data
    field = _bottom_axis(plot)
    step = field.width / len(rows)
    wide, loudest = step * 0.64, _loudest(plot.request)
    zero = field.bottom - plot.scale.share(0.0) * field.height
    for number, row in enumerate(rows):
        x = field.x + step * number + (step - wide) / 2
        y = field.bottom - plot.scale.share(row.value) * field.height
        # A value too small to be seen below zero hangs from nothing.
        hangs = row.value < 0 and plot.scale.low < 0
        top, tall = min(y, zero), abs(y - zero)
        fill = plot.loud if number == loudest else plot.quiet
        if tall > 0:
            _bar(frame.scene, Box(x, top, wide, tall), fill, min(10 * unit, wide / 4, tall), hangs)
        room = _value_room(plot)
        above = Box(x - step * 0.16, top - room, wide + step * 0.32, room * 0.9)
        below = Box(above.x, top + tall + room * 0.1, above.width, room * 0.9)
        bold = frame.palette.ink if number == loudest else frame.palette.muted
        where = below if hangs else above
        plot.label(f"value {number}", written(row.value, plot.request.unit), where, "middle", bold, 650, 27)
        strip = _foot(plot)
        foot = Box(x - step * 0.15, plot.area.bottom - strip * 0.85, wide + step * 0.3, strip * 0.85)
        plot.label(f"label {number}", row.label, foot, "middle", bold)
    if plot.scale.low < 0:
        thick = max(1.0, 3 * unit)
        frame.scene.rect(Box(field.x, zero - thick / 2, field.width, thick), frame.palette.muted)


def _bar(scene: Scene, box: Box, fill: str, radius: float, down: bool) -> None:
    """A bar whose far end is rounded and whose foot, on the zero line, is not."""
    x, y, right, bottom = box.x, box.y, box.right, box.bottom
    if down:
        d = (
            f"M{x:.2f},{y:.2f} H{right:.2f} V{bottom - radius:.2f} Q{right:.2f},{bottom:.2f} "
            f"{right - radius:.2f},{bottom:.2f} H{x + radius:.2f} Q{x:.2f},{bottom:.2f} {x:.2f},{bottom - radius:.2f} Z"
        )
    else:
        d = (
            f"M{x:.2f},{bottom:.2f} V{y + radius:.2f} Q{x:.2f},{y:.2f} {x + radius:.2f},{y:.2f} "
            f"H{right - radius:.2f} Q{right:.2f},{y:.2f} {right:.2f},{y + radius:.2f} V{bottom:.2f} Z"
        )
    scene.add(f'<path d="{d}" fill="{fill}"/>')


def _lying(plot: _Plot) -> None:
    """Bars from left to right, for many rows or long labels."""
    frame, unit, rows = plot.frame, plot.frame.unit, plot.request.data
    area, scale = plot.area, plot.scale
    longest = max(len(row.label) for row in rows)
    gutter = min(area.width * 0.34, longest * 15 * unit + 30 * unit)
    values = min(
        area.width * 0.2, max(len(written(row.value, plot.request.unit)) for row in rows) * 17 * unit + 24 * unit
    )
    foot = min(44 * unit, area.height * 0.12)
    left = values if scale.low < 0 else 0.0
    field = Box(
        area.x + gutter + left, area.y, max(4.0, area.width - gutter - values - left), max(2.0, area.height - foot)
    )
    for number, tick in enumerate(scale.ticks):
        x = field.x + scale.share(tick) * field.width
        thick = max(1.0, (3 if tick == 0 else 1.5) * unit)
        tint = frame.palette.muted if tick == 0 else frame.palette.line
        frame.scene.rect(Box(x - thick / 2, field.y, thick, field.height), tint)
        room = field.width / max(1, len(scale.ticks) - 1) * 0.92
        x = min(max(x - room / 2, area.x), area.right - room)
        box = Box(x, field.bottom + 8 * unit, room, max(0.0, foot - 8 * unit))
        plot.label(f"tick {number}", written(tick, plot.request.unit), box, "middle", frame.palette.muted, 450, 22)
    step = field.height / len(rows)
    tall, loudest = step * 0.66, _loudest(plot.request)
    zero = field.x + scale.share(0.0) * field.width
    for number, row in enumerate(rows):
        y = field.y + step * number + (step - tall) / 2
        x = field.x + scale.share(row.value) * field.width
        box = Box(min(x, zero), y, abs(x - zero), tall)
        frame.scene.rect(box, plot.loud if number == loudest else plot.quiet, 0)
        bold = frame.palette.ink if number == loudest else frame.palette.muted
        plot.label(f"label {number}", row.label, Box(area.x, y, gutter - 22 * unit, tall), "end", bold, 520, 27)
        where = Box(box.right + 12 * unit, y, values - 14 * unit, tall)
        hangs = row.value < 0 and scale.low < 0
        if hangs:
            where = Box(box.x - values + 2 * unit, y, values - 14 * unit, tall)
        align: Align = "end" if hangs else "start"
        plot.label(f"value {number}", written(row.value, plot.request.unit), where, align, bold, 650, 27)


def _line(plot: _Plot) -> None:
    frame, unit, rows = plot.frame, plot.frame.unit, plot.request.data
    field = _bottom_axis(plot)
    step = field.width / len(rows)
    points = [
        (field.x + step * (number + 0.5), field.bottom - plot.scale.share(row.value) * field.height)
        for number, row in enumerate(rows)
    ]
    zero = field.bottom - plot.scale.share(0.0) * field.height
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    key = frame.scene.gradient((mix(plot.loud, frame.palette.ground, 0.62), frame.palette.ground), (0, 0, 0, 1))
    if len(points) > 1:
        frame.scene.add(
            f'<polygon points="{points[0][0]:.2f},{zero:.2f} {path} {points[-1][0]:.2f},{zero:.2f}" fill="{key}" '
            f'opacity=".55"/><polyline points="{path}" fill="none" stroke="{plot.loud}" stroke-width="{7 * unit:.2f}" '
            f'stroke-linejoin="round" stroke-linecap="round"/>'
        )
    every = max(1, -(-len(rows) // max(1, int(field.width / (92 * unit)))))
    told = {len(rows) - 1, *(n for n in range(0, len(rows), every) if n + every <= len(rows) - 1 or every == 1)}
    loudest = _loudest(plot.request)
    for number, (row, (x, y)) in enumerate(zip(rows, points, strict=True)):
        frame.scene.circle(x, y, (12 if number == loudest else 9) * unit, plot.loud)
        frame.scene.circle(x, y, (6 if number == loudest else 4) * unit, frame.palette.ground)
        wide = step * every * 0.96
        if number in told:
            left = min(max(x - wide / 2, plot.area.x), plot.area.right - wide)
            foot = Box(left, field.bottom + 10 * unit, wide, plot.area.bottom - field.bottom - 10 * unit)
            plot.label(f"label {number}", row.label, foot, "middle", frame.palette.muted)
        crowded = number != loudest and abs(x - points[loudest][0]) < 160 * unit
        if number in (loudest, len(rows) - 1) and not crowded:
            wide = min(150 * unit, field.width * 0.3)
            left = min(max(x - wide / 2, plot.area.x), plot.area.right - wide)
            upper = max(plot.area.y, y - 58 * unit)
            box = Box(left, upper, wide, max(0.0, min(_value_room(plot), field.bottom + 8 * unit - upper)))
            frame.scene.rect(box.inset(wide * 0.2, 0), frame.palette.ground, 12 * unit, 0.82)
            plot.label(
                f"value {number}", written(row.value, plot.request.unit), box, "middle", frame.palette.ink, 700, 30
            )
