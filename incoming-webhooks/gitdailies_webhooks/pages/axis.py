"""The labels of an axis: from 0 to above the largest value, in steps that people count in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_STEPS = 4
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DURATIONS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY * days for days in (1, 2, 5, 7, 14, 28)),
)


class Tick(NamedTuple):
    """A value and its label."""

    value: float
    label: str


class Scale(NamedTuple):
    """An axis; its last tick is the top."""

    ticks: tuple[Tick, ...]

    @property
    def top(self) -> float:
        return self.ticks[-1].value


def counts(values: Iterable[float | None]) -> Scale:
    """Return the axis of whole numbers."""
    largest = _largest(values)
    return _scale(largest, max(1, _round(largest / _STEPS)), lambda value: f"{value:,.0f}")


def ratios(values: Iterable[float | None]) -> Scale:
    """Return the axis of ratios; its top is 100 % at most."""
    largest = _largest(values) * 100
    step = next(step for step in (1, 2, 5, 10, 25, 50) if step * _STEPS >= largest)
    percents = _scale(largest, step, lambda value: f"{value:.0f} %")
    return Scale(tuple(Tick(tick.value / 100, tick.label) for tick in percents.ticks))


def durations(values: Iterable[float | None]) -> Scale:
    """Return the axis of seconds."""
    largest = _largest(values)
    step = next((step for step in _DURATIONS if step * _STEPS >= largest), None)
    return _scale(largest, step or _round(largest / _STEPS / _DAY) * _DAY, _duration)


def thinned(labels: Sequence[str], most: int) -> list[str]:
    """Return up to *most* labels at equal distances, beginning with the first."""
    return list(labels[:: max(1, -(-len(labels) // most))])


def _largest(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0)


def _scale(largest: float, step: float, label: Callable[[float], str]) -> Scale:
    number = max(1, -(-largest // step))
    return Scale(tuple(Tick(at * step, label(at * step)) for at in range(int(number) + 1)))


def _round(least: float) -> float:
    """Return the smallest number of the series 1, 2, 5, 10, 20, … that is not below *least*."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10


def _duration(seconds: float) -> str:
    for size, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:,g} {word}"
    return f"{seconds:.0f} s" if seconds else "0"
