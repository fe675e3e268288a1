"""Words on a clip: headings that stay and captions that follow the voice, each drawn once as a layer."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape

from chimera_studio import scenes
from chimera_studio.clips.frames import Layer
from chimera_studio.clips.staging import Look, drawn
from chimera_studio.palettes import contrast
from chimera_studio.typesetting.paragraphs import Block, Line, Style, set_text
from chimera_studio.typesetting.shaping import Run, Voice

_SIDE = 84
_PADDING = (38, 26)


@dataclass(frozen=True)
class Lettering:
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
    def of(cls, look: Look, *, on_picture: bool) -> "Inks":
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


def heading(look: Look, inks: Inks, title: str, kicker: str, rows: tuple[int, int], language: str) -> Lettering | None:
    """A title and the small line above it, within rows of a picture that is 1080 wide; None when there is neither."""
    top, bottom = rows
    canvas = scenes.Scene(1080, bottom - top, "none")
    down = 0.0
    if kicker:
        style = Style(Voice("display", 700, language), 36, 24, leading=1.2, lines=1)
        block = set_text(kicker, style, (_SIDE + 26, 10, 1080 - 2 * _SIDE - 52, 48))
        left, _, right, _ = block.ink
        canvas.rect(scenes.Box(left - 26, 0, right - left + 52, 68), inks.kicker_ground, 34)
        canvas.text("kicker", block, inks.kicker)
        down = 98
    if title:
        size = 168 if len(title) <= 24 else 124
        style = Style(Voice("display", 800, language), size, 44, leading=1.08, tracking=-0.02, lines=6, balanced=True)
        canvas.text("title", set_text(title, style, (_SIDE, down, 1080 - 2 * _SIDE, bottom - top - down)), inks.heading)
    if not canvas.parts:
        return None
    return _layer(look, canvas, 0, top, 1080, bottom)


@lru_cache(maxsize=512)
def caption(look: Look, inks: Inks, text: str, active: int, bottom: int, tail: bool, language: str) -> Lettering:
    """A caption in its panel, the word of number `active` marked; the panel ends at `bottom` of a picture 1080 wide."""
    style = Style(Voice("display", 700, language), 64, 34, leading=1.24, align="middle", lines=2, balanced=True)
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
    marked = _words(block)
    if 0 <= active < len(marked) > 1:
        for x, line, wide in marked[active]:
            middle = line.baseline - 0.355 * block.size
            box = scenes.Box(x - 7, middle - 0.54 * block.size, wide + 14, 1.08 * block.size)
            canvas.rect(box, inks.spoken_ground, 14)
    canvas.text("words", block, inks.words)
    if 0 <= active < len(marked) > 1:
        canvas.text("spoken", _only(block, marked[active]), inks.spoken)
    return _layer(look, canvas, int(panel.x) - 4, int(panel.y) - 4, int(panel.right) + 4, bottom + 40)


Place = tuple[float, Line, float]


def _words(block: Block) -> list[list[Place]]:
    """Where each word stands, in reading order: what is between two spaces of a line, with its left and its width.

    Lines that run both ways have their words out of order, so nothing is marked in them.
    """
    found: list[list[Place]] = []
    if len({run.level % 2 for line in block.lines for run in line.runs}) > 1:
        return []
    for line in block.lines:
        pen, words = line.x, []
        fresh = True
        for run in line.runs:
            wide = run.width * block.size + block.tracking * len(run.text)
            if not run.text.strip():
                fresh = True
            elif fresh:
                words.append((pen, line, wide))
                fresh = False
            else:
                words[-1] = (words[-1][0], line, pen + wide - words[-1][0])
            pen += wide
        found.extend([word] for word in (reversed(words) if block.rtl else words))
    return found


def _only(block: Block, places: list[Place]) -> Block:
    """The same block with nothing but the runs of some words."""
    kept = []
    for left, line, wide in places:
        pen, start = line.x, 0.0
        runs: list[Run] = []
        for run in line.runs:
            if left - 0.5 <= pen and pen + run.width * block.size <= left + wide + 0.5 and run.text.strip():
                start = start if runs else pen
                runs.append(run)
            pen += run.width * block.size + block.tracking * len(run.text)
        kept.append(Line(tuple(runs), start, line.baseline, wide))
    return Block(tuple(kept), block.x, block.y, block.width, block.height, block.size, block.tracking, block.rtl)


def _layer(look: Look, canvas: scenes.Scene, left: int, top: int, right: int, bottom: int) -> Lettering:
    """The painted part of a canvas as a layer at the clip's own size."""
    x, y = look.px(left) // 2 * 2, look.px(top) // 2 * 2
    width, height = look.px(right - left) // 2 * 2, look.px(bottom - top) // 2 * 2
    inner = "".join(canvas.parts)
    offset = top if canvas.height == bottom - top else 0
    picture = drawn(inner, (left, top - offset, right, bottom - offset), width, height)
    return Lettering(Layer.of(picture), x, y)
