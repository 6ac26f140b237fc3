"""Periods of incidents: which start opens one, which end closes it, which event does nothing.

There is a row of periods for each incident, repository, environment and service of a start. An
end closes those that it does not contradict, and what it leaves out it does not contradict.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from gitdailies_webhooks.figures.events import End, Place, Start


class Period(NamedTuple):
    """One outage as it was reported: an incident of its own."""

    start: Start
    end: End | None

    @property
    def place(self) -> Place:
        return self.start.place

    @property
    def began_at(self) -> int:
        return self.start.at

    @property
    def ended_at(self) -> int | None:
        return None if self.end is None else self.end.at

    @property
    def merged(self) -> bool:
        """Whether it ended by being merged into another incident, which recovers for both."""
        return self.end is not None and self.end.merged

    @property
    def caused_by(self) -> str | None:
        """The SHA at fault: of start and end the later one given."""
        at_end = None if self.end is None else self.end.caused_by
        return at_end or self.start.caused_by


_Row: TypeAlias = tuple[str, Place]


def periods(starts: Iterable[Start], ends: Iterable[End]) -> list[Period]:
    """Return every period, by row and within it in order; events come in order."""
    rows: dict[_Row, list[Start]] = defaultdict(list)
    for start in starts:
        rows[start.incident, start.place].append(start)
    by_incident: dict[tuple[str, str], list[End]] = defaultdict(list)
    for end in ends:
        by_incident[end.incident, end.repo].append(end)
    found: list[Period] = []
    for (incident, place), row in rows.items():
        meant = [end for end in by_incident.get((incident, place.repo), ()) if not contradicts(end, place)]
        found += _of_row(row, meant)
    return found


def contradicts(end: End, place: Place) -> bool:
    """Whether an end speaks of another environment or service than a start's."""
    if end.environment is not None and end.environment != place.environment:
        return True
    return end.service is not None and place.service is not None and end.service != place.service


def _of_row(starts: Sequence[Start], ends: Sequence[End]) -> list[Period]:
    if len(starts) == 1 and len(ends) <= 1:  # as nearly all are
        end = next((end for end in ends if end.at >= starts[0].at), None)
        return [Period(starts[0], end)]
    found: list[Period] = []
    opened: Start | None = None
    moments: dict[int, tuple[deque[Start], deque[End]]] = defaultdict(lambda: (deque(), deque()))
    for start in starts:
        moments[start.at][0].append(start)
    for end in ends:
        moments[end.at][1].append(end)
    for at in sorted(moments):
        left_starts, left_ends = moments[at]
        # What is open takes its end first, what is closed its start; the rest does nothing.
        while left_starts if opened is None else left_ends:
            if opened is None:
                opened = left_starts.popleft()
            else:
                found.append(Period(opened, left_ends.popleft()))
                opened = None
    if opened is not None:
        found.append(Period(opened, None))
    return found
