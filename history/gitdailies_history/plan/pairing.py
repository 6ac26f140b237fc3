"""Match ends with starts, order the events of one incident, and name them.

Pure. The input is the events of one incident (one source, one id, one repository) sorted by time. An event
with a source gets the same id as from the relay, so an event that a webhook already sent and a file repeats
counts once (see `gitdailies_core.events.ids`).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.events.ids import incident_event_id

Where: TypeAlias = tuple[str | None, str | None]


class IncidentEvent(NamedTuple):
    """An event of an incident as read: its number, kind, time as RFC 3339, environment, service."""

    number: int
    kind: str
    at: str
    environment: str | None
    service: str | None

    @property
    def where(self) -> Where:
        return self.environment, self.service


class Paired(NamedTuple):
    """An event and its occurrence, named by the time of its start; "" without a start.

    `environment` and `service` come from the start that the event ends.
    """

    event: IncidentEvent
    occurrence: str
    environment: str | None
    service: str | None


class EarlyEnd(NamedTuple):
    """An end with an earlier time than its start."""

    end: IncidentEvent
    start: IncidentEvent


def pair(events: Iterable[IncidentEvent], unpaired: list[int]) -> Iterator[Paired | EarlyEnd]:
    """Pair the events of one incident, which are sorted by time. An early end comes last.

    *unpaired* gets the numbers of ends without a start. A file may begin in the middle of an incident.
    """
    open_: dict[Where, IncidentEvent] = {}
    early: EarlyEnd | None = None
    orphan: IncidentEvent | None = None
    for _, instant in groupby(events, key=attrgetter("at")):
        ends: dict[Where, Paired] = {}
        for event in _in_turn(list(instant), open_):
            where = event.where
            if event.kind == INCIDENT_STARTED:
                if orphan is not None:
                    early, orphan = EarlyEnd(orphan, event), None
                open_.setdefault(where, event)
                yield Paired(event, event.at, *where)
                continue
            ended = [one for one in open_ if _fits(one, where)]
            starts = [open_.pop(one) for one in ended]
            if early is not None and early.start in starts:
                early = None
            if not starts and where in ends:
                # A repeat of the same end.
                yield ends[where]._replace(event=event)
                continue
            if not starts:
                orphan = event
                unpaired.append(event.number)
                ends[where] = Paired(event, "", *where)
            elif len(starts) == 1:
                ends[where] = Paired(event, starts[0].at, *ended[0])
            else:
                ends[where] = Paired(event, starts[-1].at, *where)
            yield ends[where]
    if early is not None:
        yield early


def name(paired: Paired, first: dict[Any, str | None], *, source: str, incident: str, repo: str) -> str:
    """Return the id of an event. *first*, which is added to, has the first service of each occurrence."""
    key = (paired.event.kind, paired.environment or "", paired.occurrence)
    return incident_event_id(
        kind=paired.event.kind,
        source=source,
        incident=incident,
        repo=repo,
        environment=paired.environment,
        further=None if first.setdefault(key, paired.service) == paired.service else paired.service,
        occurrence=paired.occurrence,
    )


def _in_turn(instant: list[IncidentEvent], open_: dict[Where, IncidentEvent]) -> Iterator[IncidentEvent]:
    """Order the events of one instant: an open incident takes its end first, a closed one its start."""
    if len(instant) == 1:
        yield instant[0]
        return
    starts = [one for one in instant if one.kind == INCIDENT_STARTED]
    ends = [one for one in instant if one.kind != INCIDENT_STARTED]
    while starts or ends:
        fitting = next((one for one in ends if any(_fits(start, one.where) for start in open_)), None)
        if fitting is not None:
            ends.remove(fitting)
            yield fitting
        elif starts:
            # Repeats of this start go with it; later they would reopen a closed incident.
            where = starts[0].where
            yield from [one for one in starts if one.where == where]
            starts = [one for one in starts if one.where != where]
        else:
            yield ends.pop(0)


def _fits(start: Where, end: Where) -> bool:
    """Whether an end fits a start. A field that either of them leaves out fits anything."""
    return start == end or all(
        one is None or other is None or one == other for one, other in zip(start, end, strict=True)
    )
