"""Layers put on a canvas, against Pillow's own composition in RGB."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from chimera_studio.clips.encoding import Size
from chimera_studio.clips.frames import Canvas, Layer, dissolved, eased, picture_of, pushed, resampled

SIZE = Size(128, 192)


def ground(colour: tuple[int, int, int] = (40, 90, 160)) -> Image.Image:
    return Image.new("RGB", (160, 224), colour)


def disc(side: int = 64) -> Image.Image:
    picture = Image.new("RGBA", (side, side))
    ImageDraw.Draw(picture).ellipse((4, 4, side - 5, side - 5), fill=(230, 120, 40, 255))
    return picture


def canvas(colour: tuple[int, int, int] = (40, 90, 160)) -> Canvas:
    made = Canvas(SIZE)
    made.lay(Layer.of(ground(colour)), 10, 20)
    return made


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other.convert("RGB"), np.int16)).mean())


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 140, 20)])
def test_a_colour_comes_back_as_it_went_in(colour: tuple[int, int, int]) -> None:
    assert difference(picture_of(canvas(colour)), Image.new("RGB", (128, 192), colour)) < 2


def test_a_layer_lets_the_ground_through_where_it_is_clear() -> None:
    made = canvas()
    made.stamp(Layer.of(disc()), 30, 40)
    expected = ground().crop((10, 20, 138, 212)).convert("RGBA")
    expected.alpha_composite(disc(), (30, 40))
    assert difference(picture_of(made), expected) < 2


def test_a_layer_is_moved_by_fractions_of_a_pixel() -> None:
    def centre(left: float) -> float:
        made = canvas((0, 0, 0))
        made.put(Layer.of(disc()), (left, 40, left + 64, 104))
        light = made.y.astype(float) - 16
        return float((light.sum(axis=0) * np.arange(128)).sum() / light.sum())

    start = centre(30)
    for moved in (0.25, 0.5, 1.0, 1.75):
        assert abs(centre(30 + moved) - start - moved) < 0.08


def test_a_layer_is_made_to_fit_its_place() -> None:
    made = canvas((0, 0, 0))
    made.put(Layer.of(disc()), (20, 30, 116, 126))
    rows, columns = np.nonzero(made.y > 60)
    assert abs((columns.max() - columns.min() + 1) - 96 * 56 / 64) <= 3
    assert abs((rows.max() - rows.min() + 1) - 96 * 56 / 64) <= 3


def test_half_an_opacity_is_half_way() -> None:
    full, half, none = canvas(), canvas(), canvas()
    layer = Layer.of(disc())
    for made, opacity in ((full, 1.0), (half, 0.5), (none, 0.0)):
        made.stamp(layer, 30, 40, opacity)
    assert np.array_equal(none.frame, canvas().frame)
    middle = (full.frame.astype(int) + none.frame.astype(int)) / 2
    assert np.abs(half.frame - middle).max() <= 3


@pytest.mark.parametrize("place", [(-40, -40), (100, 170), (500, 0), (-500, -500)])
def test_what_hangs_over_the_edge_is_left_out(place: tuple[int, int]) -> None:
    made, moved = canvas(), canvas()
    x, y = place
    made.stamp(Layer.of(disc()), x, y)
    moved.put(Layer.of(disc()), (x, y, x + 64, y + 64))
    assert np.abs(made.frame.astype(int) - moved.frame.astype(int)).max() <= 4
    assert (resampled(Layer.of(disc()), (500, 0, 564, 64), SIZE) is None) is True


def test_a_box_of_a_picture_fills_the_canvas() -> None:
    picture = Image.linear_gradient("L").resize((160, 224)).convert("RGB")
    made = Canvas(SIZE)
    made.fill(Layer.of(picture), (0, 56, 160, 168))
    light = np.asarray(picture_of(made))[:, :, 1].mean(axis=1)
    assert abs(light[0] - 64) < 4 and abs(light[-1] - 191) < 4


def test_a_dissolve_goes_from_one_to_the_other() -> None:
    one, other = canvas((10, 10, 10)), canvas((240, 200, 30))
    assert np.array_equal(dissolved(one.frame, other.frame, 0), one.frame)
    assert np.array_equal(dissolved(one.frame, other.frame, 1), other.frame)
    half = dissolved(one.frame, other.frame, 0.5).astype(int)
    assert np.abs(half - (one.frame.astype(int) + other.frame) / 2).max() <= 1


@pytest.mark.parametrize("upwards", [True, False])
def test_a_push_shows_both_with_the_colours_in_step(upwards: bool) -> None:
    one, other = canvas((200, 30, 30)), canvas((30, 30, 200))
    assert np.array_equal(pushed(one, other, 0, upwards=upwards).frame, one.frame)
    assert np.array_equal(pushed(one, other, 1, upwards=upwards).frame, other.frame)
    half = picture_of(pushed(one, other, 0.5, upwards=upwards))
    first, last = half.getpixel((5, 5)), half.getpixel((122, 186))
    assert isinstance(first, tuple) and isinstance(last, tuple)
    assert first[0] > 150 > first[2] and last[2] > 150 > last[0]
    colours = np.asarray(half, int)
    assert ((colours[:, :, 0] > 100) ^ (colours[:, :, 2] > 100)).all()


def test_a_movement_starts_and_ends_gently() -> None:
    steps = np.diff([eased(number / 20) for number in range(-2, 23)])
    assert (eased(-1), eased(0), eased(1), eased(2)) == (0, 0, 1, 1)
    assert steps.min() >= 0 and steps[10] > 4 * steps[2]
