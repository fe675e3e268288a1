"""Cards: a headline, a few sentences and the author. Four layouts, chosen by the seed."""

from collections.abc import Callable

from chimera_studio.characters.portraits import Expression
from chimera_studio.palettes import Palette, contrast, mix
from chimera_studio.pictures.frame import Frame
from chimera_studio.requests import ImageRequest
from chimera_studio.scenes import Box, Scene
from chimera_studio.setting.blocks import Span

_MOODS: tuple[Expression, ...] = ("smile", "laugh", "think", "wink", "surprise", "turn_left")


def card(request: ImageRequest, palette: Palette) -> Scene:
    """One card."""
    layouts: tuple[Callable[[ImageRequest, Palette], Scene], ...] = (editorial, standing, panelled, banded)
    return layouts[request.seed % len(layouts)](request, palette)


def mood_of(frame: Frame) -> Expression:
    """The character's mood, by lot, with a smile most often."""
    return frame.lot.choice((*_MOODS, "smile", "smile"))


def editorial(request: ImageRequest, palette: Palette) -> Scene:
    """Large type on a quiet ground, a rule, the author below."""
    frame = Frame.begin(request, palette, palette.ground)
    unit, margin = frame.unit, 84 * frame.unit
    rtl, mood = frame.rtl, mood_of(frame)
    strip = frame.strip(margin)
    side = 330 * unit
    corner = (
        Box(-side * 0.35, -side * 0.5, side, side)
        if rtl
        else Box(frame.canvas.right - side * 0.65, -side * 0.5, side, side)
    )
    frame.scene.circle(corner.x + side / 2, corner.y + side / 2, side / 2, palette.accent)
    frame.scene.circle(corner.x + side * (1.02 if rtl else -0.02), corner.y + side * 0.86, side * 0.13, palette.second)
    bar_y = margin + 8 * unit
    bar = Box(strip.right - 92 * unit if rtl else margin, bar_y, 92 * unit, 14 * unit)
    frame.scene.rect(bar, palette.accent, 7 * unit)
    top = bar_y + (14 + 76) * unit
    rule = strip.y - 44 * unit
    frame.scene.rect(Box(margin, rule, strip.width, max(1.0, 2 * unit)), palette.line)
    area = Box(margin, top, strip.width, max(0.0, rule - top - 44 * unit))
    size = 128 if request.text.strip() else 152
    frame.column(
        area,
        (
            Span("title", request.title, frame.headline(size), palette.ink, share=0.66),
            Span("text", request.text, frame.body(42), palette.muted, gap=44),
        ),
        grow=1.4,
    )
    frame.author(strip, mood, palette.ink, palette.accent)
    return frame.scene


def standing(request: ImageRequest, palette: Palette) -> Scene:
    """The character stands at the lower edge, the words above or beside it."""
    frame = Frame.begin(request, palette, palette.ground)
    unit, margin, canvas = frame.unit, 84 * frame.unit, frame.canvas
    rtl, mood = frame.rtl, mood_of(frame)
    if frame.landscape:
        side = min(canvas.width * 0.44, canvas.height * 0.92)
        panel = Box(canvas.right - side * 1.06, 0, side * 1.06, canvas.height)
        if rtl:
            panel = Box(0, 0, panel.width, panel.height)
        text = Box(panel.right + margin if rtl else margin, margin, canvas.width - panel.width - 2 * margin, 0)
        text = Box(text.x, text.y, text.width, canvas.height - 2 * margin)
        place = Box(panel.x + side * 0.03, canvas.bottom - side, side, side)
    else:
        side = min(canvas.width * 0.62, canvas.height * 0.44)
        panel = Box(0, canvas.bottom - side * 0.72, canvas.width, side * 0.72)
        place = Box(margin * 0.4 if rtl else canvas.right - side - margin * 0.4, canvas.bottom - side, side, side)
        text = Box(margin, margin, canvas.width - 2 * margin, max(0.0, place.y - 2 * margin + 26 * unit))
    frame.scene.rect(panel, palette.accent)
    frame.ornament(panel, mix(palette.accent, palette.ground, 0.14))
    frame.bust(place, mood)
    frame.column(
        text,
        (
            Span("title", request.title, frame.headline(120 if request.text.strip() else 150), palette.ink, share=0.64),
            Span("text", request.text, frame.body(38), palette.muted, gap=36),
            *((_footer(frame, palette.accent),) if frame.landscape else ()),
        ),
        stand="middle" if frame.landscape else "top",
        grow=1.3,
    )
    if not frame.landscape:
        left = place.right + margin * 0.3 if rtl else margin
        wide = (canvas.right - margin - left) if rtl else max(0.0, place.x - margin * 1.1)
        ink = max((palette.ink, palette.ground), key=lambda tint: contrast(tint, palette.accent))
        box = Box(left, panel.y + 60 * unit, max(0.0, wide), max(0.0, panel.height - 120 * unit))
        frame.column(box, (Span("footer", request.footer, frame.style("text", 650, 34, 18, 1.3), ink),), stand="bottom")
    return frame.scene


def panelled(request: ImageRequest, palette: Palette) -> Scene:
    """A panel on a coloured ground; the author's portrait sits on its upper edge."""
    frame = Frame.begin(request, palette, palette.accent)
    unit, canvas = frame.unit, frame.canvas
    rtl, mood = frame.rtl, mood_of(frame)
    frame.ornament(canvas, mix(palette.accent, palette.ground, 0.12))
    side = min(230 * unit, canvas.width * 0.4, canvas.height * 0.3)
    panel = Box(0, 0, canvas.width, canvas.height).inset(64 * unit)
    panel = Box(panel.x, panel.y + side * 0.5, panel.width, max(0.0, panel.height - side * 0.5))
    frame.scene.rect(
        Box(panel.x + 14 * unit, panel.y + 18 * unit, panel.width, panel.height), "#000000", 44 * unit, 0.16
    )
    frame.scene.rect(panel, palette.panel, 44 * unit)
    inner = panel.inset(72 * unit)
    place = Box(inner.right - side if rtl else inner.x - 8 * unit, panel.y - side * 0.5, side, side)
    frame.portrait(place, mood, palette.panel)
    top = place.bottom + 52 * unit
    area = Box(inner.x, top, inner.width, max(0.0, inner.bottom - top))
    foot = min(64 * unit, area.height * 0.16) if request.footer.strip() else 0.0
    frame.column(
        Box(area.x, area.y, area.width, area.height - foot),
        (
            Span("title", request.title, frame.headline(112, serif=True), palette.ink, share=0.64),
            Span("text", request.text, frame.body(40), mix(palette.ink, palette.panel, 0.25), gap=40),
        ),
        stand="middle" if not request.text.strip() else "top",
        grow=1.4,
    )
    frame.column(Box(area.x, area.bottom - foot, area.width, foot), (_footer(frame, palette.ink),), stand="bottom")
    return frame.scene


def banded(request: ImageRequest, palette: Palette) -> Scene:
    """A band of colour with the character in it; below it, or beside it, the words."""
    frame = Frame.begin(request, palette, palette.ground)
    unit, canvas, margin = frame.unit, frame.canvas, 76 * frame.unit
    rtl, mood = frame.rtl, mood_of(frame)
    inside = canvas.inset(margin * 0.7)
    if frame.landscape:
        panel = Box(inside.x, inside.y, inside.width * 0.4, inside.height)
        if rtl:
            panel = Box(inside.right - panel.width, panel.y, panel.width, panel.height)
        left = inside.x if rtl else panel.right + margin
        area = Box(left, inside.y + margin * 0.4, inside.width - panel.width - margin, inside.height - margin * 0.8)
    else:
        panel = Box(inside.x, inside.y, inside.width, inside.height * 0.42)
        top = panel.bottom + 56 * unit
        area = Box(inside.x + 12 * unit, top, inside.width - 24 * unit, max(0.0, inside.bottom - top))
    side = min(panel.width * 0.96, panel.height * 0.98)
    place = Box(panel.x + (panel.width - side) / 2, panel.bottom - side, side, side)
    frame.clipped_bust(panel, place, mood, palette.second, 40 * unit)
    foot = min(56 * unit, area.height * 0.16) if request.footer.strip() else 0.0
    frame.column(
        Box(area.x, area.y, area.width, area.height - foot),
        (
            Span("title", request.title, frame.headline(100), palette.ink, share=0.64),
            Span("text", request.text, frame.body(37), palette.muted, gap=32),
        ),
        stand="middle" if frame.landscape else "top",
        grow=1.35,
    )
    frame.column(Box(area.x, area.bottom - foot, area.width, foot), (_footer(frame, palette.muted),), stand="bottom")
    return frame.scene


def _footer(frame: Frame, fill: str) -> Span:
    style = frame.style("text", 620, 29, 17, 1.3)
    return Span("footer", frame.request.footer, style, fill, gap=44)
