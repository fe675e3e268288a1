"""Pictures that move, as the encoder takes them: layers in planes of brightness and colour, put onto a canvas.

Everything is turned into planes once and moved there: half the pixels of RGB, and nothing to convert per frame. A layer
is moved by resampling a box with fractions of pixels, so that slow motion does not tremble.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chimera_studio.clips.encoding import Picture, Size

Box = tuple[float, float, float, float]
_BILINEAR = Image.Resampling.BILINEAR
_Real = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture in planes; where it lets the ground through, its planes are already weakened by that."""

    y: Picture
    u: Picture
    v: Picture
    alpha: Picture | None = None
    half_alpha: Picture | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.y.shape[1], self.y.shape[0]

    @cached_property
    def images(self) -> tuple[Image.Image | None, ...]:
        """The five planes as what Pillow resamples."""
        planes = (self.y, self.u, self.v, self.alpha, self.half_alpha)
        return tuple(None if plane is None else Image.fromarray(plane) for plane in planes)

    @classmethod
    def of(cls, picture: Image.Image) -> "Layer":
        """An RGB or RGBA picture as a layer; an odd last column or row is left out."""
        even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
        if "A" not in even.getbands():
            return cls(*_planes(np.asarray(even.convert("RGB"), np.float32)))
        pixels = np.asarray(even.convert("RGBA"), np.float32)
        alpha = pixels[:, :, 3]
        half = _halved(alpha)
        y, u, v = _planes(pixels[:, :, :3], alpha / 255)
        return cls(y, u, v, _bytes(alpha), _bytes(half))


def _planes(rgb: _Real, share: _Real | None = None) -> tuple[Picture, Picture, Picture]:
    """BT.709 in the narrow range, colours at half the size, all times the share of the ground they cover."""
    red, green, blue = (rgb[:, :, part] / 255 for part in range(3))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    whole = np.ones_like(light) if share is None else share
    part = _halved(whole)
    y = (16 + 219 * light) * whole
    u = 128 * part + 224 / 1.8556 * _halved((blue - light) * whole)
    v = 128 * part + 224 / 1.5748 * _halved((red - light) * whole)
    return _bytes(y), _bytes(u), _bytes(v)


def _halved(plane: _Real) -> _Real:
    summed = plane[::2] + plane[1::2]
    return np.asarray((summed[:, ::2] + summed[:, 1::2]) * np.float32(0.25), np.float32)


def _bytes(plane: _Real) -> Picture:
    return np.clip(np.round(plane), 0, 255).astype(np.uint8)


class Canvas:
    """One frame that is drawn on; `frame` is what the encoder takes."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.frame: Picture = np.empty(size.planes, np.uint8)
        height, quarter = size.height, size.height // 4
        half = (size.height // 2, size.width // 2)
        self.y = self.frame[:height]
        self.u = self.frame[height : height + quarter].reshape(half)
        self.v = self.frame[height + quarter :].reshape(half)

    def lay(self, layer: Layer, x: int, y: int) -> None:
        """Fill the canvas with the part of an opaque layer that begins at x, y; both are taken as even."""
        x, y = x // 2 * 2, y // 2 * 2
        for plane, source, scale in ((self.y, layer.y, 1), (self.u, layer.u, 2), (self.v, layer.v, 2)):
            left, top = x // scale, y // scale
            rows, columns = plane.shape
            plane[:] = source[top : top + rows, left : left + columns]

    def fill(self, layer: Layer, box: Box) -> None:
        """Fill the canvas with a box of an opaque layer, resampled."""
        for plane, source, scale in zip((self.y, self.u, self.v), layer.images, (1, 2, 2), strict=False):
            assert source is not None
            rows, columns = plane.shape
            plane[:] = np.asarray(source.resize((columns, rows), _BILINEAR, _parted(box, scale)))

    def put(self, layer: Layer, place: Box, opacity: float = 1.0) -> None:
        """Put a layer so that it covers `place` of the canvas; see `resampled`."""
        patch = resampled(layer, place, self.size)
        if patch is not None:
            self.paste(patch, opacity)

    def paste(self, patch: "Patch", opacity: float = 1.0) -> None:
        """Put what was resampled before where it belongs."""
        for plane, above, covers, scale in (
            (self.y, patch.y, patch.alpha, 1),
            (self.u, patch.u, patch.half_alpha, 2),
            (self.v, patch.v, patch.half_alpha, 2),
        ):
            rows, columns = above.shape
            left, top = patch.left // scale, patch.top // scale
            _over(plane[top : top + rows, left : left + columns], above, covers, opacity)

    def stamp(self, layer: Layer, x: int, y: int, opacity: float = 1.0) -> None:
        """Put a layer as it is, its corner at x, y (taken as even); what is outside the canvas is left out."""
        x, y = x // 2 * 2, y // 2 * 2
        left, top = max(0, x), max(0, y)
        right = min(self.size.width, x + layer.size[0])
        bottom = min(self.size.height, y + layer.size[1])
        if left >= right or top >= bottom or opacity <= 0:
            return
        for plane, source, alpha, scale in (
            (self.y, layer.y, layer.alpha, 1),
            (self.u, layer.u, layer.half_alpha, 2),
            (self.v, layer.v, layer.half_alpha, 2),
        ):
            rows = slice((top - y) // scale, (bottom - y) // scale)
            columns = slice((left - x) // scale, (right - x) // scale)
            under = plane[top // scale : bottom // scale, left // scale : right // scale]
            covers = None if alpha is None else alpha[rows, columns]
            _over(under, source[rows, columns], covers, opacity)


@dataclass(frozen=True)
class Patch:
    """A layer as it looks at one place of one size of canvas, to be put there on several frames."""

    left: int
    top: int
    y: Picture
    u: Picture
    v: Picture
    alpha: Picture | None
    half_alpha: Picture | None


def resampled(layer: Layer, place: Box, size: Size) -> Patch | None:
    """A layer made to cover `place` (left, top, right, bottom, in fractions of pixels); None when that is outside."""
    width, height = layer.size
    sideways, upright = width / (place[2] - place[0]), height / (place[3] - place[1])
    left, top = (max(0, math.ceil(edge / 2) * 2) for edge in place[:2])
    right, bottom = min(size.width, int(place[2] // 2) * 2), min(size.height, int(place[3] // 2) * 2)
    if left >= right or top >= bottom:
        return None
    box = (
        max(0.0, (left - place[0]) * sideways),
        max(0.0, (top - place[1]) * upright),
        min(float(width), (right - place[0]) * sideways),
        min(float(height), (bottom - place[1]) * upright),
    )

    def fitted(source: Image.Image | None, scale: int) -> Picture | None:
        if source is None:
            return None
        return np.asarray(
            source.resize(((right - left) // scale, (bottom - top) // scale), _BILINEAR, _parted(box, scale))
        )

    y, u, v, alpha, half = (fitted(source, scale) for source, scale in zip(layer.images, (1, 2, 2, 1, 2), strict=True))
    assert y is not None and u is not None and v is not None
    return Patch(left, top, y, u, v, alpha, half)


def _parted(box: Box, scale: int) -> Box:
    return box[0] / scale, box[1] / scale, box[2] / scale, box[3] / scale


def _over(under: Picture, above: Picture, covers: Picture | None, opacity: float) -> None:
    """Put `above`, weakened by what it covers, onto what is under it; both have room below 255 (the narrow range)."""
    if opacity <= 0:
        return
    if covers is None and opacity >= 1:
        under[:] = above
        return
    if opacity < 1:
        share = np.uint16(round(opacity * 256))
        covers = np.full(under.shape, share - 1, np.uint8) if covers is None else _weakened(covers, share)
        above = _weakened(above, share)
    shown = under.astype(np.uint16)
    shown *= np.uint8(255) - covers if covers is not None else np.uint8(0)
    # A whole 255 more, so that nothing is lost where nothing covers.
    shown += np.uint16(255)
    shown >>= np.uint16(8)
    shown += above
    under[:] = shown


def _weakened(plane: Picture, share: np.uint16) -> Picture:
    return np.asarray((plane.astype(np.uint16) * share) >> np.uint16(8), np.uint8)


def picture_of(canvas: Canvas) -> Image.Image:
    """A frame as an RGB picture."""
    light = (canvas.y.astype(np.float32) - 16) / 219
    blue, red = (
        (np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1).astype(np.float32) - 128) / 224
        for plane in (canvas.u, canvas.v)
    )
    r, b = light + 1.5748 * red, light + 1.8556 * blue
    g = (light - 0.2126 * r - 0.0722 * b) / 0.7152
    return Image.fromarray(_bytes(np.stack([r, g, b], axis=2) * 255))


def dissolved(one: Picture, other: Picture, share: float) -> Picture:
    """A frame with `share` of the other in it."""
    weight = round(min(1.0, max(0.0, share)) * 256)
    # The spare bit above eight makes 255 * 256 fit sixteen.
    mixed = one.astype(np.uint16) * np.uint16(256 - weight) + other * np.uint16(weight)
    return np.asarray(mixed >> 8, np.uint8)


def pushed(one: Canvas, other: Canvas, share: float, *, upwards: bool) -> Canvas:
    """The other frame pushes the one out, to the left or upwards."""
    result = Canvas(one.size)
    for into, first, second in ((result.y, one.y, other.y), (result.u, one.u, other.u), (result.v, one.v, other.v)):
        length = into.shape[0 if upwards else 1]
        # Counted in the colour planes' pixels, so that the colours keep step.
        whole = one.size.height if upwards else one.size.width
        step = round(share * whole / 2) * 2 * length // whole
        if upwards:
            into[: length - step], into[length - step :] = first[step:], second[:step]
        else:
            into[:, : length - step], into[:, length - step :] = first[:, step:], second[:, :step]
    return result


def eased(share: float) -> float:
    """A movement that starts and ends gently: 0 to 1."""
    held = min(1.0, max(0.0, share))
    return held * held * (3 - 2 * held)
