"""The timeline of deploys and incidents: the position, text and link of each mark.

Positions are percentages of the width, so that marks and text keep their size on a narrow screen.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

from gitdailies_dora.derived.read.figures.repository_page import TimelineEvent
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.answers.tracks import DEPLOYS, FAILED, INCIDENTS, Mark, Tracks
from gitdailies_dora.pages.frame.event_titles import title_of
from gitdailies_dora.pages.frame.formatting import count, moment

# The name of a track, the words for several of its events, and for one.
_WORDS = {
    INCIDENTS: ("Incidents", "incidents", "Incident"),
    FAILED: ("Failed, or may have failed", "deploys that failed or may have", "Deploy (failed, or may have)"),
    DEPLOYS: ("Other deploys", "deploys that did not fail", "Deploy"),
}

# In pixels: the height of the largest bar and of the smallest.
_TALL, _LEAST = 34, 8

# In percent: a label before the first position begins at it, one after the last ends at it; the width of
# a letter on a narrow screen.
_FIRST, _LAST, _LETTER = 5, 92, 2.2


class DrawnMark(NamedTuple):
    """A mark: its position and width in percent, its height in pixels, its text and its link.

    A bar is a group of events. `height` is 0 for a single event, which lasts for `width`, or longer if it is
    `open`.
    """

    x: str
    width: str
    height: int
    open: bool
    text: str
    href: str


class TrackTick(NamedTuple):
    """A label at a position in percent, which is its beginning (`first`), end (`last`) or `middle`.

    A `wide` one is shown on wide screens only.
    """

    x: str
    text: str
    anchor: str
    wide: bool


class Track(NamedTuple):
    """A row of the timeline: its name and title, the number of its events, and its marks."""

    name: str
    title: str
    events: str
    marks: list[DrawnMark]


def tracks(
    found: Tracks,
    period: Period,
    events: Mapping[str, TimelineEvent],
    part_url: Callable[[int, int | None], str],
) -> list[Track]:
    """Lay out every track; *part_url* returns the address of the page for a part of the period."""
    length, zone = max(period.until - period.began_at, 1), period.zone

    def drawn(track: str, mark: Mark, most: int) -> DrawnMark:
        _, several, one = _WORDS[track]
        last = period.until if mark.ended_at is None else min(mark.ended_at, period.until)
        began, ends = moment(mark.began_at, zone), ""
        if mark.id is None:
            height = _LEAST + (_TALL - _LEAST) * mark.events // most
            text, href = f"{count(mark.events)} {several}", part_url(mark.began_at, mark.ended_at)
            ends = f" to {moment(last, zone)}"
        else:
            event, height = events.get(mark.id), 0
            text = one if event is None else f"{one} {title_of(event.about).short}"
            href = "/events" if event is None else f"/events/{event.seq}"
            if track == INCIDENTS:
                ends = ", open" if mark.ended_at is None else f" to {moment(mark.ended_at, zone)}"
        return DrawnMark(
            x=f"{100 * (mark.began_at - period.began_at) / length:.2f}",
            width=f"{100 * max(last - mark.began_at, 0) / length:.2f}",
            height=height,
            open=mark.ended_at is None,
            text=f"{text}, {began}{ends}",
            href=href,
        )

    def laid_out(name: str, marks: list[Mark]) -> Track:
        most = max((mark.events for mark in marks), default=1)
        places = [drawn(name, mark, most) for mark in marks]
        return Track(name, _WORDS[name][0], count(found.counts[name]), places)

    return [laid_out(name, marks) for name, marks in found.tracks.items()]


def ticks(period: Period, labels: Mapping[int, str]) -> list[TrackTick]:
    """Place labels below the timeline; if they are crowded on a narrow screen, every other one is `wide`."""
    length = max(period.until - period.began_at, 1)
    placed = [(100 * (at - period.began_at) / length, text) for at, text in labels.items()]
    edges = [_edges(x, text) for x, text in placed]
    crowded = any(right > left for (_, right), (left, _) in pairwise(edges))
    return [
        TrackTick(f"{x:.2f}", text, _anchor(x), crowded and number % 2 == 1)
        for number, (x, text) in enumerate(placed)
    ]


def _anchor(x: float) -> str:
    return "first" if x < _FIRST else "last" if x > _LAST else "middle"


def _edges(x: float, text: str) -> tuple[float, float]:
    """Return where a label begins and ends on a narrow screen, with some room after it."""
    width = len(text) * _LETTER
    left = {"first": x, "last": x - width, "middle": x - width / 2}[_anchor(x)]
    return left, left + width + _LETTER
