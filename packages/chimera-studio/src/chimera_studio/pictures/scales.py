"""Axes: round steps that hold the data, always with zero, and numbers as people write them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A value axis from `low` to `high` with a tick every `step`; zero is always on it."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        """Every tick, from low to high."""
        count = round((self.high - self.low) / self.step)
        return [
            0.0 if abs(tick := self.low + number * self.step) < self.step / 1e6 else tick for number in range(count + 1)
        ]

    def share(self, value: float) -> float:
        """Where a value lies between low and high, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def scale_for(values: Sequence[float], ticks: int = 5) -> Scale:
    """The axis of some values. A bar that does not start at zero lies about its length, so zero is on every axis.

    >>> scale_for([97, 99]).low, scale_for([97, 99]).high
    (0.0, 100.0)
    """
    low, high = min(0.0, *values), max(0.0, *values)
    if low == high:
        return Scale(0.0, 1.0, 0.5)
    rough = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in _STEPS if power * times >= rough * 0.999)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def written(value: float, unit: str = "") -> str:
    """A number for people: thousands and millions are shortened, needless digits left out.

    >>> written(12_500), written(0.25, "%"), written(-3_000_000, "€")
    ('12.5k', '0.25%', '−€3M')
    """
    size = abs(value)
    text = ""
    for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            text = f"{size / (1e3 if letter == 'k' else limit):.4g}{letter}"
            break
    else:
        text = f"{size:,.0f}" if size >= 1000 else f"{size:.4g}"
    sign = "−" if value < 0 else ""
    if unit in ("$", "€", "£", "¥", "₹"):
        return f"{sign}{unit}{text}"
    spaced = f"{text} {unit}" if unit and unit not in ("%", "°", "×") else f"{text}{unit}"
    return f"{sign}{spaced}"
