"""Deploys and incidents in columns, so that very many are added up at once. Pure.

A row holds what deploys, a failure or an incident add to the figures, and the number of their place. Times
and durations are whole microseconds, and `NO_TIME` in place of a duration says that there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import Facts
from gitdailies_webhooks.figures.metrics import deploy_row, parse_lead_times

Durations: TypeAlias = NDArray[np.int64]
Counts: TypeAlias = NDArray[np.uint32]
Rows: TypeAlias = NDArray[np.void]
# Positions in an array.
Index: TypeAlias = NDArray[np.intp]

NO_TIME = -1
NONE: Durations = np.empty(0, np.int64)

# Runs of more values than this on average are copied faster one after another than value by value.
_LONG_RUN = 32

# Rows of whole words are copied several times as fast as others.
#
# Counting deploys of one place: one deploy, or all of a week, which then begins `at`. `leads` is how many
# lead times they have, and `rework` and `unknown` count those that are rework, or have unknown commits.
DEPLOYS = np.dtype(
    [
        ("at", "<i8"),
        ("place", "<u4"),
        ("deploys", "<u4"),
        ("leads", "<u4"),
        ("unknown_commits", "<u4"),
        ("rework", "<u4"),
        ("unknown", "<u4"),
    ]
)
# A failed deploy: whether its outage is open, else how long that was, or how long until its first remedy.
FAILURE = np.dtype(
    [("at", "<i8"), ("recovery", "<i8"), ("remedied", "<i8"), ("place", "<u4"), ("open", "<u4")]
)
# An incident that is attributed to no deploy; `wide` if a window of 72 hours would attribute it to one.
UNLINKED = np.dtype([("at", "<i8"), ("place", "<u4"), ("wide", "<u4")])


class Each(NamedTuple):
    """What a question needs to know of each deploy by itself: its time, and how many lead times it has."""

    times: bool = True
    lead_counts: bool = True


class Columns(NamedTuple):
    """Rows of `DEPLOYS`, `FAILURE` and `UNLINKED`; the field `place` is a position in `places`.

    Places are texts (`text_of_place`), since a hundred weeks have the same ones again and again.
    `lead_times` has those of the deploys, one row and deploy after another. `times` and `lead_counts` have
    the time of each deploy, and how many lead times it has; None if the question does not need them.
    """

    places: Sequence[str]
    deploys: Rows
    lead_times: Durations
    failures: Rows
    unlinked: Rows
    times: Durations | None
    lead_counts: Counts | None


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

    rows = np.array(
        [
            (
                one.at,
                number(one.place),
                1,
                one.lead_times.count(",") + 1 if one.lead_times else 0,
                one.unknown_commits,
                one.rework,
                one.unknown,
            )
            for one in deploys
        ],
        DEPLOYS,
    )
    return Columns(
        deploys=rows,
        lead_times=np.array(parse_lead_times(one.lead_times for one in deploys), np.int64),
        failures=np.array(
            [
                (one.at, _or_none(one.recovery), _or_none(one.remedied_after), number(one.place), one.open)
                for one in failures
            ],
            FAILURE,
        ),
        unlinked=np.array([(one.at, number(one.place), one.wide) for one in unlinked], UNLINKED),
        times=rows["at"],
        lead_counts=rows["leads"],
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


def joined(parts: Iterable[Columns], each: Each) -> Columns:
    """Put several into one, one after another; a place that is in more than one of them is one place.

    Each part is asked for once and not kept. So the whole needs no more memory than it has in the end. *each*
    is what all parts have.
    """
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    deploys, failures, unlinked = (_Rows(dtype) for dtype in (DEPLOYS, FAILURE, UNLINKED))
    lead_times, times, lead_counts = _Values(np.int64), _Values(np.int64), _Values(np.uint32)
    for part in parts:
        places = np.array(list(map(numbers.__getitem__, part.places)), np.uint32)
        for whole, rows in ((deploys, part.deploys), (failures, part.failures), (unlinked, part.unlinked)):
            whole.add(rows, places)
        lead_times.add(part.lead_times)
        if each.times:
            times.add(part.times)
        if each.lead_counts:
            lead_counts.add(part.lead_counts)
    return Columns(
        list(numbers),
        deploys.all(),
        lead_times.all(),
        failures.all(),
        unlinked.all(),
        times.all() if each.times else None,
        lead_counts.all() if each.lead_counts else None,
    )


class _Values:
    """Values that are put together."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._bytes = bytearray()

    def add(self, values: NDArray[Any] | None) -> None:
        assert values is not None
        self._bytes += np.ascontiguousarray(values, self._dtype).data

    def all(self) -> NDArray[Any]:
        return np.frombuffer(self._bytes, self._dtype)


class _Rows:
    """Rows that are put together."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._bytes = bytearray()
        # How many rows each part has, and what its numbers of places become.
        self._parts: list[tuple[int, Counts]] = []

    def add(self, rows: Rows, places: Counts) -> None:
        self._bytes += np.ascontiguousarray(rows).data
        self._parts.append((len(rows), places))

    def all(self) -> Rows:
        found = np.frombuffer(self._bytes, self._dtype)
        begin = 0
        for count, places in self._parts:
            mine = found["place"][begin : begin + count]
            mine[:] = places.take(mine)
            begin += count
        return found


def begins_of(counts: NDArray[Any]) -> Durations:
    """Return where each run of values begins, and where the last one ends, from how many each has."""
    found = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=found[1:])
    return found


def runs(values: NDArray[Any], begins: Durations, chosen: Index) -> NDArray[Any]:
    """Return the values of some runs, one after another; *begins* as `begins_of` has them."""
    if not len(chosen):
        return values[:0]
    first, last = int(chosen[0]), int(chosen[-1])
    if last - first + 1 == len(chosen) and bool((np.diff(chosen) == 1).all()):
        # Runs that follow each other are a slice, which copies nothing.
        return values[begins[first] : begins[last + 1]]
    mine, ends = begins.take(chosen), begins.take(chosen + 1)
    counts = ends - mine
    if counts.sum() > _LONG_RUN * len(chosen):
        slices = map(slice, mine.tolist(), ends.tolist())
        return np.concatenate([values[one] for one in slices])
    return values.take(positions(mine, counts))


def positions(begins: Durations, counts: Durations) -> Index:
    """Return the positions of several runs, one after another: where each begins, and how long it is."""
    ends = np.cumsum(counts)
    found = np.repeat(begins - (ends - counts), counts)
    found += np.arange(len(found))
    return found
