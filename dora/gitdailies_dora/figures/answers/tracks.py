"""Deploys and incidents for drawing: single marks, bars for events that are close together, a list.

The period is divided into equal slots. Each track has one mark at most for each slot.
"""

from bisect import bisect_left
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeAlias

from gitdailies_dora.figures.answers.selection import Period, Selection
from gitdailies_dora.figures.history.facts import TIME, Facts

# The names of the tracks.
INCIDENTS, FAILED, DEPLOYS = "incidents", "failed", "deploys"
SLOTS, LISTED = 48, 50

# The state of a deploy or an incident, in a word.
FAILED_DEPLOY, PENDING, SUCCEEDED = "failed", "pending", "succeeded"
MAY_HAVE_FAILED = "may have failed"
OPEN, OPEN_UNLINKED, ENDED, ENDED_UNLINKED = "open", "open, unlinked", "ended", "ended, unlinked"


class DeployRow(NamedTuple):
    """A counting deploy, whether it failed, and whether only time says so."""

    id: str
    at: int
    failed: bool
    by_time: bool = False


class IncidentRow(NamedTuple):
    """An occurrence of an incident, by the id of its start; `ended_at` is None while it is open.

    `linked` is set if it is attributed to a deploy.
    """

    id: str
    at: int
    ended_at: int | None
    linked: bool


_Rows: TypeAlias = Sequence[DeployRow] | Sequence[IncidentRow]


def rows_of(facts: Facts, selection: Selection) -> tuple[list[DeployRow], list[IncidentRow]]:
    """Return the selected deploys and incidents of a history, each sorted by time and id."""
    deploys = [
        DeployRow(found.deploy.id, found.deploy.at, found.failed, found.evidence == TIME)
        for found in facts.deploys
        if selection.includes(found.deploy.target, found.deploy.at)
    ]
    incidents = [
        IncidentRow(one.start.id, one.began_at, one.ended_at, link.deploy is not None)
        for one, link in facts.incidents
        if selection.includes(one.target, one.began_at)
    ]
    return deploys, sorted(incidents, key=lambda incident: (incident.at, incident.id))


class Mark(NamedTuple):
    """A single event, or a number of `events` that are too close together to be drawn apart.

    A single event has its `id` and its own times. `ended_at` of an open incident is None; that of a deploy
    is equal to `began_at`. Several events have no id, and the times of their slot.
    """

    began_at: int
    ended_at: int | None
    events: int
    id: str | None


class Listed(NamedTuple):
    """An event of the list; `ended_at` is None for a deploy, and for an incident that is open."""

    id: str
    at: int
    ended_at: int | None
    state: str


class Tracks(NamedTuple):
    """The marks of each track, in order; the number of events of each track; the newest events first."""

    tracks: dict[str, list[Mark]]
    counts: dict[str, int]
    listed: list[Listed]


def tracks_of(
    deploys: Sequence[DeployRow], incidents: Sequence[IncidentRow], period: Period, window: int
) -> Tracks:
    """Lay out the events of a period; *deploys* and *incidents* are in order."""
    failed = [row for row in deploys if row.failed]
    others = [row for row in deploys if not row.failed]
    tracks: dict[str, _Rows] = {INCIDENTS: incidents, FAILED: failed, DEPLOYS: others}
    return Tracks(
        {track: _marks(rows, period) for track, rows in tracks.items()},
        {track: len(rows) for track, rows in tracks.items()},
        _newest(deploys, incidents, period.now - window),
    )


def _marks(rows: _Rows, period: Period) -> list[Mark]:
    edges = _slot_edges(period)
    cuts = [bisect_left(rows, edge, key=lambda row: row.at) for edge in edges[:-1]]
    marks = []
    for slot, (begin, end) in enumerate(zip(cuts, [*cuts[1:], len(rows)], strict=True)):
        if end - begin == 1:
            row = rows[begin]
            ended_at = row.ended_at if isinstance(row, IncidentRow) else row.at
            marks.append(Mark(row.at, ended_at, 1, row.id))
        elif end > begin:
            marks.append(Mark(edges[slot], edges[slot + 1], end - begin, None))
    return marks


def _slot_edges(period: Period) -> list[int]:
    """Return the beginning of each slot, and the end of the last one."""
    length = max(period.until - period.began_at, 1)
    # A period that is not over includes the present moment.
    end = period.began_at + length if period.until == period.ended_at else period.until + 1
    return [*(period.began_at - (-length * slot // SLOTS) for slot in range(SLOTS)), end]


def _newest(
    deploys: Sequence[DeployRow], incidents: Sequence[IncidentRow], settled_until: int
) -> list[Listed]:
    newest_deploys = (
        Listed(row.id, row.at, None, _deploy_state(row, settled_until)) for row in reversed(deploys[-LISTED:])
    )
    newest_incidents = (
        Listed(row.id, row.at, row.ended_at, _incident_state(row)) for row in reversed(incidents[-LISTED:])
    )
    both = merge(newest_deploys, newest_incidents, key=lambda event: (event.at, event.id), reverse=True)
    return list(islice(both, LISTED))


def _deploy_state(row: DeployRow, settled_until: int) -> str:
    if row.failed:
        return MAY_HAVE_FAILED if row.by_time else FAILED_DEPLOY
    return PENDING if row.at > settled_until else SUCCEEDED


def _incident_state(row: IncidentRow) -> str:
    if row.ended_at is None:
        return OPEN if row.linked else OPEN_UNLINKED
    return ENDED if row.linked else ENDED_UNLINKED
