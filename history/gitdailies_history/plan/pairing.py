"""Which start an end belongs to, in which order the events of one incident go, and what they are named.

Pure. The events of one incident (one source, one id, one repository) come in by time, whatever
their number. An event that names its source is named as the relay names it, so that what a
webhook brought and what a file tells again are one event (see `gitdailies_core.events.ids`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.events.ids import incident_event_id

Where: TypeAlias = tuple[str | None, str | None]


class Told(NamedTuple):
    """An event of an incident as it was told: its number, kind, time as RFC 3339, environment, service."""

    number: int
    kind: str
    at: str
    environment: str | None
    service: str | None

    @property
    def where(self) -> Where:
        return self.environment, self.service


class Paired(NamedTuple):
    """An event in its place; `period` is the start that names its period, "" where none was told.

    `environment` and `service` are those of the start that it ends.
    """

    told: Told
    period: str
    environment: str | None
    service: str | None


class Early(NamedTuple):
    """An end that comes before the start it belongs to."""

    end: Told
    start: Told


@dataclass
class Unpaired:
    """How many ends were told whose start was not; a file may begin in the middle of an incident."""

    ends: int = 0


def pair(told: Iterable[Told], unpaired: Unpaired) -> Iterator[Paired | Early]:
    """Put the events of one incident, sorted by time, in order; the early ends come last."""
    open_: dict[Where, Told] = {}
    early: Early | None = None
    orphan: Told | None = None
    for _, instant in groupby(told, key=attrgetter("at")):
        ends: dict[Where, Paired] = {}
        for event in _in_turn(list(instant), open_):
            where = event.where
            if event.kind == INCIDENT_STARTED:
                if orphan is not None:
                    early, orphan = Early(orphan, event), None
                open_.setdefault(where, event)
                yield Paired(event, event.at, *where)
                continue
            ended = [one for one in open_ if _fits(one, where)]
            starts = [open_.pop(one) for one in ended]
            if early is not None and early.start in starts:
                early = None
            if not starts and where in ends:
                # The same end told again.
                yield ends[where]._replace(told=event)
                continue
            if not starts:
                orphan = event
                unpaired.ends += 1
                ends[where] = Paired(event, "", *where)
            elif len(starts) == 1:
                ends[where] = Paired(event, starts[0].at, *ended[0])
            else:
                ends[where] = Paired(event, starts[-1].at, *where)
            yield ends[where]
    if early is not None:
        yield early


def name(paired: Paired, *, source: str, incident: str, repo: str) -> str:
    """Name an event by source, incident, target and period."""
    return incident_event_id(
        kind=paired.told.kind,
        source=source,
        incident=incident,
        repo=repo,
        environment=paired.environment,
        service=paired.service,
        occurrence=paired.period,
    )


def _in_turn(instant: list[Told], open_: dict[Where, Told]) -> Iterator[Told]:
    """Order what happened at one instant: an open incident takes its end first, a closed one its start."""
    starts = [one for one in instant if one.kind == INCIDENT_STARTED]
    ends = [one for one in instant if one.kind != INCIDENT_STARTED]
    while starts or ends:
        fitting = next((one for one in ends if _any_fits(open_, one)), None)
        if fitting is not None:
            ends.remove(fitting)
            yield fitting
        elif starts:
            # With it the same start told again, which would open what an end has closed.
            where = starts[0].where
            yield from [one for one in starts if one.where == where]
            starts = [one for one in starts if one.where != where]
        else:
            yield ends.pop(0)


def _any_fits(open_: dict[Where, Told], end: Told) -> bool:
    return any(_fits(one, end.where) for one in open_)


def _fits(start: Where, end: Where) -> bool:
    """Whether an end does not contradict a start; what either leaves out contradicts nothing."""
    return all(one is None or other is None or one == other for one, other in zip(start, end, strict=True))
