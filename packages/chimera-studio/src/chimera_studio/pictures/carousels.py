"""Carousels: a cover, numbered slides and an ending, all of one look."""

from dataclasses import replace

from chimera_studio.palettes import Palette, contrast, mix
from chimera_studio.pictures.cards import mood_of
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest, Slide
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Span


def slide(request: ImageRequest, palette: Palette, number: int) -> Scene:
    """One slide of a carousel, counted from 0."""
    one: Slide = request.slides[number]
    of = len(request.slides)
    told = request.model_copy(update={"title": one.title, "text": one.text})
    if number == 0:
        return _cover(told, palette, of)
    return _ending(told, palette, number, of) if number == of - 1 and of > 2 else _inner(told, palette, number, of)


def _swap(palette: Palette) -> Palette:
    """The palette for a slide on the accent: what reads best on it is the ink."""
    ink = max((palette.ink, palette.ground, "#ffffff"), key=lambda tint: contrast(tint, palette.accent))
    return replace(palette, ground=palette.accent, ink=ink, accent=palette.ground)


def _dots(frame: Frame, number: int, of: int, y: float, tint: str) -> None:
    """Where the reader is: one dot for each slide, the present one long."""
    unit = frame.unit
    if of < 2:
        return
    step, tall = 26 * unit, 12 * unit
    wide = step * (of - 1) + tall + 26 * unit
    x = (frame.scene.width - wide) / 2
    for dot in range(of):
        here = dot == number
        long = tall + (26 * unit if here else 0)
        frame.scene.rect(Box(x, y - tall / 2, long, tall), tint, tall / 2, 1 if here else 0.35)
        x += long + step - tall


def _arrow(frame: Frame, tint: str, ink: str) -> None:
    """A round button that says: there is more."""
    unit, canvas = frame.unit, frame.canvas
    radius = 46 * unit
    x = 76 * unit + radius if frame.rtl else canvas.right - 76 * unit - radius
    y = canvas.bottom - 76 * unit - radius
    way = -1 if frame.rtl else 1
    frame.scene.circle(x, y, radius, tint)
    frame.scene.add(
        f'<path d="M{x - way * radius * 0.4:.2f},{y:.2f} h{way * radius * 0.8:.2f} m{-way * radius * 0.34:.2f},'
        f"{-radius * 0.34:.2f} l{way * radius * 0.34:.2f},{radius * 0.34:.2f} "
        f'l{-way * radius * 0.34:.2f},{radius * 0.34:.2f}" '
        f'fill="none" stroke="{ink}" stroke-width="{radius * 0.14:.2f}" stroke-linecap="round" '
        'stroke-linejoin="round"/>'
    )


def _cover(request: ImageRequest, palette: Palette, of: int) -> Scene:
    own = _swap(palette)
    frame = Frame.begin(request, own, own.ground, "cover")
    canvas, margin = frame.canvas, 80 * frame.unit
    frame.ornament(canvas, mix(own.ground, own.ink, 0.1))
    side = canvas.height * 0.86 if frame.landscape else min(canvas.width * 0.74, canvas.height * 0.5)
    side = min(side, canvas.width * 0.6)
    x = margin * 0.1 if frame.rtl else canvas.right - side - margin * 0.1
    place = Box((canvas.width - side) / 2 if not frame.landscape else x, canvas.bottom - side, side, side)
    if frame.landscape:
        left = place.right + margin * 0.5 if frame.rtl else margin
        area = Box(left, margin, max(0.0, canvas.width - side - 2 * margin), max(0.0, canvas.height - 3 * margin))
    else:
        area = Box(margin, margin * 1.1, canvas.width - 2 * margin, max(0.0, place.y - margin * 1.3))
    frame.bust(place, mood_of(frame))
    frame.column(
        area,
        (
            Span("title", request.title, frame.headline(132), own.ink, share=0.74),
            Span("text", request.text, frame.body(40), mix(own.ink, own.ground, 0.12), gap=28),
        ),
        stand="middle",
        grow=1.2,
    )
    if of > 1:
        _arrow(frame, own.accent, own.ground)
    return frame.scene


def _inner(request: ImageRequest, palette: Palette, number: int, of: int) -> Scene:
    frame = Frame.begin(request, palette, palette.ground, f"slide {number}")
    unit, canvas, margin = frame.unit, frame.canvas, 80 * frame.unit
    strip = frame.strip(margin)
    digit = min(190 * unit, canvas.height * 0.2)
    style = replace(frame.style("display", 850, digit / unit, 8, 1.0, -0.04), size=digit)
    head = Box(margin, margin * 0.9, strip.width, digit)
    frame.column(head, (Span("number", f"{number}", style, palette.accent),))
    tall = max(2.0, 10 * unit)
    frame.scene.rect(Box(margin, head.bottom + 18 * unit, strip.width, max(1.0, tall * 0.2)), palette.line)
    done = strip.width * number / max(1, of - 1)
    x = strip.right - done if frame.rtl else margin
    frame.scene.rect(Box(x, head.bottom + 18 * unit - tall * 0.4, done, tall), palette.accent, tall / 2)
    top = head.bottom + 76 * unit
    area = Box(margin, top, strip.width, max(0.0, strip.y - top - 40 * unit))
    frame.column(
        area,
        (
            Span("title", request.title, frame.headline(84), palette.ink, share=0.5),
            Span("text", request.text, frame.body(42), palette.muted, gap=34),
        ),
        grow=1.35,
    )
    room = 110 * unit if number < of - 1 else 0.0
    shorter = Box(strip.x + (room if frame.rtl else 0.0), strip.y, max(0.0, strip.width - room), strip.height)
    frame.author(shorter, mood_of(frame), palette.ink, palette.accent)
    if number < of - 1:
        _arrow(frame, palette.accent, palette.ground)
    return frame.scene


def _ending(request: ImageRequest, palette: Palette, number: int, of: int) -> Scene:
    own = _swap(palette)
    frame = Frame.begin(request, own, own.ground, "ending")
    unit, canvas, margin = frame.unit, frame.canvas, 88 * frame.unit
    frame.ornament(canvas, mix(own.ground, own.ink, 0.08))
    side = min(330 * unit, canvas.height * 0.3, canvas.width * 0.4)
    place = Box((canvas.width - side) / 2, margin * 1.3, side, side)
    frame.portrait(place, "laugh", own.ink)
    top = place.bottom + 56 * unit
    area = Box(margin, top, canvas.width - 2 * margin, max(0.0, canvas.bottom - margin * 1.7 - top))
    middle = replace(frame.style("text", 620, 30, 17), align="middle")
    frame.column(
        area,
        (
            Span("title", request.title, frame.headline(92, align="middle"), own.ink, share=0.6),
            Span(
                "text", request.text, frame.body(40, align="middle"), mix(own.ink, own.ground, 0.1), gap=28, share=0.8
            ),
            Span("footer", request.footer, middle, own.ink, gap=40),
        ),
        stand="middle",
        grow=1.2,
    )
    _dots(frame, number, of, canvas.bottom - margin * 0.9, own.ink)
    return frame.scene
