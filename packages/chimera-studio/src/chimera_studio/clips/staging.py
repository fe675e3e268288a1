"""What a clip's scenes look like: a ground, a character who breathes and speaks, a still that is travelled over."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import Image
from resvg_py import svg_to_bytes

from chimera_studio.characters import portraits
from chimera_studio.clips.encoding import FRAME_RATE, RATE, Size, Sound
from chimera_studio.clips.frames import Box, Canvas, Layer, Patch, eased, resampled
from chimera_studio.palettes import Palette, mix, rgb

_BLINK_MS = 130
_FLAP_MS = 1_000 // FRAME_RATE * 2
_BOX = portraits.BOX
_EYES, _MOUTH = (164, 206), (226, 270)
_NEARER = 1.06
_FIGURE = 1_060

Twos = dict[str, Patch | None]
Square = tuple[int, int, int]


def drawn(svg: str, box: tuple[float, float, float, float], width: int, height: int) -> Image.Image:
    """What is inside an SVG, as a picture of a box of it."""
    left, top, right, bottom = box
    whole = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'viewBox="{left:g} {top:g} {right - left:g} {bottom - top:g}">{svg}</svg>'
    )
    return Image.open(BytesIO(svg_to_bytes(svg_string=whole, skip_system_fonts=True))).convert("RGBA")


@dataclass(frozen=True)
class ClipLook:
    """What all scenes of a clip share."""

    size: Size
    palette: Palette
    character: str
    seed: int

    @property
    def scale(self) -> float:
        """Pixels per unit of a picture that is 1080 units wide."""
        return self.size.width / 1080

    def px(self, units: float) -> int:
        """Units as whole pixels."""
        return round(units * self.scale)

    def chance(self, subject: str) -> np.random.Generator:
        """The lot for one subject, so that drawing more for one shifts no other."""
        return np.random.default_rng([self.seed, *hashlib.sha256(subject.encode()).digest()[:8]])


class ClipScene(Protocol):
    """Something that can be painted as it is at a time since its start."""

    def paint(self, canvas: Canvas, at_ms: float, twos: Twos) -> None:
        """Paint the whole canvas. What moves on twos (once for two frames) is kept in `twos` between the two."""
        ...

    @property
    def character(self) -> Square:
        """Where the character is in the first frame."""
        ...


class Ground:
    """Soft colours that drift, and a few dots that rise."""

    def __init__(self, look: ClipLook, name: str, length_ms: int) -> None:
        self._look, self._length = look, length_ms
        chance = look.chance(f"ground:{name}")
        self._spare = (look.px(120), look.px(160))
        width, height = look.size.width + self._spare[0], look.size.height + self._spare[1]
        self._layer = Layer.of(_soft_colours(look.palette, chance, width, height))
        self._angle = float(chance.random()) * 2 * math.pi
        self._dots = [
            _Dot(float(chance.random()), float(chance.random()), 0.5 + float(chance.random()), number % 3)
            for number in range(11)
        ]
        self._drops = [_drop(look, tint) for tint in (look.palette.accent, look.palette.second, look.palette.ink)]

    def paint(self, canvas: Canvas, at_ms: float, twos: Twos) -> None:
        """Paint it over everything."""
        share = eased(at_ms / max(1, self._length)) - 0.5
        x = self._spare[0] / 2 * (1 + 0.9 * 2 * share * math.cos(self._angle))
        y = self._spare[1] / 2 * (1 + 0.9 * 2 * share * math.sin(self._angle))
        canvas.lay(self._layer, round(x), round(y))
        width, height = canvas.size.width, canvas.size.height
        for dot in self._dots:
            seconds = at_ms / 1_000
            risen = (dot.y - seconds * 0.035 * dot.pace) % 1.1 - 0.05
            left = dot.x * width + math.sin(seconds * dot.pace + dot.x * 9) * 18 * self._look.scale
            drop = self._drops[dot.tint]
            side = drop.size[0] * (0.35 + 0.5 * dot.pace)
            top = risen * height
            canvas.put(drop, (left, top, left + side, top + side), 0.55 * min(1.0, 8 * risen, 8 * (1.05 - risen)))


@dataclass(frozen=True)
class _Dot:
    x: float
    y: float
    pace: float
    tint: int


def _drop(look: ClipLook, tint: str) -> Layer:
    side = look.px(30) // 2 * 2
    return Layer.of(drawn(f'<circle cx="10" cy="10" r="8.6" fill="{tint}"/>', (0, 0, 20, 20), side, side))


def _soft_colours(palette: Palette, chance: np.random.Generator, width: int, height: int) -> Image.Image:
    """A slope of colours with wide blots in it, and a grain that keeps the slope from showing steps."""
    rows, columns = height // 8, width // 8
    down, across = np.mgrid[0:rows, 0:columns].astype(np.float32)
    slope = (down / rows)[:, :, None]
    picture = (
        np.array(rgb(palette.ground)) * (1 - slope) + np.array(rgb(mix(palette.ground, palette.accent, 0.18))) * slope
    )
    for number in range(5):
        tint = (palette.second, palette.accent, palette.panel)[number % 3]
        x, y = float(chance.random()) * columns, float(chance.random()) * rows
        reach = (0.35 + 0.35 * float(chance.random())) * columns
        weight = 0.24 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * reach**2))[:, :, None]
        picture = picture * (1 - weight) + np.array(rgb(tint)) * weight
    small = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    large = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    grain = chance.normal(0, 0.55, (height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))


class Figure:
    """The character, alive: breathes, sways, blinks by lot, and opens the mouth where the voice is loud."""

    def __init__(self, look: ClipLook, name: str, length_ms: int, mouth: Sequence[int]) -> None:
        """`mouth` says for each two frames of the scene how far it is open: 0, 1 or 2."""
        self._look, self._mouth = look, mouth
        self._side = look.px(1_200) // _BOX * _BOX
        self._blinks = _blinks(look.chance(f"blinks:{name}"), length_ms)

    def patch(self, at_ms: float, place: Box) -> Patch | None:
        """How it looks at a time, resampled for its place."""
        shut = any(start <= at_ms < start + _BLINK_MS for start in self._blinks)
        turn = int(at_ms // _FLAP_MS)
        mouth = self._mouth[turn] if turn < len(self._mouth) else 0
        layer, (first, last) = _pose(self._look.character, self._side, shut, mouth)
        seconds = at_ms / 1_000
        breath = 1 + 0.006 * math.sin(2 * math.pi * seconds / 3.7)
        sway = 5 * self._look.scale * math.sin(2 * math.pi * seconds / 5.3)
        left, top, right, bottom = place
        scale = (bottom - top) * breath / self._side
        edges = (bottom - (self._side - first) * scale, bottom - (self._side - last) * scale)
        return resampled(layer, (left + sway, edges[0], right + sway, edges[1]), self._look.size)


def _blinks(chance: np.random.Generator, length_ms: int) -> list[int]:
    at, found = 900 + int(chance.integers(0, 900)), []
    while at < length_ms:
        found.append(at)
        at += 1_900 + int(chance.integers(0, 2_400))
    return found


@lru_cache(maxsize=12)
def _pose(character: str, side: int, shut: bool, mouth: int) -> tuple[Layer, tuple[int, int]]:
    """The smiling figure with eyes or mouth of another expression, which has them in the same place; and its rows."""
    whole = _expression(character, side, "smile", (0, _BOX)).copy()
    if shut:
        whole.paste(_expression(character, side, "laugh", _EYES), (0, _EYES[0] * side // _BOX))
    if mouth:
        other = _expression(character, side, "laugh" if mouth == 2 else "surprise", _MOUTH)
        inner = (150 * side // _BOX, 0, 250 * side // _BOX, other.height)
        whole.paste(other.crop(inner), (inner[0], _MOUTH[0] * side // _BOX))
    seen = whole.getbbox() or (0, 0, side, side)
    rows = (seen[1] // 2 * 2, side)
    return Layer.of(whole.crop((0, rows[0], side, rows[1]))), rows


@lru_cache(maxsize=16)
def _expression(character: str, side: int, expression: portraits.Expression, rows: tuple[int, int]) -> Image.Image:
    top, bottom = rows
    figure = portraits.figure(character, expression)
    return drawn(figure, (0, top, _BOX, bottom), side, (bottom - top) * side // _BOX)


def mouth_shapes(speech: Sound | None, start_ms: int, end_ms: int) -> list[int]:
    """How far the mouth is open during a scene, by the loudness of what is said in it."""
    if speech is None:
        return []
    step = RATE * _FLAP_MS // 1_000
    first = start_ms * RATE // 1_000
    parts = [speech[at : at + step] for at in range(first, end_ms * RATE // 1_000, step)]
    power = np.array([float(np.sqrt(np.mean(part**2))) if len(part) else 0.0 for part in parts])
    loud = float(np.percentile(power[power > 0.01], 80)) if (power > 0.01).any() else 1.0
    return [0 if level < 0.12 * loud else 1 if level < 0.55 * loud else 2 for level in power]


class Portrait:
    """The character before a disc in the persona's colours; `reach` says how large, 1 filling the width."""

    def __init__(self, look: ClipLook, name: str, length_ms: int, mouth: Sequence[int], reach: float = 1.0) -> None:
        self._look, self._length, self._reach = look, length_ms, reach
        self._ground = Ground(look, name, length_ms)
        self._figure = Figure(look, name, length_ms, mouth)
        self._disc = _disc(look, reach)

    @property
    def head(self) -> int:
        """Where the head begins when it is nearest, in a picture that is 1080 wide."""
        height = self._look.size.height / self._look.scale
        return round(height - _FIGURE * self._reach * _NEARER * 0.84)

    @property
    def character(self) -> Square:
        """Left, top and side of the square that the character is drawn in when the scene begins."""
        side = round(self._look.px(_FIGURE) * self._reach)
        return (self._look.size.width - side) // 2, self._look.size.height - side, side

    def paint(self, canvas: Canvas, at_ms: float, twos: Twos) -> None:
        """Paint it: ground, disc and figure, each moving by its own depth."""
        look = self._look
        self._ground.paint(canvas, at_ms, twos)
        middle, height = look.size.width / 2, look.size.height
        side = self._disc.size[0]
        canvas.stamp(self._disc, round(middle - side / 2), round(height - look.px(630) * self._reach - side / 2))
        if "figure" not in twos:
            share = eased(at_ms / max(1, self._length))
            wide = look.px(_FIGURE) * self._reach * (1 + (_NEARER - 1) * share)
            twos["figure"] = self._figure.patch(at_ms, (middle - wide / 2, height - wide, middle + wide / 2, height))
        patch = twos["figure"]
        if patch is not None:
            canvas.paste(patch)


@lru_cache(maxsize=8)
def _disc(look: ClipLook, reach: float) -> Layer:
    palette = look.palette
    side = look.px(960 * reach) // 2 * 2
    inner = (
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="{palette.accent}"/>'
        f'<stop offset="1" stop-color="{mix(palette.accent, palette.second, 0.7)}"/></linearGradient></defs>'
        f'<circle cx="50" cy="50" r="42" fill="url(#g)"/>'
        f'<circle cx="50" cy="50" r="47" fill="none" stroke="{palette.accent}" stroke-width=".7" opacity=".7"/>'
        f'<circle cx="50" cy="3" r="1.7" fill="{palette.second}"/>'
        f'<circle cx="90.7" cy="73.5" r="1.2" fill="{palette.ink}"/>'
    )
    return Layer.of(drawn(inner, (0, 0, 100, 100), side, side))


class Still:
    """A given picture that the eye travels over, darker where words stand; the character looks out of a round frame."""

    def __init__(self, look: ClipLook, name: str, length_ms: int, picture: Image.Image) -> None:
        self._look, self._length = look, length_ms
        chance = look.chance(f"still:{name}")
        self._layer = Layer.of(_covering(picture, round(look.size.width * 1.16), round(look.size.height * 1.16)))
        self._closer = bool(chance.integers(0, 2))
        self._aim = (0.3 + 0.4 * float(chance.random()), 0.3 + 0.4 * float(chance.random()))
        self._shades = _shades(look)
        self._badge = ClipBadge(look)

    @property
    def character(self) -> Square:
        """Left, top and side of the round frame's square."""
        return self._badge.place

    def paint(self, canvas: Canvas, at_ms: float, twos: Twos) -> None:
        """Paint it as the camera sees it then."""
        share = eased(at_ms / max(1, self._length))
        width, height = self._layer.size
        part = 1 - 0.13 * (share if self._closer else 1 - share)
        left, top = width * (1 - part) * self._aim[0], height * (1 - part) * self._aim[1]
        canvas.fill(self._layer, (left, top, left + width * part, top + height * part))
        for shade, y in self._shades:
            canvas.stamp(shade, 0, y)
        self._badge.paint(canvas, at_ms)


class ClipBadge:
    """The character small and round, in the corner."""

    def __init__(self, look: ClipLook) -> None:
        self._look = look
        side = look.px(250) // 2 * 2
        self._layer = Layer.of(portraits.portrait(look.character, look.palette, side, "smile", True))

    @property
    def place(self) -> Square:
        """Left, top and side at rest."""
        return self._look.px(70), self._look.px(1_400), self._layer.size[0]

    def paint(self, canvas: Canvas, at_ms: float) -> None:
        """Paint it, a little up and down."""
        left, rest, side = self.place
        top = rest + 5 * self._look.scale * math.sin(at_ms / 700)
        canvas.put(self._layer, (left, top, left + side, top + side))


def _covering(picture: Image.Image, width: int, height: int) -> Image.Image:
    scale = max(width / picture.width, height / picture.height)
    wide, high = width / scale, height / scale
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    box = (left, top, left + wide, top + high)
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS, box)


def _shades(look: ClipLook) -> tuple[tuple[Layer, int], ...]:
    made = []
    for rows, y, upwards in ((look.px(560), 0, True), (look.px(900), look.size.height - look.px(900), False)):
        rows = rows // 2 * 2
        alpha = np.linspace(190, 0, rows) if upwards else np.linspace(0, 210, rows)
        pixels = np.zeros((rows, look.size.width, 4), np.uint8)
        pixels[:, :, 3] = alpha[:, None].astype(np.uint8)
        made.append((Layer.of(Image.fromarray(pixels)), y // 2 * 2))
    return tuple(made)
