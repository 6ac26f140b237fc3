"""Where an axis has its labels: from 0 to above the greatest value, at steps that people count in."""

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
    """An axis; the last tick is its top."""

    ticks: tuple[Tick, ...]

    @property
    def top(self) -> float:
        return self.ticks[-1].value


def counts(values: Iterable[float | None]) -> Scale:
    """Make the axis of whole numbers."""
    greatest = _greatest(values)
    return _scale(greatest, max(1, _round(greatest / _STEPS)), lambda value: f"{value:,.0f}")


def ratios(values: Iterable[float | None]) -> Scale:
    """Make the axis of ratios; none is above 100 %."""
    greatest = _greatest(values) * 100
    step = next(step for step in (1, 2, 5, 10, 25, 50) if step * _STEPS >= greatest)
    percents = _scale(greatest, step, lambda value: f"{value:.0f} %")
    return Scale(tuple(Tick(tick.value / 100, tick.label) for tick in percents.ticks))


def durations(values: Iterable[float | None]) -> Scale:
    """Make the axis of seconds."""
    greatest = _greatest(values)
    step = next((step for step in _DURATIONS if step * _STEPS >= greatest), None)
    return _scale(greatest, step or _round(greatest / _STEPS / _DAY) * _DAY, _duration)


def thinned(labels: Sequence[str], most: int) -> list[str]:
    """Return every so-manieth label, up to *most*, the first among them."""
    return list(labels[:: max(1, -(-len(labels) // most))])


def _greatest(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0)


def _scale(greatest: float, step: float, label: Callable[[float], str]) -> Scale:
    number = max(1, -(-greatest // step))
    return Scale(tuple(Tick(at * step, label(at * step)) for at in range(int(number) + 1)))


def _round(least: float) -> float:
    """Return the least of 1, 2 and 5, times a power of ten, that is no less."""
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
