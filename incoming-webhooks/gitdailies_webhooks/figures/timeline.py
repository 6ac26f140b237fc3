"""A line of deploys and incidents: which of them can be drawn as themselves, and which only as a number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeAlias

from gitdailies_webhooks.figures.metrics import IncidentRow, Row
from gitdailies_webhooks.figures.period import Span

INCIDENTS, FAILED, DEPLOYS = "incidents", "failed", "deploys"
SLOTS, LISTED = 48, 50

# What became of a deploy or an incident, in a word.
FAILED_DEPLOY, PENDING, SUCCEEDED = "failed", "pending", "succeeded"
OPEN, OPEN_UNLINKED, ENDED, ENDED_UNLINKED = "open", "open, unlinked", "ended", "ended, unlinked"

_Rows: TypeAlias = Sequence[Row] | Sequence[IncidentRow]


class Mark(NamedTuple):
    """An event, or several too near to each other to be drawn apart: how many `events`.

    Of one alone, `id` is its own and its times are, too: of an incident `ended_at` is None while it is
    open, of a deploy it is when it began. Of several they are those of the slot that holds them.
    """

    began_at: int
    ended_at: int | None
    events: int
    id: str | None


class Listed(NamedTuple):
    """An event of the list below the line; `ended_at` is None for a deploy, and while an incident is open."""

    id: str
    at: int
    ended_at: int | None
    state: str


class Timeline(NamedTuple):
    """Marks by lane, in order; how many events each lane has; the newest events, newest first."""

    lanes: dict[str, list[Mark]]
    counts: dict[str, int]
    listed: list[Listed]


def timeline(deploys: Sequence[Row], incidents: Sequence[IncidentRow], span: Span, window: int) -> Timeline:
    """Lay out what comes in the order of time; no more marks than slots stand in a lane."""
    failed = [row for row in deploys if row.failed]
    others = [row for row in deploys if not row.failed]
    lanes: dict[str, _Rows] = {INCIDENTS: incidents, FAILED: failed, DEPLOYS: others}
    return Timeline(
        {lane: _marks(rows, span) for lane, rows in lanes.items()},
        {lane: len(rows) for lane, rows in lanes.items()},
        _newest(deploys, incidents, span.now - window),
    )


def _marks(rows: _Rows, span: Span) -> list[Mark]:
    edges = _edges(span)
    cuts = [bisect_left(rows, edge, key=lambda row: row.at) for edge in edges[:-1]]
    found = []
    for slot, (begin, end) in enumerate(zip(cuts, [*cuts[1:], len(rows)], strict=True)):
        if end - begin == 1:
            row = rows[begin]
            ended_at = row.ended_at if isinstance(row, IncidentRow) else row.at
            found.append(Mark(row.at, ended_at, 1, row.id))
        elif end > begin:
            found.append(Mark(edges[slot], edges[slot + 1], end - begin, None))
    return found


def _edges(span: Span) -> list[int]:
    """Return where slots begin, and where the last one ends."""
    length = max(span.until - span.began_at, 1)
    # What happens at this very moment is in a period that is not over.
    end = span.began_at + length if span.until == span.ended_at else span.until + 1
    return [*(span.began_at - (-length * slot // SLOTS) for slot in range(SLOTS)), end]


def _newest(deploys: Sequence[Row], incidents: Sequence[IncidentRow], settled_until: int) -> list[Listed]:
    told_deploys = (
        Listed(row.id, row.at, None, _state(row, settled_until)) for row in reversed(deploys[-LISTED:])
    )
    told_incidents = (
        Listed(row.id, row.at, row.ended_at, _incident_state(row)) for row in reversed(incidents[-LISTED:])
    )
    both = merge(told_deploys, told_incidents, key=lambda event: (event.at, event.id), reverse=True)
    return list(islice(both, LISTED))


def _state(row: Row, settled_until: int) -> str:
    if row.failed:
        return FAILED_DEPLOY
    return PENDING if row.at > settled_until else SUCCEEDED


def _incident_state(row: IncidentRow) -> str:
    if row.ended_at is None:
        return OPEN if row.linked else OPEN_UNLINKED
    return ENDED if row.linked else ENDED_UNLINKED
