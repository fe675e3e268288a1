"""Art by rule: the character, large, before a picture that is made from the seed. Five ways, chosen by the seed."""

import math
from collections.abc import Callable
from dataclasses import replace

from chimera_studio.palettes import Palette, contrast, luminance, mix
from chimera_studio.pictures.cards import mood_of
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Span, set_text

_Backdrop = Callable[[Frame], str]


def art(request: ImageRequest, palette: Palette) -> Scene:
    """One piece of art. A title, when there is one, is written over its quiet upper part."""
    ways: tuple[_Backdrop, ...] = (tiles, ribbons, sun, flow, letters)
    frame = Frame.begin(request, palette, palette.ground)
    ground = ways[request.seed % len(ways)](frame)
    unit, canvas, margin = frame.unit, frame.canvas, 76 * frame.unit
    place = _place(frame)
    side = place.width
    frame.bust(place, mood_of(frame))
    ink = max(("#ffffff", "#111114", palette.ink), key=lambda tint: contrast(tint, ground))
    if frame.landscape:
        left = place.right if frame.rtl else margin
        area = Box(left, margin, max(0.0, canvas.width - side - 2 * margin), canvas.height - 2 * margin)
    else:
        area = Box(margin, margin, canvas.width - 2 * margin, max(0.0, place.y - margin * 0.9))
    _caption(frame, area, ink, ground)
    foot = Box(margin, canvas.bottom - 62 * unit, max(0.0, place.x + side * 0.02 - margin), 40 * unit)
    if foot.width > 60 * unit:
        frame.column(foot, (Span("footer", request.footer, frame.style("text", 620, 26, 14), ink),), stand="bottom")
    return frame.scene


def _place(frame: Frame) -> Box:
    """Where the character stands: in the middle, or at the side when a wide picture has a title."""
    canvas, margin = frame.canvas, 24 * frame.unit
    side = min(canvas.width * (0.62 if frame.landscape else 0.92), canvas.height * (0.86 if frame.landscape else 0.68))
    x = (canvas.width - side) / 2
    if frame.landscape and frame.request.title.strip():
        x = margin if frame.rtl else canvas.width - side - margin
    return Box(x, canvas.bottom - side, side, side)


def _caption(frame: Frame, area: Box, ink: str, ground: str) -> None:
    """The title on a label of its own, so that it reads on any backdrop."""
    title, text = frame.request.title, frame.request.text
    if not (title + text).strip():
        return
    unit, pad = frame.unit, 34 * frame.unit
    heading = frame.headline(78)
    inner = area.inset(min(pad, area.width / 4), min(pad * 0.8, area.height / 4))
    items = (
        Span("title", title, heading, ink, share=0.72),
        Span("text", text, frame.body(32), ink, gap=16),
    )
    before = len(frame.scene.parts)
    end = frame.column(inner, items)
    blocks = [frame.scene.blocks[name] for name in ("title", "text") if name in frame.scene.blocks]
    inks = [block.ink for block in blocks if block.lines]
    if not inks:
        return
    left, right = min(box[0] for box in inks), max(box[2] for box in inks)
    pad = min(pad, left - area.x)
    label = Box(left - pad, inner.y - pad * 0.7, right - left + 2 * pad, end - inner.y + pad * 1.4)
    fill = (
        f'<rect x="{label.x:.2f}" y="{label.y:.2f}" width="{label.width:.2f}" height="{label.height:.2f}" '
        f'rx="{26 * unit:.2f}" fill="{ground}" opacity="0.92"/>'
    )
    frame.scene.parts.insert(before, fill)


def tiles(frame: Frame) -> str:
    """A quilt of simple shapes, as posters of the twenties had them."""
    palette, canvas, lot = frame.palette, frame.canvas, frame.lot
    columns = 6 if not frame.landscape else 10
    side = canvas.width / columns
    softer = mix(palette.accent, palette.ground, 0.5), mix(palette.second, palette.ground, 0.45)
    tints = [palette.accent, palette.second, mix(palette.ground, palette.ink, 0.1), *softer, palette.ground]
    for row in range(min(40, math.ceil(canvas.height / side))):
        for column in range(columns):
            x, y = column * side, row * side
            back, front = lot.sample(tints, 2)
            frame.scene.rect(Box(x, y, side + 0.6, side + 0.6), back)
            _tile(frame, x, y, side, front, lot.randrange(6))
    return palette.ground


def _tile(frame: Frame, x: float, y: float, side: float, tint: str, kind: int) -> None:
    turn, half = 90 * frame.lot.randrange(4), side / 2
    shapes = (
        f'<path d="M0,0 H{side:.2f} A{side:.2f},{side:.2f} 0 0 1 0,{side:.2f} Z"/>',
        f'<circle cx="{half:.2f}" cy="{half:.2f}" r="{side * 0.34:.2f}"/>',
        f'<path d="M0,0 A{half:.2f},{half:.2f} 0 0 0 {side:.2f},0 Z M0,{half:.2f} A{half:.2f},{half:.2f} 0 0 0 '
        f'{side:.2f},{half:.2f} Z"/>',
        f'<path d="M0,0 L{side:.2f},0 L0,{side:.2f} Z"/>',
        f'<path d="M0,{half:.2f} A{half:.2f},{half:.2f} 0 0 1 {side:.2f},{half:.2f} Z"/>',
        "".join(f'<rect x="{side * n / 5:.2f}" width="{side / 10:.2f}" height="{side:.2f}"/>' for n in range(5)),
    )
    frame.scene.add(
        f'<g fill="{tint}" transform="translate({x:.2f} {y:.2f}) rotate({turn} {half:.2f} '
        f'{half:.2f})">{shapes[kind]}</g>'
    )


def ribbons(frame: Frame) -> str:
    """Hills, one behind the other, lighter the farther they are."""
    palette, canvas, lot = frame.palette, frame.canvas, frame.lot
    sky = frame.scene.gradient(
        (mix(palette.second, palette.ground, 0.55), mix(palette.accent, palette.ground, 0.4)), (0, 0, 0, 1)
    )
    frame.scene.rect(canvas, sky)
    radius = min(canvas.width, canvas.height) * 0.17
    frame.scene.circle(
        canvas.width * lot.uniform(0.22, 0.78), canvas.height * 0.3, radius, mix(palette.accent, "#ffffff", 0.35)
    )
    count = 6
    for layer in range(count):
        near = layer / (count - 1)
        tint = mix(mix(palette.accent, palette.ground, 0.45), mix(palette.second, palette.ink, 0.45), near)
        base = canvas.height * (0.4 + 0.52 * near)
        rise, phase, waves = canvas.height * 0.055, lot.uniform(0, 6.3), lot.uniform(0.8, 1.8)
        points = []
        for step in range(49):
            x = canvas.width * step / 48
            turn = step / 48 * math.tau * waves + phase
            points.append(f"{x:.1f},{base + rise * (math.sin(turn) + 0.4 * math.sin(2.3 * turn)):.1f}")
        frame.scene.add(
            f'<polygon points="0,{canvas.height} {" ".join(points)} {canvas.width},{canvas.height}" fill="{tint}"/>'
        )
    return mix(palette.second, palette.ground, 0.55)


def sun(frame: Frame) -> str:
    """Rings and rays around the head."""
    palette, canvas, lot = frame.palette, frame.canvas, frame.lot
    place = _place(frame)
    x, y = place.x + place.width / 2, place.y + place.height * 0.42
    far = math.hypot(canvas.width, canvas.height)
    rays, turn = 2 * lot.choice((12, 15, 18)), lot.uniform(0, 0.3)
    tint = mix(palette.ground, palette.accent, 0.2)
    wedges = "".join(
        f"M{x:.1f},{y:.1f} L{x + far * math.cos(a):.1f},{y + far * math.sin(a):.1f} "
        f"L{x + far * math.cos(b):.1f},{y + far * math.sin(b):.1f} Z "
        for a, b in ((turn + math.tau * n / rays, turn + math.tau * (n + 1) / rays) for n in range(0, rays, 2))
    )
    frame.scene.add(f'<path d="{wedges}" fill="{tint}"/>')
    radius = min(canvas.width, canvas.height) * 0.47
    rings = (
        palette.second,
        mix(palette.second, palette.ground, 0.35),
        palette.accent,
        mix(palette.accent, palette.ground, 0.4),
    )
    for number, ring in enumerate(rings):
        frame.scene.circle(x, y, radius * (1 - number * 0.13), ring)
    return palette.ground


def flow(frame: Frame) -> str:
    """Strands that follow a field of directions, as grass in wind."""
    palette, canvas, lot = frame.palette, frame.canvas, frame.lot
    ground = palette.ground if palette.dark else mix(palette.ink, palette.second, 0.25)
    frame.scene.rect(canvas, ground)
    tints = (palette.accent, palette.second, mix(palette.accent, "#ffffff", 0.4), mix(palette.second, "#ffffff", 0.45))
    a, b, c = (lot.uniform(0.6, 1.7) for _ in range(3))
    phase, reach = lot.uniform(0, 6.3), max(canvas.width, canvas.height)
    lines: dict[str, list[str]] = {tint: [] for tint in tints}
    for _ in range(420):
        x, y = lot.uniform(-0.1, 1.1) * canvas.width, lot.uniform(-0.1, 1.1) * canvas.height
        points = [f"{x:.0f},{y:.0f}"]
        for _ in range(14):
            u, v = x / reach * math.tau, y / reach * math.tau
            turn = 1.1 * math.sin(a * u + phase) + 1.2 * math.cos(b * v - phase) + 0.6 * math.sin(c * (u + v))
            x, y = x + math.cos(turn) * reach * 0.016, y + math.sin(turn) * reach * 0.016
            points.append(f"{x:.0f},{y:.0f}")
        lines[lot.choice(tints)].append(f"M{' L'.join(points)}")
    for number, (tint, strands) in enumerate(lines.items()):
        wide = (3.5, 6, 2.5, 4.5)[number] * frame.unit
        frame.scene.add(
            f'<path d="{" ".join(strands)}" fill="none" stroke="{tint}" stroke-width="{wide:.2f}" '
            'stroke-linecap="round" '
            f'stroke-linejoin="round" opacity=".8"/>'
        )
    return ground


def letters(frame: Frame) -> str:
    """The first word of the title, huge and repeated, as a wall of type."""
    palette, canvas, lot = frame.palette, frame.canvas, frame.lot
    ground = palette.accent
    frame.scene.rect(canvas, ground)
    words = (frame.request.title or frame.request.text or "hello").split()
    word = max(words[:6], key=len, default="hello")[:14] if words else "hello"
    rows = 5 if not frame.landscape else 4
    tall = canvas.height / rows
    loud = lot.randrange(rows)
    for row in range(rows):
        far = mix(ground, palette.ground if luminance(ground) < 0.4 else palette.ink, 0.2 if row != loud else 0.85)
        style = replace(frame.style("display", 860, 10, 1, 1.0, -0.03), size=tall * 0.98, lines=1)
        block = set_text(word.upper(), style, (0, row * tall, canvas.width * 6, tall))
        wide = block.ink[2] - block.ink[0]
        shift = -wide * (0.08 + 0.17 * (row % 3))
        for copy in range(min(8, 2 + int(canvas.width / max(wide, 1)))):
            frame.scene.ornament(block.moved(shift - block.ink[0] + copy * (wide + tall * 0.16), 0), far)
    return ground
