"""Deploys and incidents in columns, so that very many are added up at once. Pure.

A row holds what deploys, a failure or an incident add to the figures, and the number of their target. Times
and durations are whole microseconds, and `NO_TIME` in place of a duration says that there is none.

Most questions need the sums of a week and its lead times. So a packed week has one row for each target, and
the values of each deploy. Only where a segment of time begins within it is a row `split`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from numpy.typing import NDArray

from gitdailies_dora.figures.cores import at_once
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

# Runs that are copied at once, so that their positions fit into the caches of processors.
_MOST_RUNS = 10_000

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


# The arrays of columns.
ARRAYS: Mapping[str, np.dtype[Any]] = {
    "deploys": DEPLOYS,
    "lead_times": np.dtype("<i8"),
    "failures": FAILURE,
    "incidents": INCIDENT,
    "lead_counts": np.dtype("<u4"),
    "times": np.dtype("<i8"),
    "rest": REST,
}


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


def text_of_target(target: DeployTarget) -> str:
    """Write a target as one text. Names have no tabs."""
    return f"{target.environment}\t{target.repo}\t{target.service or ''}"


# Each question has the same ones.
@lru_cache(maxsize=4096)
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


class Joined:
    """Columns of several parts, one after another; a target that is in more than one of them is one target.

    The memory of the parts that are kept serves one question after another, and is never copied for one.
    """

    def __init__(self, parts: Iterable[Columns]) -> None:
        """Each part is read once and not kept."""
        self._numbers: dict[str, int] = {}
        self._values = {name: _Values(dtype) for name, dtype in ARRAYS.items()}
        self._add(parts)
        self._kept = list(self._numbers), {name: one.count for name, one in self._values.items()}

    def with_more(self, parts: Iterable[Columns]) -> Columns:
        """Return the kept columns with *parts* behind them. They are valid until the next question."""
        targets, counts = self._kept
        self._numbers = {name: number for number, name in enumerate(targets)}
        for name, count in counts.items():
            self._values[name].count = count
        self._add(parts)
        return Columns(targets=list(self._numbers), **{name: one.all for name, one in self._values.items()})

    def _add(self, parts: Iterable[Columns]) -> None:
        for part in parts:
            numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in part.targets]
            targets = np.array(numbers, np.uint32)
            for name, values in self._values.items():
                added = values.add(getattr(part, name))
                if "target" in (ARRAYS[name].names or ()):
                    added["target"] = targets.take(added["target"])


def joined(parts: Iterable[Columns]) -> Columns:
    """Put several into one, as `Joined` does."""
    return Joined(parts).with_more(())


class _Values:
    """The first `count` values of an array with room for more."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._array = np.empty(0, dtype)
        self.count = 0

    @property
    def all(self) -> NDArray[Any]:
        return self._array[: self.count]

    def add(self, values: NDArray[Any]) -> NDArray[Any]:
        """Add values, and return them where they are now."""
        begin, self.count = self.count, self.count + len(values)
        if self.count > len(self._array):
            # Memory that nothing was written to is none yet.
            larger = np.empty(self.count + self.count // 8, self._array.dtype)
            larger[:begin] = self._array[:begin]
            self._array = larger
        added = self._array[begin : self.count]
        added[:] = values
        return added


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
    edges = [*range(0, len(chosen), _MOST_RUNS), len(chosen)]
    into = begins_of(np.diff(begins).take(chosen))[edges].tolist()
    found = np.empty(into[-1], values.dtype)
    parts = list(zip(map(slice, edges, edges[1:]), map(slice, into, into[1:]), strict=False))
    at_once(lambda part: _copy(values, begins, chosen[part[0]], found[part[1]]), parts)
    return found


def _copy(values: NDArray[Any], begins: Durations, chosen: Index, into: NDArray[Any]) -> None:
    mine, ends = begins.take(chosen), begins.take(chosen + 1)
    if bool((mine[1:] == ends[:-1]).all()):
        into[:] = values[mine[0] : ends[-1]]
    else:
        into[:] = values.take(positions(mine, ends - mine))


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


class Split:
    """The deploys of *found*, with a row for each one of the packed weeks that *began* then."""

    def __init__(self, found: Columns, began: Sequence[int]) -> None:
        self._rows = rows = found.deploys
        self._each = {
            "at": found.times,
            "target": np.repeat(rows["target"], rows["deploys"]),
            "deploys": np.ones(len(found.times), np.uint8),
            "leads": found.lead_counts,
            **{name: found.rest[name] for name in _REST},
        }
        chosen = np.isin(rows["at"], began)
        # Rows that are split and rows that are not, in turns.
        edges = np.array([0, *np.flatnonzero(np.diff(chosen)) + 1, len(rows)])
        ends = begins_of(rows["deploys"])[edges].tolist()
        of = zip(map(slice, edges[:-1], edges[1:]), map(slice, ends, ends[1:]), strict=False)
        self._parts = list(zip(chosen[edges[:-1]].tolist() if len(rows) else (), of, strict=False))

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a field of the rows, as `DEPLOYS` has it."""
        rows, each = self._rows[name], self._each[name]
        parts = (each[of[1]] if is_split else rows[of[0]] for is_split, of in self._parts)
        return np.concatenate([rows[:0].astype(each.dtype), *parts])
