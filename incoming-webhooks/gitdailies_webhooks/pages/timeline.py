"""The line of deploys and incidents: where each mark stands, what it says, where it leads to.

Places are percents of the width, so that marks and words keep their size on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.timeline import DEPLOYS, FAILED, INCIDENTS, Mark, Timeline
from gitdailies_webhooks.pages.event_titles import subject
from gitdailies_webhooks.pages.formatting import count, moment

# One of several, and one alone.
_WORDS = {
    INCIDENTS: ("Incidents", "incidents", "Incident"),
    FAILED: ("Failed deploys", "failed deploys", "Failed deploy"),
    DEPLOYS: ("Other deploys", "deploys that did not fail", "Deploy"),
}

# In pixels: the part of a lane that marks stand in, and the least height of a bar.
_TALL, _LEAST = 34, 8

# In percent: labels nearer to an end than this begin or end there; and a letter on a narrow screen.
_FIRST, _LAST, _LETTER = 5, 92, 2.2


class Drawn(NamedTuple):
    """A mark: its place and width in percent, its height in pixels, what it says, where it leads.

    `height` is 0 for an event alone; it lasts for `width`, and longer where it is `open`.
    """

    x: str
    width: str
    height: int
    open: bool
    says: str
    href: str


class Tick(NamedTuple):
    """A label: its place in percent, and whether that is its beginning (`first`), end (`last`) or middle."""

    x: str
    words: str
    stands: str
    wide: bool


class Lane(NamedTuple):
    """A lane with its name and marks."""

    name: str
    title: str
    events: str
    marks: list[Drawn]


def lanes(
    line: Timeline,
    span: Period,
    events: Mapping[str, Mapping[str, Any]],
    narrowed: Callable[[int, int | None], str],
) -> list[Lane]:
    """Lay out every lane; *narrowed* gives the address of the page for a part of the period."""
    drawing = _Drawing(span, events, narrowed)
    return [
        Lane(lane, _WORDS[lane][0], count(line.counts[lane]), drawing.marks(lane, marks))
        for lane, marks in line.tracks.items()
    ]


class _Drawing:
    def __init__(
        self,
        span: Period,
        events: Mapping[str, Mapping[str, Any]],
        narrowed: Callable[[int, int | None], str],
    ) -> None:
        self._span = span
        self._events = events
        self._narrowed = narrowed
        self._length = max(span.until - span.began_at, 1)

    def marks(self, lane: str, marks: list[Mark]) -> list[Drawn]:
        most = max((mark.events for mark in marks), default=1)
        return [
            self._several(lane, mark, most) if mark.id is None else self._alone(lane, mark, mark.id)
            for mark in marks
        ]

    def _several(self, lane: str, mark: Mark, most: int) -> Drawn:
        zone, until = self._span.zone, mark.ended_at
        last = self._span.until if until is None else min(until, self._span.until)
        said = f"{moment(mark.began_at, zone)} to {moment(last, zone)}"
        return Drawn(
            self._percent(mark.began_at),
            self._width(mark.began_at, last),
            _LEAST + (_TALL - _LEAST) * mark.events // most,
            False,
            f"{count(mark.events)} {_WORDS[lane][1]}, {said}",
            self._narrowed(mark.began_at, until),
        )

    def _alone(self, lane: str, mark: Mark, id_: str) -> Drawn:
        zone = self._span.zone
        event = self._events.get(id_)
        about = "" if event is None else f" {subject(event).short}"
        is_open = mark.ended_at is None
        last = self._span.until if mark.ended_at is None else min(mark.ended_at, self._span.until)
        ends = ""
        if lane == INCIDENTS:
            ends = ", open" if mark.ended_at is None else f" to {moment(mark.ended_at, zone)}"
        return Drawn(
            self._percent(mark.began_at),
            self._width(mark.began_at, last),
            0,
            is_open,
            f"{_WORDS[lane][2]}{about}, {moment(mark.began_at, zone)}{ends}",
            "/events" if event is None else f"/events/{event['seq']}",
        )

    def _percent(self, at: int) -> str:
        return f"{100 * (at - self._span.began_at) / self._length:.2f}"

    def _width(self, began_at: int, ended_at: int) -> str:
        return f"{100 * max(ended_at - began_at, 0) / self._length:.2f}"


def ticks(span: Period, moments: Mapping[int, str]) -> list[Tick]:
    """Place labels under the line; every other one is for wide screens where a narrow one has no room."""
    length = max(span.until - span.began_at, 1)
    placed = [(100 * (at - span.began_at) / length, words) for at, words in moments.items()]
    edges = [_edges(x, words) for x, words in placed]
    crowded = any(right > left for (_, right), (left, _) in pairwise(edges))
    return [
        Tick(f"{x:.2f}", words, _stands(x), crowded and number % 2 == 1)
        for number, (x, words) in enumerate(placed)
    ]


def _stands(x: float) -> str:
    return "first" if x < _FIRST else "last" if x > _LAST else "amid"


def _edges(x: float, words: str) -> tuple[float, float]:
    """Return where a label begins and ends on a narrow screen, with some room after it."""
    width = len(words) * _LETTER
    left = {"first": x, "last": x - width, "amid": x - width / 2}[_stands(x)]
    return left, left + width + _LETTER
