"""The labels of an axis, in steps that people count in, and where a value is on it.

Counts and rates begin at 0. Durations are on a logarithmic axis: one week of six days would else flatten
all others.
"""

from collections.abc import Callable, Iterable, Sequence
from math import log
from typing import NamedTuple, TypeVar

from gitdailies_dora.figures.words.durations import duration

_Any = TypeVar("_Any")

_STEPS = 4
_MOST_TICKS = 6
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DURATIONS = (
    *(1, 5, 15),
    *(_MINUTE * minutes for minutes in (1, 5, 15)),
    *(_HOUR * hours for hours in (1, 4, 12)),
    *(_DAY * days for days in (1, 3, 7, 28, 90, 365, 3_650, 36_500, 365_000, 3_650_000)),
)
# An axis of rates that ends lower would make a cliff of one failure.
_LEAST_TOP = 20


class Tick(NamedTuple):
    """A value and its label."""

    value: float
    label: str


class Scale(NamedTuple):
    """An axis from `low` to `top`."""

    ticks: tuple[Tick, ...]
    low: float
    top: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return how high a value is, from 0 to 1; one beyond an end is at that end."""
        within = min(max(value, self.low), self.top)
        if self.logarithmic:
            return log(within / self.low) / log(self.top / self.low)
        return (within - self.low) / (self.top - self.low)


def counts(values: Iterable[float | None]) -> Scale:
    """Return the axis of whole numbers."""
    largest = _largest(values)
    return _scale(largest, max(1, _round(largest / _STEPS)), lambda value: f"{value:,.0f}")


def ratios(values: Iterable[float | None]) -> Scale:
    """Return the axis of ratios; its top is from 20 to 100 %."""
    largest = max(_largest(values) * 100, _LEAST_TOP)
    step = next(step for step in (5, 10, 25, 50) if step * _STEPS >= largest)
    percents = _scale(largest, step, lambda value: f"{value:.0f} %")
    ticks = tuple(Tick(tick.value / 100, tick.label) for tick in percents.ticks)
    return Scale(ticks, 0, ticks[-1].value)


def durations(values: Iterable[float | None]) -> Scale:
    """Return the logarithmic axis of seconds; less than a second is at its lower end."""
    given = [max(value, 1) for value in values if value is not None] or [_HOUR]
    low = max(number for number, step in enumerate(_DURATIONS) if step <= max(min(given), 1))
    last = len(_DURATIONS) - 1
    top = next((number for number, step in enumerate(_DURATIONS) if step >= max(given)), last)
    if top == low:
        low, top = (low, top + 1) if top < last else (low - 1, top)
    every = -(-(top - low + 1) // _MOST_TICKS)
    labeled = range(top, low - 1, -every)
    ticks = tuple(Tick(_DURATIONS[number], duration(_DURATIONS[number])) for number in reversed(labeled))
    return Scale(ticks, _DURATIONS[low], _DURATIONS[top], logarithmic=True)


def thinned(labels: Sequence[_Any], most: int) -> list[_Any]:
    """Return up to *most* labels at equal distances, beginning with the first."""
    return list(labels[:: max(1, -(-len(labels) // most))])


def _largest(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0)


def _scale(largest: float, step: float, label: Callable[[float], str]) -> Scale:
    number = max(1, -(-largest // step))
    ticks = tuple(Tick(at * step, label(at * step)) for at in range(int(number) + 1))
    return Scale(ticks, 0, ticks[-1].value)


def _round(least: float) -> float:
    """Return the smallest number of the series 1, 2, 5, 10, 20, … that is not below *least*."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
