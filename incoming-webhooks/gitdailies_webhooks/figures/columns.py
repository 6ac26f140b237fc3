"""Deploys and incidents in columns, so that very many are added up at once. Pure.

A row holds what a deploy, a failure or an incident adds to the figures, and the number of its place. Times
and durations are whole microseconds, and `NO_TIME` in place of a duration says that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import Facts
from gitdailies_webhooks.figures.metrics import deploy_row, parse_lead_times

Durations: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = NDArray[np.void]
# Positions in an array.
Index: TypeAlias = NDArray[np.intp]

NO_TIME = -1
NONE: Durations = np.empty(0, np.int64)

# Rows of whole words are copied several times as fast as others.
#
# A counting deploy; `leads` is how many lead times it has.
DEPLOY = np.dtype(
    [
        ("at", "<i8"),
        ("place", "<u4"),
        ("leads", "<u4"),
        ("unknown_commits", "<u4"),
        ("rework", "<u2"),
        ("unknown", "<u2"),
    ]
)
# A failed deploy: whether its outage is open, else how long that was, or how long until its first remedy.
FAILURE = np.dtype(
    [("at", "<i8"), ("recovery", "<i8"), ("remedied", "<i8"), ("place", "<u4"), ("open", "<u4")]
)
# An incident that is attributed to no deploy; `wide` if a window of 72 hours would attribute it to one.
UNLINKED = np.dtype([("at", "<i8"), ("place", "<u4"), ("wide", "<u4")])


class Columns(NamedTuple):
    """Rows of `DEPLOY`, `FAILURE` and `UNLINKED`; the field `place` is a position in `places`.

    Places are texts (`text_of_place`), since a hundred weeks have the same ones again and again.
    `lead_times` has those of each deploy, one deploy after another.
    """

    places: Sequence[str]
    deploys: Rows
    lead_times: Durations
    failures: Rows
    unlinked: Rows


def text_of_place(place: Place) -> str:
    """Write a place as one text. Names have no tabs."""
    return f"{place.environment}\t{place.repo}\t{place.service or ''}"


def place_of(text: str) -> Place:
    """Read what `text_of_place` wrote."""
    environment, repo, service = text.split("\t")
    return Place(repo, environment, service or None)


class DeployValues(NamedTuple):
    """What a counting deploy adds; `lead_times` are joined by commas, as they are stored."""

    place: Place
    at: int
    rework: bool
    unknown: bool
    unknown_commits: int
    lead_times: str


class FailureValues(NamedTuple):
    """How a deploy failed; the fields are those of a `DeployRow`."""

    place: Place
    at: int
    recovery: int | None
    open: bool
    remedied_after: int | None


class UnlinkedValues(NamedTuple):
    """An incident that is attributed to no deploy."""

    place: Place
    at: int
    wide: bool


def columns(
    deploys: Sequence[DeployValues], failures: Iterable[FailureValues], unlinked: Iterable[UnlinkedValues]
) -> Columns:
    """Put deploys, failures and incidents into columns."""
    numbers: dict[Place, int] = {}

    def number(place: Place) -> int:
        return numbers.setdefault(place, len(numbers))

    return Columns(
        deploys=np.array(
            [
                (
                    one.at,
                    number(one.place),
                    one.lead_times.count(",") + 1 if one.lead_times else 0,
                    one.unknown_commits,
                    one.rework,
                    one.unknown,
                )
                for one in deploys
            ],
            DEPLOY,
        ),
        lead_times=np.array(parse_lead_times(one.lead_times for one in deploys), np.int64),
        failures=np.array(
            [
                (one.at, _or_none(one.recovery), _or_none(one.remedied_after), number(one.place), one.open)
                for one in failures
            ],
            FAILURE,
        ),
        unlinked=np.array([(one.at, number(one.place), one.wide) for one in unlinked], UNLINKED),
        places=list(map(text_of_place, numbers)),
    )


def _or_none(duration: int | None) -> int:
    return NO_TIME if duration is None else duration


def of_facts(facts: Facts) -> Columns:
    """Return every deploy and incident of a history."""
    deploys: list[DeployValues] = []
    failures: list[FailureValues] = []
    for found in facts.deploys:
        row, place = deploy_row(found), found.deploy.place
        deploys.append(
            DeployValues(place, row.at, row.rework, row.unknown, row.unknown_commits, row.lead_times)
        )
        if row.failed:
            failures.append(FailureValues(place, row.at, row.recovery, row.open, row.remedied_after))
    unlinked = [
        UnlinkedValues(
            incident.occurrence.place, incident.occurrence.began_at, incident.link.wide is not None
        )
        for incident in facts.incidents
        if incident.link.deploy is None
    ]
    return columns(deploys, failures, unlinked)


def joined(parts: Iterable[Columns]) -> Columns:
    """Put several into one, one after another; a place that is in more than one of them is one place.

    Each part is asked for once and not kept. So the whole needs no more memory than it has in the end.
    """
    numbers: dict[str, int] = {}
    lead_times = bytearray()
    wholes = [_Whole(dtype) for dtype in (DEPLOY, FAILURE, UNLINKED)]
    for part in parts:
        places = np.array([numbers.setdefault(place, len(numbers)) for place in part.places], np.uint32)
        lead_times += part.lead_times.tobytes()
        for whole, rows in zip(wholes, (part.deploys, part.failures, part.unlinked), strict=True):
            whole.add(rows, places)
    deploys, failures, unlinked = (whole.rows() for whole in wholes)
    return Columns(list(numbers), deploys, np.frombuffer(lead_times, np.int64), failures, unlinked)


class _Whole:
    """Rows that are put together."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._bytes = bytearray()
        # How many rows each part has, and what its numbers of places become.
        self._parts: list[tuple[int, NDArray[np.uint32]]] = []

    def add(self, rows: Rows, places: NDArray[np.uint32]) -> None:
        self._bytes += rows.tobytes()
        self._parts.append((len(rows), places))

    def rows(self) -> Rows:
        found = np.frombuffer(self._bytes, self._dtype)
        begin = 0
        for count, places in self._parts:
            mine = found["place"][begin : begin + count]
            mine[:] = places.take(mine)
            begin += count
        return found


def positions(begins: Durations, counts: Durations) -> Index:
    """Return the positions of several runs, one after another: where each begins, and how long it is."""
    ends = np.cumsum(counts)
    found = np.repeat(begins - (ends - counts), counts)
    found += np.arange(len(found))
    return found


def between(rows: Rows, first: int, behind: int) -> Index:
    """Return which rows have a time in first ≤ time < behind."""
    at = rows["at"]
    return np.flatnonzero((at >= first) & (at < behind))


def in_groups(rows: Rows, chosen: Index, groups: Sequence[Sequence[int]], count: int) -> Iterator[Index]:
    """Yield which of the *chosen* rows are in each of *count* groups, in order of time.

    *groups* has the numbers of the groups of each place.
    """
    by_time = chosen.take(np.argsort(rows["at"].take(chosen), kind="stable"))
    place = rows["place"].take(by_time)
    found: list[list[Index]] = [[] for _ in range(count)]
    # Most places have one group: a table of first groups, one of second groups, and so on.
    for turn in range(max(map(len, groups), default=0)):
        table = np.array(
            [of_place[turn] if turn < len(of_place) else count for of_place in groups],
            np.min_scalar_type(count),
        )
        group = table.take(place)
        ordered = np.argsort(group, kind="stable")
        cuts = np.searchsorted(group.take(ordered), np.arange(count + 1, dtype=group.dtype))
        for number in range(count):
            if cuts[number] < cuts[number + 1]:
                found[number].append(ordered[cuts[number] : cuts[number + 1]])
    for parts in found:
        if len(parts) == 1:
            yield by_time[parts[0]]
        else:
            yield by_time[np.sort(np.concatenate(parts))] if parts else by_time[:0]
