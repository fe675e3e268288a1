"""From a request to finished pictures: checks it, picks the palette and the layout, says what was cut."""

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from chimera_studio.palettes import Palette, palette_for
from chimera_studio.pictures.art import art
from chimera_studio.pictures.cards import card
from chimera_studio.pictures.carousels import slide
from chimera_studio.pictures.charts import chart
from chimera_studio.pictures.quotes import quote
from chimera_studio.requests import CharacterBox, Cut, ImageRequest, Tier
from chimera_studio.rules import (
    MOST_FOOTER,
    MOST_LABEL,
    MOST_ROWS,
    MOST_SLIDES,
    MOST_TEXT,
    MOST_TITLE,
    DrawingRefused,
    StudioError,
    check_length,
    check_reference,
    check_size,
)
from chimera_studio.scenes import Box, Scene

_QUALITY: dict[Tier, int] = {"daily": 90, "hero": 96}


def check(request: ImageRequest) -> Palette:
    """Refuse what cannot or should not be drawn; the answer is the palette to draw with.

    Raises:
        StudioError: A bound is broken, something that the kind needs is missing, or the palette is none.
    """
    check_reference(request.character_reference_id)
    check_size(request.width, request.height)
    check_length("title", request.title, MOST_TITLE)
    check_length("text", request.text, MOST_TEXT)
    check_length("footer", request.footer, MOST_FOOTER)
    check_length("unit", request.unit, 12)
    check_length("language", request.language, 35)
    check_length("palette", request.palette, 80)
    if len(request.slides) > MOST_SLIDES or len(request.data) > MOST_ROWS:
        raise StudioError(DrawingRefused.TOO_MANY, f"{MOST_SLIDES} slides and {MOST_ROWS} data rows at most")
    for row in request.data:
        check_length("a row's label", row.label, MOST_LABEL)
    for one in request.slides:
        check_length("a slide's title", one.title, MOST_TITLE)
        check_length("a slide's text", one.text, MOST_TEXT)
    _check_needs(request)
    try:
        return palette_for(request.palette, request.character_reference_id)
    except ValueError as error:
        raise StudioError(DrawingRefused.INVALID, str(error)) from error


def _check_needs(request: ImageRequest) -> None:
    written = (request.title + request.text).strip()
    needed = {
        "card": (bool(written), "a card needs a title or a text"),
        "quote": (bool(written), "a quote needs a text"),
        "chart": (bool(request.data), "a chart needs data rows"),
        "carousel": (bool(request.slides), "a carousel needs slides"),
        "art": (True, ""),
    }
    there, reason = needed[request.kind]
    if not there:
        raise StudioError(DrawingRefused.INVALID, reason)
    if request.kind == "carousel" and not all((one.title + one.text).strip() for one in request.slides):
        raise StudioError(DrawingRefused.INVALID, "every slide needs a title or a text")
    if request.kind == "chart" and request.chart == "line" and len(request.data) < 2:
        raise StudioError(DrawingRefused.INVALID, "a line needs two data rows at least")


def draw(request: ImageRequest, palette: Palette) -> Iterator[Scene]:
    """The pictures of a checked request, one after the other: several for a carousel, else one."""
    if request.kind == "carousel":
        for number in range(len(request.slides)):
            yield slide(request, palette, number)
        return
    yield {"card": card, "quote": quote, "chart": chart, "art": art}[request.kind](request, palette)


def draw_card(request: ImageRequest) -> Image.Image:
    """The first picture of a request as a Pillow image, for whoever builds on it. StudioError as for `check`."""
    return next(draw(request, check(request))).image()


def encoded(scene: Scene, request: ImageRequest) -> tuple[bytes, str]:
    """The picture's bytes and their extension: PNG for type and flat colour, JPEG for art."""
    if request.kind != "art":
        return scene.png(), "png"
    buffer = BytesIO()
    scene.image().save(buffer, "JPEG", quality=_QUALITY[request.tier], subsampling=0, optimize=True)
    return buffer.getvalue(), "jpg"


def seen(scene: Scene) -> CharacterBox:
    """Where the character is, as far as it is on the canvas."""
    box = scene.character or Box(0, 0, scene.width, scene.height)
    x, y = max(0, round(box.x)), max(0, round(box.y))
    return CharacterBox(
        x=x, y=y, width=min(scene.width, round(box.right)) - x, height=min(scene.height, round(box.bottom)) - y
    )


def cuts(scene: Scene, prefix: str = "") -> list[Cut]:
    """What of the texts is not in the picture."""
    found = []
    for name, block in scene.blocks.items():
        if block.cut:
            found.append(Cut(part=prefix + name, characters=block.cut, reason="no room"))
        if block.missing:
            found.append(Cut(part=prefix + name, characters=block.missing, reason="no glyph"))
    return found
