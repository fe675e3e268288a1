"""Axes are honest: zero is on each, the data are inside, the steps are round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_studio.pictures.scales import scale_for, written

VALUES = st.lists(st.floats(-1e15, 1e15, allow_nan=False, allow_subnormal=False), min_size=1, max_size=24)


@given(VALUES)
def test_zero_and_every_value_are_on_the_axis(values: list[float]) -> None:
    scale = scale_for(values)
    slack = scale.step / 1_000
    assert scale.low <= 0 <= scale.high
    assert scale.low - slack <= min(values)
    assert max(values) <= scale.high + slack
    assert 2 <= len(scale.ticks) <= 9
    assert 0.0 in scale.ticks


def test_steps_are_round() -> None:
    assert scale_for([97, 99]).ticks == [0, 20, 40, 60, 80, 100]
    assert scale_for([-12, 24]).ticks == [-20, -10, 0, 10, 20, 30]
    assert scale_for([0, 0]).ticks == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0, "", "0"), (1_234, "", "1,234"), (12_500, "", "12.5k"), (2_000_000, "€", "€2M"), (3.5e9, "", "3.5B"),
     (-7, "%", "−7%"), (42, "kg", "42 kg"), (0.125, "", "0.125")],
)  # fmt: skip
def test_numbers_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text
