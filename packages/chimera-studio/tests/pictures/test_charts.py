"""Charts tell the truth: values measured back from the pixels are the values that were given."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from chimera_studio.palettes import NAMED, mix, rgb
from chimera_studio.pictures.charts import chart
from chimera_studio.requests import ChartKind, ImageRequest, Row

PALETTE = NAMED["lilac"]
LOUD, QUIET = PALETTE.accent, mix(PALETTE.ground, PALETTE.second, 0.5)


def request(values: Sequence[float], kind: ChartKind = "bar", label: str = "r{}", **more: object) -> ImageRequest:
    rows = tuple(Row(label=label.format(n), value=value) for n, value in enumerate(values))
    return ImageRequest(kind="chart", title="T", data=rows, chart=kind, character_reference_id="nova").model_copy(
        update=more
    )


def where(pixels: NDArray[np.int16], colour: str) -> NDArray[np.bool_]:
    return np.asarray(np.abs(pixels - np.array(rgb(colour))).max(axis=-1) <= 2)


def bars(drawn: ImageRequest, lying: bool) -> list[int]:
    """The length of each bar in pixels, in order, measured in the middle of the bar."""
    pixels = np.asarray(chart(drawn, PALETTE).image(), dtype=np.int16)[200:1_125]
    inked = where(pixels, LOUD) | where(pixels, QUIET)
    along = inked.sum(axis=1 if lying else 0)
    lengths, start = [], -1
    for position, length in enumerate([*along, 0]):
        thick = length > 4
        if thick and start < 0:
            start = position
        elif not thick and start >= 0:
            if position - start > 12:
                lengths.append(int(along[(start + position) // 2]))
            start = -1
    return lengths


@pytest.mark.parametrize("values", [(12, 31.5, 24, 42, 38, 9), (97, 99, 98), (1_000_000, 250_000), (3, 3, 3)])
def test_upright_bars_are_as_long_as_their_values(values: tuple[float, ...]) -> None:
    lengths = bars(request(values), lying=False)
    assert len(lengths) == len(values)
    for length, value in zip(lengths, values, strict=True):
        assert length / max(lengths) == pytest.approx(value / max(values), abs=0.012)


def test_lying_bars_are_as_long_as_their_values() -> None:
    values = (4_210, 2_950, 1_200, 870, 640)
    lengths = bars(request(values, label="a rather long label {}"), lying=True)
    assert len(lengths) == len(values)
    for length, value in zip(lengths, values, strict=True):
        assert length / max(lengths) == pytest.approx(value / max(values), abs=0.012)


def test_a_line_runs_through_its_values() -> None:
    values = (10, 40, 20, 30)
    scene = chart(request(values, "line"), PALETTE)
    pixels = np.asarray(scene.image(), dtype=np.int16)
    ticks = {n: scene.blocks[f"tick {n}"] for n in range(5)}
    heights = [(block.ink[1] + block.ink[3]) / 2 for block in ticks.values()]
    labels = [scene.blocks[f"label {n}"] for n in range(4)]
    for value, label in zip(values, labels, strict=True):
        x = round((label.ink[0] + label.ink[2]) / 2)
        column = np.flatnonzero(where(pixels[:, x - 1 : x + 2], LOUD).any(axis=1))
        column = column[(column > heights[-1] - 30) & (column < heights[0] + 30)]
        middle = (column.min() + column.max()) / 2
        measured = 40 * (heights[0] - middle) / (heights[0] - heights[4])
        assert measured == pytest.approx(value, abs=0.8)


def test_negative_bars_hang_below_zero() -> None:
    scene = chart(request((-12, 8, 24, -3)), PALETTE)
    down, up = scene.blocks["value 0"], scene.blocks["value 2"]
    zero = next(
        block for name, block in scene.blocks.items()
        if name.startswith("tick") and block.text == "0"
    )  # fmt: skip
    assert up.y < zero.y < down.y


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_axes_and_values_are_labelled(kind: ChartKind) -> None:
    scene = chart(request((5, 10, 7), kind, unit="%"), PALETTE)
    told = {name: block.text for name, block in scene.blocks.items()}
    assert told["tick 0"] == "0%"
    assert [told[f"label {n}"] for n in range(3)] == ["r0", "r1", "r2"]
    assert told["value 1"] == "10%"


@pytest.mark.parametrize("values", [(0, 0), (1e15, 1e-15), (-1e15, 1e15), tuple(range(24))])
def test_extremes_are_drawn(values: tuple[float, ...]) -> None:
    assert chart(request(values), PALETTE).image().size == (1_080, 1_350)
