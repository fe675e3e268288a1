"""Quotations: words that stand alone, with who said them. Three layouts, chosen by the seed."""

from collections.abc import Callable
from dataclasses import replace

from chimera_studio.palettes import Palette, contrast, mix
from chimera_studio.pictures.cards import mood_of
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Span, Style, set_text


def quote(request: ImageRequest, palette: Palette) -> Scene:
    """One quotation: `text` is what was said, `title` who said it."""
    layouts: tuple[Callable[[ImageRequest, Palette], Scene], ...] = (centred, leaning, spoken)
    return layouts[request.seed % len(layouts)](request, palette)


def _said(request: ImageRequest) -> tuple[str, str]:
    """What was said and by whom; a title alone is what was said."""
    return (request.text, request.title) if request.text.strip() else (request.title, "")


def _mark(frame: Frame, box: Box, fill: str) -> None:
    """A large opening quotation mark, as ornament."""
    style = frame.style("serif", 700, box.height / frame.unit * 2.2, 1, 1.0)
    block = set_text("“", replace(style, size=box.height * 2.1), (box.x, box.y, box.width * 3, box.height * 2.2))
    # The mark hangs in the upper part of its line, so it is lifted to where the box is.
    frame.scene.ornament(block.moved(0, -block.size * 0.16), fill)


def _words(frame: Frame, size: float) -> Style:
    return replace(frame.style("serif", 560, size, 26, 1.22, -0.008), balanced=True)


def centred(request: ImageRequest, palette: Palette) -> Scene:
    """The portrait on top, the words in the middle of the picture, the name below."""
    frame = Frame.begin(request, palette, palette.ground)
    unit, canvas, margin = frame.unit, frame.canvas, 88 * frame.unit
    said, by = _said(request)
    tint = mix(palette.ground, palette.accent, 0.14)
    frame.scene.circle(canvas.width / 2, canvas.height * 0.5, min(canvas.width, canvas.height) * 0.56, tint)
    side = min(200 * unit, canvas.height * 0.2, canvas.width * 0.3)
    place = Box((canvas.width - side) / 2, margin, side, side)
    frame.portrait(place, mood_of(frame), palette.accent)
    foot = 150 * unit if (by + request.footer).strip() else 0.0
    top = place.bottom + 56 * unit
    area = Box(margin, top, canvas.width - 2 * margin, max(0.0, canvas.height - margin - foot - top))
    words = replace(_words(frame, 84), align="middle")
    frame.column(area, (Span("text", said, words, palette.ink),), stand="middle", grow=1.3)
    below = Box(margin, canvas.height - margin - foot + 24 * unit, area.width, max(0.0, foot - 24 * unit))
    bar = 76 * unit
    if foot:
        frame.scene.rect(Box((canvas.width - bar) / 2, below.y - 16 * unit, bar, 6 * unit), palette.accent, 3 * unit)
    name = replace(frame.style("text", 680, 36, 19), align="middle", lines=2)
    source = replace(frame.style("text", 480, 28, 17), align="middle", lines=2)
    frame.column(
        below,
        (
            Span("title", by, name, palette.ink, share=0.6),
            Span("footer", request.footer, source, palette.muted, gap=8),
        ),
        stand="bottom",
    )
    return frame.scene


def leaning(request: ImageRequest, palette: Palette) -> Scene:
    """A coloured ground, a large mark, the words, the speaker in a strip below."""
    dark = palette.ground if palette.dark else palette.ink
    light = palette.ink if palette.dark else palette.ground
    frame = Frame.begin(request, palette, dark)
    unit, margin = frame.unit, 88 * frame.unit
    said, by = _said(request)
    accent = palette.accent if contrast(palette.accent, dark) > 2 else palette.second
    mark = 150 * unit
    _mark(
        frame,
        Box(frame.canvas.right - margin - mark * 1.1 if frame.rtl else margin - 8 * unit, margin, mark, mark),
        accent,
    )
    strip = frame.strip(margin)
    top = margin + mark + 40 * unit
    area = Box(margin, top, strip.width, max(0.0, strip.y - top - 48 * unit))
    words = (
        Span("text", said, _words(frame, 92), light, share=0.9),
        Span("title", "— " + by if by.strip() else "", frame.style("text", 620, 38, 19), accent, gap=36),
    )
    frame.column(area, words, grow=1.35)
    frame.author(strip, mood_of(frame), mix(light, dark, 0.2), accent)
    return frame.scene


def spoken(request: ImageRequest, palette: Palette) -> Scene:
    """The character says it: a speech bubble above, or beside, the bust."""
    frame = Frame.begin(request, palette, palette.accent)
    unit, canvas, margin = frame.unit, frame.canvas, 68 * frame.unit
    said, by = _said(request)
    frame.ornament(canvas, mix(palette.accent, palette.ground, 0.12))
    side = canvas.height * 0.78 if frame.landscape else min(canvas.width * 0.66, canvas.height * 0.46)
    side = min(side, canvas.width * 0.66)
    x = canvas.right - side - margin * 0.2
    place = Box(margin * 0.2 if frame.rtl else x, canvas.bottom - side, side, side)
    if frame.landscape:
        wide = canvas.width - side * 0.94 - 2 * margin
        bubble = Box(place.right if frame.rtl else margin, margin, wide, canvas.height - 2 * margin)
        tip = (bubble.x, canvas.height * 0.62) if frame.rtl else (bubble.right, canvas.height * 0.62)
        tail = (
            f"M{tip[0]:.1f},{tip[1] - 46 * unit:.1f} "
            f"l{(-54 if frame.rtl else 54) * unit:.1f},{56 * unit:.1f} L{tip[0]:.1f},{tip[1] + 36 * unit:.1f} Z"
        )
    else:
        bubble = Box(margin, margin, canvas.width - 2 * margin, max(8.0, place.y - margin - 26 * unit))
        middle = place.x + side * 0.42
        tail = f"M{middle - 60 * unit:.1f},{bubble.bottom - 2:.1f} h{84 * unit:.1f} l{14 * unit:.1f},{60 * unit:.1f} Z"
    frame.scene.rect(bubble, palette.panel, 48 * unit)
    frame.scene.add(f'<path d="{tail}" fill="{palette.panel}"/>')
    frame.bust(place, mood_of(frame))
    inner = bubble.inset(60 * unit)
    ink = palette.ink if contrast(palette.ink, palette.panel) > 4.5 else palette.ground
    frame.column(
        inner,
        (
            Span("text", said, _words(frame, 96), ink, share=0.86),
            Span("title", by, frame.style("text", 650, 32, 18), mix(ink, palette.panel, 0.22), gap=30),
        ),
        stand="middle",
        grow=1.4,
    )
    if request.footer.strip() and not frame.landscape:
        left = place.right if frame.rtl else margin
        wide = canvas.right - margin - left if frame.rtl else max(0.0, place.x - margin)
        box = Box(left, canvas.bottom - margin - 120 * unit, max(0.0, wide), 120 * unit)
        ink = max((palette.ink, palette.ground), key=lambda tint: contrast(tint, palette.accent))
        frame.column(box, (Span("footer", request.footer, frame.style("text", 640, 30, 17), ink),), stand="bottom")
    elif request.footer.strip():
        box = Box(bubble.x + 60 * unit, bubble.bottom + 12 * unit, bubble.width - 120 * unit, margin - 24 * unit)
        ink = max((palette.ink, palette.ground), key=lambda tint: contrast(tint, palette.accent))
        frame.column(box, (Span("footer", request.footer, frame.style("text", 620, 27, 15), ink),), stand="middle")
    return frame.scene
