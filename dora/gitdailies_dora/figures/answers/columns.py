"""Deploys and incidents in columns, so that very many are added up at once. Pure.

A row holds what deploys, a failure or an incident add to the figures, and the number of their target. Times
and durations are whole microseconds, and `NO_TIME` in place of a duration says that there is none.

Most questions need the sums of a week and its lead times. So a packed week has one row for each target, and
the values of each deploy. Only where a segment of time begins within it is a row `split`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from numpy.typing import NDArray

from gitdailies_dora.figures.history.facts import EVIDENCE, Facts
from gitdailies_dora.figures.history.incidents import BY_TIME
from gitdailies_dora.figures.history.remedies import REWORK

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
# Counting deploys of one target: one deploy, or all of a week, which then begins `at`. `leads` is how many
# lead times they have. `rework` and `inferred` count those that are rework, and as fixes forward alone;
# `unknown` those whose commits are, and `nothing_new` those that brought nothing.
DEPLOYS = np.dtype(
    [
        ("at", "<i8"),
        ("target", "<u4"),
        ("deploys", "<u4"),
        ("leads", "<u4"),
        ("unknown_commits", "<u4"),
        ("rework", "<u4"),
        ("inferred", "<u4"),
        ("unknown", "<u4"),
        ("nothing_new", "<u4"),
    ]
)
# A failed deploy: whether its outage is open, else how long that was, or how long until its first remedy; and
# the position of its evidence in `EVIDENCE`.
FAILURE = np.dtype(
    [
        ("at", "<i8"),
        ("recovery", "<i8"),
        ("remedied", "<i8"),
        ("target", "<u4"),
        ("open", "<u2"),
        ("evidence", "<u2"),
    ]
)
# An incident: whether it is attributed to no deploy; then, whether a window of 72 hours would attribute it to
# one. In a row of its own: whether it may have come by chance, at the target of the latest deploy before it.
INCIDENT = np.dtype(
    [("at", "<i8"), ("target", "<u4"), ("unlinked", "<u1"), ("wide", "<u1"), ("chance", "<u2")]
)
# A deploy outside the span of the others: the latest before it in its target, or the first after it.
AROUND = np.dtype([("at", "<i8"), ("target", "<u8")])


# What a deploy adds besides its lead times.
_REST = ("unknown_commits", "rework", "inferred", "unknown", "nothing_new")
REST = np.dtype(list(zip(_REST, ("<u4", "<u1", "<u1", "<u1", "<u1"), strict=True)))


class Columns(NamedTuple):
    """Rows of `DEPLOYS`, `FAILURE` and `INCIDENT`; the field `target` is a position in `targets`.

    Targets are texts (`text_of_target`), since a hundred weeks have the same ones again and again.
    `lead_times` has those of the deploys, one row and deploy after another. `times`, `lead_counts` and `rest`
    have the time of each deploy, how many lead times it has, and its row of `REST`. `around` has rows of
    `AROUND`.
    """

    targets: Sequence[str]
    deploys: Rows
    lead_times: Durations
    failures: Rows
    incidents: Rows
    times: Durations
    lead_counts: Counts
    rest: Rows
    around: Rows = np.empty(0, AROUND)

    @property
    def size(self) -> int:
        """The bytes of all arrays."""
        return sum(array.nbytes for array in self[1:] if isinstance(array, np.ndarray))

    def begin(self, other: Columns) -> Columns:
        """Return the first rows, as many as *other* has. They share the memory of all rows."""
        lengths = other._asdict()
        return Columns(**{name: rows[: len(lengths[name])] for name, rows in self._asdict().items()})


def text_of_target(target: DeployTarget) -> str:
    """Write a target as one text. Names have no tabs."""
    return f"{target.environment}\t{target.repo}\t{target.service or ''}"


def target_of(text: str) -> DeployTarget:
    """Read what `text_of_target` wrote."""
    environment, repo, service = text.split("\t")
    return DeployTarget(repo, environment, service or None)


class DeployValues(NamedTuple):
    """What a counting deploy adds. It is `unknown` if its commits are; `lead_times` are in microseconds.

    `rework` is set, too, if it is only `inferred`, as a fix forward.
    """

    target: DeployTarget
    at: int
    rework: bool
    inferred: bool
    unknown: bool
    unknown_commits: int
    lead_times: Sequence[int]


class FailureValues(NamedTuple):
    """How a deploy failed.

    `recovery` is the length of its first outage. It is None if the outage is still `open`, and if no incident
    times the deploy. Then `remedied_after` is the time to its first remedy, or None. `evidence` is one of
    `EVIDENCE`.
    """

    target: DeployTarget
    at: int
    evidence: str
    recovery: int | None
    open: bool
    remedied_after: int | None


class IncidentValues(NamedTuple):
    """An incident that is `unlinked`, or that may have come by `chance`: a row of `INCIDENT`."""

    target: DeployTarget
    at: int
    unlinked: bool = False
    wide: bool = False
    chance: bool = False


def columns(
    deploys: Sequence[DeployValues], failures: Iterable[FailureValues], incidents: Iterable[IncidentValues]
) -> Columns:
    """Put deploys, failures and incidents into columns."""
    numbers: dict[DeployTarget, int] = {}

    def number(target: DeployTarget) -> int:
        return numbers.setdefault(target, len(numbers))

    rows = np.array(
        [
            (
                one.at,
                number(one.target),
                1,
                len(one.lead_times),
                one.unknown_commits,
                one.rework,
                one.inferred,
                one.unknown,
                not (one.unknown or one.unknown_commits or one.lead_times),
            )
            for one in deploys
        ],
        DEPLOYS,
    )
    return Columns(
        deploys=rows,
        lead_times=np.fromiter(chain.from_iterable(one.lead_times for one in deploys), np.int64),
        failures=np.array(
            [
                (
                    one.at,
                    _or_none(one.recovery),
                    _or_none(one.remedied_after),
                    number(one.target),
                    one.open,
                    EVIDENCE.index(one.evidence),
                )
                for one in failures
            ],
            FAILURE,
        ),
        incidents=np.array([(one.at, number(one.target), *one[2:]) for one in incidents], INCIDENT),
        times=rows["at"],
        lead_counts=rows["leads"],
        rest=_rest(rows),
        targets=list(map(text_of_target, numbers)),
    )


def _rest(deploys: Rows) -> Rows:
    found = np.empty(len(deploys), REST)
    for name in _REST:
        found[name] = deploys[name]
    return found


def _or_none(duration: int | None) -> int:
    return NO_TIME if duration is None else duration


def of_facts(facts: Facts) -> Columns:
    """Return every deploy and incident of a history."""
    deploys: list[DeployValues] = []
    failures: list[FailureValues] = []
    for found in facts.deploys:
        deploy, new, outage = found.deploy, found.new, found.outage
        target, at = deploy.target, deploy.at
        unknown = bool(new.unknown)
        inferred = found.fixed is not None
        rework = inferred or found.rework == REWORK
        commits = new.unknown_commits, new.lead_times
        deploys.append(DeployValues(target, at, rework, inferred, unknown, *commits))
        if found.evidence:
            recovery = None if outage is None else outage.duration_us
            is_open = outage is not None and recovery is None
            after = found.remedied_after_us
            failures.append(FailureValues(target, at, found.evidence, recovery, is_open, after))
    incidents: list[IncidentValues] = []
    for occurrence, link in facts.incidents:
        at, suspect = occurrence.began_at, link.deploy if link.how == BY_TIME else link.latest
        if link.deploy is None:
            incidents.append(IncidentValues(occurrence.target, at, True, link.wide is not None))
        if suspect is not None:
            incidents.append(IncidentValues(suspect.target, at, chance=True))
    return columns(deploys, failures, incidents)


def joined(parts: Iterable[Columns]) -> Columns:
    """Put several into one, one after another; a target that is in more than one of them is one target.

    Each part is asked for once and not kept. So the whole needs no more memory than it has in the end.
    """
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    deploys, failures, incidents = (_Rows(dtype) for dtype in (DEPLOYS, FAILURE, INCIDENT))
    lead_times, times, lead_counts = _Values(np.int64), _Values(np.int64), _Values(np.uint32)
    rest = _Values(REST)
    for part in parts:
        targets = np.array(list(map(numbers.__getitem__, part.targets)), np.uint32)
        for whole, rows in ((deploys, part.deploys), (failures, part.failures), (incidents, part.incidents)):
            whole.add(rows, targets)
        lead_times.add(part.lead_times)
        times.add(part.times)
        lead_counts.add(part.lead_counts)
        rest.add(part.rest)
    return Columns(
        list(numbers),
        deploys.all(),
        lead_times.all(),
        failures.all(),
        incidents.all(),
        times.all(),
        lead_counts.all(),
        rest.all(),
    )


class _Values:
    """Values that are put together."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._bytes = bytearray()

    def add(self, values: NDArray[Any]) -> None:
        self._bytes += np.ascontiguousarray(values, self._dtype).data

    def all(self) -> NDArray[Any]:
        return np.frombuffer(self._bytes, self._dtype)


class _Rows:
    """Rows that are put together."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._bytes = bytearray()
        # How many rows each part has, and what its numbers of targets become.
        self._parts: list[tuple[int, Counts]] = []

    def add(self, rows: Rows, targets: Counts) -> None:
        self._bytes += np.ascontiguousarray(rows).data
        self._parts.append((len(rows), targets))

    def all(self) -> Rows:
        found = np.frombuffer(self._bytes, self._dtype)
        begin = 0
        for count, targets in self._parts:
            mine = found["target"][begin : begin + count]
            mine[:] = targets.take(mine)
            begin += count
        return found


def begins_of(counts: NDArray[Any]) -> Durations:
    """Return where each run of values begins, and where the last one ends, from how many each has."""
    found = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=found[1:])
    return found


def sums_between(values: NDArray[Any], at: Index) -> Durations:
    """Return the sum of the values between each position and the next one, in order."""
    found = np.zeros(len(at) - 1, np.int64)
    # What is between two equal positions is nothing.
    some = np.flatnonzero(at[1:] > at[:-1])
    if len(some):
        found[some] = np.add.reduceat(values[: at[-1]], at[some], dtype=np.int64)
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


def by_target(found: Columns, began: int) -> Columns:
    """Put the deploys of a week that began at *began* together by target; *found* has a row for each."""
    deploys = found.deploys
    order = np.lexsort((deploys["at"], deploys["target"]))
    ordered = deploys.take(order)
    first = np.flatnonzero(np.diff(ordered["target"], prepend=-1))
    together = np.empty(len(first), DEPLOYS)
    together["at"], together["target"] = began, ordered["target"].take(first)
    for name in ("deploys", "leads", *_REST):
        together[name] = np.add.reduceat(ordered[name], first) if len(first) else 0
    return found._replace(
        deploys=together,
        lead_times=runs(found.lead_times, begins_of(deploys["leads"]), order),
        times=ordered["at"].copy(),
        lead_counts=ordered["leads"].copy(),
        rest=_rest(ordered),
    )


def split(found: Columns, began: Sequence[int]) -> Columns:
    """Return the same with a row for each deploy of the packed weeks that *began* then. `rest` is gone."""
    deploys = found.deploys
    chosen = np.isin(deploys["at"], began)
    counts = np.where(chosen, deploys["deploys"], 1)
    rows = np.repeat(deploys, counts)
    # Where these deploys are among the new rows, and among all deploys.
    into = np.flatnonzero(np.repeat(chosen, counts))
    of = np.flatnonzero(np.repeat(chosen, deploys["deploys"]))
    rows["at"][into], rows["leads"][into], rows["deploys"][into] = found.times[of], found.lead_counts[of], 1
    for name in _REST:
        rows[name][into] = found.rest[name][of]
    return found._replace(deploys=rows, rest=found.rest[:0].copy())
