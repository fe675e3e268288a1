"""Words on a clip: headings that stay and captions that follow the voice, each drawn once as a layer."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from io import BytesIO

from PIL import Image

from chimera_studio import scenes
from chimera_studio.clips.frames import Layer
from chimera_studio.clips.staging import ClipLook
from chimera_studio.palettes import contrast
from chimera_studio.setting.blocks import Style, set_text
from chimera_studio.setting.letters import runs_both_ways

_SIDE = 84
_PADDING = (38, 26)


@dataclass(frozen=True)
class Inlay:
    """A drawn text and where its corner belongs, in pixels."""

    layer: Layer
    x: int
    y: int


@dataclass(frozen=True)
class Inks:
    """The colours of words on one kind of scene."""

    heading: str
    kicker: str
    kicker_ground: str
    panel: str
    words: str
    spoken: str
    spoken_ground: str

    @classmethod
    def of(cls, look: ClipLook, *, on_picture: bool) -> "Inks":
        """White words over a picture, else the persona's colours."""
        palette = look.palette
        return cls(
            "#ffffff" if on_picture else palette.ink,
            _on(palette.accent),
            palette.accent,
            "#101014" if on_picture else palette.ink,
            "#ffffff" if on_picture else palette.ground,
            _on(palette.accent),
            palette.accent,
        )


def _on(ground: str) -> str:
    """What can be read on a colour."""
    return max(("#ffffff", "#101014"), key=lambda ink: contrast(ink, ground))


def heading(look: ClipLook, inks: Inks, title: str, kicker: str, rows: tuple[int, int], language: str) -> Inlay | None:
    """A title and the small line above it, within rows of a picture that is 1080 wide; None when there is neither."""
    top, bottom = rows
    canvas = scenes.Scene(1080, bottom - top, "none")
    down = 0.0
    if kicker:
        style = Style("display", 700, 36, 24, leading=1.2, lines=1, language=language)
        block = set_text(kicker, style, (_SIDE + 26, 10, 1080 - 2 * _SIDE - 52, 48))
        left, _, right, _ = block.ink
        canvas.rect(scenes.Box(left - 26, 0, right - left + 52, 68), inks.kicker_ground, 34)
        canvas.text("kicker", block, inks.kicker)
        down = 98
    if title:
        size = 168 if len(title) <= 24 else 124
        style = Style("display", 800, size, 44, 1.08, -0.02, lines=6, balanced=True, language=language)
        canvas.text("title", set_text(title, style, (_SIDE, down, 1080 - 2 * _SIDE, bottom - top - down)), inks.heading)
    if not canvas.letterings:
        return None
    return _layer(look, canvas, scenes.Box(0, 0, 1080, bottom - top), top)


@lru_cache(maxsize=512)
def caption(look: ClipLook, inks: Inks, text: str, active: int, bottom: int, tail: bool, language: str) -> Inlay:
    """A caption in its panel, the word of number `active` marked; the panel ends at `bottom` of a picture 1080 wide."""
    style = Style("display", 700, 64, 34, 1.24, align="middle", lines=2, balanced=True, language=language)
    across = 1080 - 2 * (_SIDE + _PADDING[0])
    block = set_text(text, style, (_SIDE + _PADDING[0], 0, across, 170))
    left, _, right, low = block.ink
    block = block.moved(0, bottom - low - _PADDING[1])
    panel = scenes.Box(left - _PADDING[0], bottom - low - 2 * _PADDING[1], 0, low + 2 * _PADDING[1])
    panel = scenes.Box(panel.x, panel.y, right - left + 2 * _PADDING[0], panel.height)
    canvas = scenes.Scene(1080, 1920, "none")
    canvas.rect(panel, inks.panel, 34, 0.92)
    if tail:
        canvas.add(
            f'<path d="M516,{bottom} L564,{bottom} L540,{bottom + 34} Z" fill="{escape(inks.panel)}" opacity=".92"/>'
        )
    # In a line that runs both ways words are out of order, and a single word is being said all the time.
    several = len(text.split()) > 1 and not runs_both_ways(block.text)
    canvas.blocks["words"] = block
    canvas.letterings.append(
        scenes.Lettering(block, inks.words, active if several else -1, inks.spoken, inks.spoken_ground)
    )
    left, top = int(panel.x) - 4, int(panel.y) - 4
    return _layer(look, canvas, scenes.Box(left, top, int(panel.right) + 4 - left, bottom + 40 - top), 0)


def _layer(look: ClipLook, canvas: scenes.Scene, box: scenes.Box, down: int) -> Inlay:
    """A box of a canvas as a layer at the clip's own size; the canvas begins `down` units below the frame's top."""
    x, y = look.px(box.x) // 2 * 2, look.px(box.y + down) // 2 * 2
    width, height = look.px(box.width) // 2 * 2, look.px(box.height) // 2 * 2
    painted = Image.open(BytesIO(canvas.png(box, look.scale))).convert("RGBA")
    return Inlay(Layer.of(painted.crop((0, 0, width, height))), x, y)
