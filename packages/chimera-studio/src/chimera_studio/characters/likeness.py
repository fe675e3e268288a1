"""Whether two pictures show the same character: a perceptual measure without any model.

Both crops are laid on one grid. In the parts of the grid that are face, hair and clothes on every figure of this
studio, colours are compared cell by cell in CIE Lab, forgiving small shifts, because moods and turns move features
but not hair, skin and clothes. The measure is made for drawn characters; it knows nothing of photographs.
"""

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from chimera_studio.characters.sheets import FRONT, HEIGHT, WIDTH
from chimera_studio.requests import CharacterBox, Likeness
from chimera_studio.rules import MOST_IMAGE_PIXELS, DrawingRefused, StudioError

THRESHOLD = 68
# Looking everywhere finds the most flattering place, so a figure that had to be searched for must be more alike.
SEARCHED_THRESHOLD = 78

_GRID = 40
_COARSE = 12
_MIDDLE = 20
_NEAR, _FAR = 7.0, 26.0
_SEARCH_SIDE = 240
_MIDDLE_SIDE = 480
_LEAST_FACE = 20

Numbers = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Parts:
    """How alike the parts of two figures are, 0 to 1 each."""

    face: float
    hair: float
    clothes: float

    @property
    def score(self) -> int:
        """All parts together, 0 to 100; one that differs plainly cannot be made up for by the others."""
        mean = 0.4 * self.face + 0.3 * self.hair + 0.3 * self.clothes
        worst = min(self.face, self.hair, self.clothes)
        return round(100 * (0.65 * mean + 0.35 * worst))

    @property
    def reasons(self) -> list[str]:
        """Each part in words."""
        named = (("face", self.face), ("hair", self.hair), ("clothes", self.clothes))
        return [
            f"{name} {'alike' if share >= 0.7 else 'alike in part' if share >= 0.45 else 'different'} "
            f"({round(100 * share)})"
            for name, share in named
        ]


def open_image(data: bytes) -> Image.Image:
    """A picture from its bytes. StudioError when it is none, or has too many pixels."""
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as found:
            if found.width * found.height > MOST_IMAGE_PIXELS:
                raise StudioError(DrawingRefused.TOO_LARGE, f"the picture has more than {MOST_IMAGE_PIXELS} pixels")
            return found.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise StudioError(
            DrawingRefused.UNREADABLE, "the file is no PNG, JPEG or WebP picture that can be read"
        ) from error


def compare(image: Image.Image, reference: Image.Image, box: CharacterBox | None = None,
            reference_box: CharacterBox | None = None) -> Likeness:  # fmt: skip
    """Say whether the figure in a picture is the one of the reference.

    Args:
        box: Where the figure is; without it the figure is searched for.
        reference_box: The same for the reference; without it a reference sheet's front view, or the whole picture.
    """
    front = _crop(reference, reference_box or _front(reference))
    if box is not None:
        parts, threshold = _alike(_crop(image, box), front), THRESHOLD
        where = "the figure at the given box"
    else:
        places = _search(image, front)
        parts = max((_alike(_crop(image, place), front) for place in places), key=lambda found: found.score)
        threshold, where = SEARCHED_THRESHOLD, "the best place found in the picture"
    return Likeness(
        same=parts.score >= threshold, score=parts.score, threshold=threshold, reasons=[*parts.reasons, where]
    )


def _front(reference: Image.Image) -> CharacterBox:
    if abs(reference.width / reference.height - WIDTH / HEIGHT) < 0.01:
        scale = reference.width / WIDTH
        return CharacterBox(
            x=round(FRONT.x * scale), y=round(FRONT.y * scale), width=round(FRONT.width * scale),
            height=round(FRONT.height * scale),
        )  # fmt: skip
    return CharacterBox(x=0, y=0, width=reference.width, height=reference.height)


def _crop(image: Image.Image, box: CharacterBox) -> Image.Image:
    right, bottom = box.x + box.width, box.y + box.height
    if box.x < 0 or box.y < 0 or box.width < 8 or box.height < 8 or right > image.width or bottom > image.height:
        raise StudioError(DrawingRefused.INVALID, "the box is not inside the picture, or smaller than 8 by 8")
    return image.crop((box.x, box.y, right, bottom))


def _cells(image: Image.Image, grid: int) -> Numbers:
    return _lab(_shares(image.resize((grid, grid), Image.Resampling.BOX)))


def _shares(image: Image.Image) -> Numbers:
    """The colours of a picture, 0 to 1."""
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _lab(colours: Numbers) -> Numbers:
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
                       [0.0193339, 0.119192, 0.9503041]], dtype=np.float32)  # fmt: skip
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883], dtype=np.float32)
    roots = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    light, red, yellow = 116 * roots[..., 1] - 16, roots[..., 0] - roots[..., 1], roots[..., 1] - roots[..., 2]
    return np.stack([light, 500 * red, 200 * yellow], axis=-1).astype(np.float32)


@cache
def _masks(grid: int) -> tuple[Mask, Mask, Mask]:
    """The cells of face, hair and clothes on a grid; the figures of the studio all stand alike in their box."""
    rows, columns = np.mgrid[0:grid, 0:grid]
    y, x = (rows + 0.5) * 400 / grid, (columns + 0.5) * 400 / grid
    face = ((x - 200) / 62) ** 2 + ((y - 208) / 70) ** 2 <= 1
    crown = (((x - 200) / 68) ** 2 + ((y - 150) / 72) ** 2 <= 1) & (y < 138)
    clothes = (y > 338) & (y < 384) & (np.abs(x - 200) < 96)
    return face, crown & ~face, clothes


def _alike(figure: Image.Image, front: Image.Image) -> _Parts:
    # A small figure has lost its fine lines, so the reference loses them too before the two are compared.
    if figure.width < front.width:
        front = front.resize(figure.size, Image.Resampling.BOX)
    one, other = _cells(figure, _GRID), _cells(front, _GRID)
    face, hair, clothes = (_share(one, other, mask) for mask in _masks(_GRID))
    return _Parts(face, hair, clothes)


def _share(one: Numbers, other: Numbers, mask: Mask) -> float:
    """How much of a part agrees: each cell with the nearest of the cells around it in the other picture, both ways."""
    return min(_one_way(one, other, mask), _one_way(other, one, mask))


def _one_way(one: Numbers, other: Numbers, mask: Mask) -> float:
    padded = np.pad(other, ((2, 2), (2, 2), (0, 0)), mode="edge")
    side = one.shape[0]
    least = np.full(mask.sum(), np.inf, dtype=np.float32)
    for down in range(5):
        for right in range(5):
            shifted = padded[down : down + side, right : right + side]
            least = np.minimum(least, np.sqrt(((one[mask] - shifted[mask]) ** 2).sum(axis=-1)))
    return float(np.clip((_FAR - least) / (_FAR - _NEAR), 0, 1).mean())


def _search(image: Image.Image, front: Image.Image) -> list[CharacterBox]:
    """The places in a picture, of any size, that are most like the reference at a glance."""
    small, wanted = _shrunk(image, _SEARCH_SIDE), _cells(front, _COARSE)
    mask = np.logical_or.reduce(_masks(_COARSE))
    places: list[tuple[float, CharacterBox]] = []
    side = float(min(small.size))
    while side >= min(_LEAST_FACE, *small.size):
        scale = _COARSE / side
        size = max(_COARSE, round(small.width * scale)), max(_COARSE, round(small.height * scale))
        field = _lab(_shares(small.resize(size, Image.Resampling.BOX)))
        windows = np.lib.stride_tricks.sliding_window_view(field, (_COARSE, _COARSE), axis=(0, 1))
        cost = _glance(windows[..., mask], wanted[mask].T, 2)
        row, column = divmod(int(cost.argmin()), cost.shape[1])
        places.append((float(cost[row, column]), _place(image, size, row, column)))
        side /= 1.09
    best = sorted(places, key=lambda place: place[0])[:4]
    near = [place for _, found in best for place in _around(image, found)]
    middle, mask = _shrunk(image, _MIDDLE_SIDE), np.logical_or.reduce(_masks(_MIDDLE))
    wanted, scale = _cells(front, _MIDDLE)[mask].T, middle.width / image.width
    costs = []
    for place in near:
        box = (place.x * scale, place.y * scale, (place.x + place.width) * scale, (place.y + place.height) * scale)
        cells = middle.resize((_MIDDLE, _MIDDLE), Image.Resampling.BOX, box=_inside(box, middle))
        costs.append(float(_glance(_lab(_shares(cells))[mask].T, wanted, 0)))
    return [near[number] for number in np.argsort(costs)[:6]]


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    share = min(1.0, side / max(image.size))
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.BOX)


def _inside(box: tuple[float, float, float, float], image: Image.Image) -> tuple[float, float, float, float]:
    return box[0], box[1], min(box[2], image.width), min(box[3], image.height)


def _glance(cells: Numbers, wanted: Numbers, axis: int) -> Numbers:
    """How far colours are from those of the reference; one cell that is far off counts no more than another."""
    gaps = np.abs(cells - wanted).sum(axis=axis)
    return np.asarray(np.minimum(gaps, 3 * _FAR).mean(axis=-1), dtype=np.float32)


def _place(image: Image.Image, size: tuple[int, int], row: int, column: int) -> CharacterBox:
    wide, tall = image.width / size[0], image.height / size[1]
    x, y = round(column * wide), round(row * tall)
    return CharacterBox(
        x=x, y=y, width=min(image.width - x, round(_COARSE * wide)), height=min(image.height - y, round(_COARSE * tall))
    )


def _around(image: Image.Image, place: CharacterBox) -> list[CharacterBox]:
    """A place and its neighbours, a little moved and a little larger or smaller."""
    found = []
    for grow in (-0.05, 0.0, 0.05):
        side = max(8, round(place.width * (1 + grow)))
        for right in (-0.04, 0.0, 0.04):
            for down in (-0.04, 0.0, 0.04):
                x = round(place.x + place.width * (right - grow / 2))
                y = round(place.y + place.height * (down - grow / 2))
                if x >= 0 and y >= 0 and x + side <= image.width and y + side <= image.height:
                    found.append(CharacterBox(x=x, y=y, width=side, height=side))
    return found or [place]
