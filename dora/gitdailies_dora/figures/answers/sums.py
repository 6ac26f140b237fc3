"""The sums of groups over segments of time, from columns of deploys, failures and incidents. Pure.

The rows of a group are ordered by segment, and what adds up is added up from the first row on. So the sum of
any segments that follow each other is a difference of two numbers, and their lead times are a slice. A row
may have several deploys, if they are in one segment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from operator import add
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_dora.figures.answers import chance, columns
from gitdailies_dora.figures.answers.chance import Pools, Timeline
from gitdailies_dora.figures.answers.columns import (
    NO_TIME,
    NONE,
    Columns,
    Counts,
    Durations,
    Index,
    Rows,
)
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.answers.tally import Tally, drawn_lead_times, merged
from gitdailies_dora.figures.history.facts import EVIDENCE

# The value of a group for each dimension by which it is made, folded.
Key: TypeAlias = tuple[str, ...]

# Groups are made when they are asked for. Those with this many lead times in all are kept.
_MOST_KEPT = 3_000_000

# What adds up of deploys: by the name in `DEPLOYS`, that in a sum.
_COUNTS = {
    "rework": "rework",
    "inferred": "inferred",
    "unknown": "unknown_deploys",
    "unknown_commits": "unknown_commits",
    "nothing_new": "nothing_new",
}

_NOTHING: Index = np.empty(0, np.intp)


class Chosen(NamedTuple):
    """The rows of one group by segments of time, and the position among them at which each segment begins.

    The last position is where the last segment ends.
    """

    rows: Index
    begins: Index


class Cuts(NamedTuple):
    """The moments at which the deploys of a question are cut. No row has deploys on both sides of one.

    `segments` has the position among `edges` of the beginning of each segment, and of the end of the last
    one. Deploys from the edge `settled` on are not settled: those of the last *window*.
    """

    edges: Sequence[int]
    segments: Sequence[int]
    settled: int
    window: int

    @classmethod
    def of(cls, edges: Sequence[int], now: int, window: int) -> Cuts:
        """Cut at the *edges* of segments; deploys less than a *window* before *now* are not settled."""
        settled = min(max(now - window + 1, edges[0]), edges[-1])
        every = sorted({*edges, settled})
        return cls(every, [bisect_left(every, edge) for edge in edges], bisect_left(every, settled), window)

    def is_whole(self, first: int, last: int) -> bool:
        """Whether the times from *first* to *last* are in one segment, and all settled or none."""
        return 0 < bisect_right(self.edges, first) == bisect_right(self.edges, last) < len(self.edges)


class Sums:
    """The sums of each group. Segments are given as a range of their numbers.

    *keys* has the groups of each target of *found*.
    """

    def __init__(self, found: Columns, keys: Sequence[Sequence[Key]], cuts: Cuts) -> None:
        self._found = found
        found = found._replace(incidents=found.incidents[found.incidents["unlinked"] == 1])
        self._values = _Values(found)
        self._cuts = cuts
        self._targets: defaultdict[Key, list[int]] = defaultdict(list)
        for target, of_target in enumerate(keys):
            for key in of_target:
                self._targets[key].append(target)
        self._pools: dict[Period, Pools] = {}
        self._line: Timeline | None = None
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._kept = 0
        self._chosen = _chosen(found, keys, cuts)

    def keys(self, segments: range) -> list[Key]:
        """Return the groups that have a deploy, or an incident of no deploy, in *segments*."""
        if not segments:
            return []
        first, behind = (self._cuts.segments[edge] for edge in (segments.start, segments.stop))

        def has_one(chosen: Chosen) -> bool:
            return bool(chosen.begins[first] < chosen.begins[behind])

        return [
            key
            for key, (deploys, _, unlinked) in self._chosen.items()
            if has_one(deploys) or has_one(unlinked)
        ]

    def over(self, key: Key, segments: range) -> Tally:
        """Return the sum of a group over some segments."""
        return self._group(key).over(segments) if segments else Tally()

    def together(self, keys: Iterable[Key], segments: range) -> Tally:
        """Return the sum of several groups."""
        return merged([self.over(key, segments) for key in keys])

    def pools(self, keys: Iterable[Key], period: Period) -> Pools:
        """Return what the targets of several groups say about chance in a period."""
        if period not in self._pools:
            if self._line is None:
                chosen = np.zeros(len(self._found.targets), np.bool_)
                chosen[list(chain.from_iterable(self._targets.values()))] = True
                self._line = Timeline.of(self._found, period.now, chosen)
            self._pools[period] = chance.pools(self._found, self._line, period, self._cuts.window)
        return self._pools[period].of(self._targets_of(keys))

    def shares(self, keys: Sequence[Key], period: Period) -> list[float]:
        """Return how late after a deploy each incident in the pools of several groups came, from 0 to 1.

        It is the share of all moments of a target that are sooner after a deploy; in order.
        """
        self.pools(keys, period)
        found = self._pools[period].shares
        return sorted(found.share[np.isin(found.target, self._targets_of(keys))].tolist())

    def _targets_of(self, keys: Iterable[Key]) -> Index:
        return np.array(list(chain.from_iterable(self._targets[key] for key in keys)), np.intp)

    def deploys(self, keys: Iterable[Key], parts: Sequence[range]) -> list[int]:
        """Return the number of deploys of several groups in each of some ranges of segments."""
        found = [0] * len(parts)
        for key in keys:
            found = list(map(add, found, self._group(key).numbers(parts)))
        return found

    def drawn(self, keys: Iterable[Key], segments: range) -> NDArray[np.float64]:
        """Return `drawn_lead_times` of several groups."""
        groups = [self._group(key) for key in keys] if segments else []
        times = np.concatenate([NONE, *(group.leads_in(segments) for group in groups)])
        counts = np.concatenate([NONE, *(group.lead_counts_in(segments) for group in groups)])
        return drawn_lead_times(times, counts)

    def _group(self, key: Key) -> _Group:
        if key not in self._groups:
            deploys, failures, unlinked = self._chosen.get(key, (self._none,) * 3)
            found = _Group(self._values, deploys, failures, unlinked, self._cuts)
            self._groups[key] = found
            self._kept += found.size
            while self._kept > _MOST_KEPT and len(self._groups) > 1:
                _, dropped = self._groups.popitem(last=False)
                self._kept -= dropped.size
        return self._groups[key]

    @cached_property
    def _none(self) -> Chosen:
        return Chosen(np.empty(0, np.intp), np.zeros(len(self._cuts.edges), np.intp))


def _chosen(
    found: Columns, keys: Sequence[Sequence[Key]], cuts: Cuts
) -> dict[Key, tuple[Chosen, Chosen, Chosen]]:
    """Return the deploys, failures and incidents of each group that are in a segment."""
    numbers: dict[Key, int] = {}
    groups = [[numbers.setdefault(key, len(numbers)) for key in of_target] for of_target in keys]
    edges = np.array(cuts.edges, np.int64)
    split = (
        _in_groups(rows, edges, groups, len(numbers))
        for rows in (found.deploys, found.failures, found.incidents)
    )
    return dict(zip(numbers, zip(*split, strict=True), strict=True))


def _in_groups(
    rows: Rows, edges: NDArray[np.int64], groups: Sequence[Sequence[int]], count: int
) -> Iterator[Chosen]:
    """Yield which rows are in each of *count* groups and in a segment, ordered by segment.

    *groups* has the numbers of the groups of each target. Segment n has the times from `edges[n]` on, before
    `edges[n + 1]`.
    """
    segment = np.searchsorted(edges, rows["at"], "right")
    segment = segment.astype(np.min_scalar_type(len(edges)))
    # Sorting few different small numbers, which are in order for the most part, is fast.
    chosen = np.argsort(segment, kind="stable")
    first, behind = np.searchsorted(segment, np.array((1, len(edges)), segment.dtype), sorter=chosen)
    chosen = chosen[first:behind]
    segment, target = segment.take(chosen), rows["target"].take(chosen)
    numbers = np.arange(1, len(edges) + 1, dtype=segment.dtype)
    found: list[list[Index]] = [[] for _ in range(count)]
    # Most targets have one group: a table of first groups, one of second groups, and so on.
    for turn in range(max(map(len, groups), default=0)):
        table = np.array(
            [of_target[turn] if turn < len(of_target) else count for of_target in groups],
            np.min_scalar_type(count),
        )
        group = table.take(target)
        ordered = np.argsort(group, kind="stable")
        cuts = np.searchsorted(group, np.arange(count + 1, dtype=group.dtype), sorter=ordered)
        for number in range(count):
            if cuts[number] < cuts[number + 1]:
                found[number].append(ordered[cuts[number] : cuts[number + 1]])
    for parts in found:
        mine = parts[0] if len(parts) == 1 else np.sort(np.concatenate([_NOTHING, *parts]))
        yield Chosen(chosen.take(mine), np.searchsorted(segment.take(mine), numbers))


class _Values:
    """Columns, and the values of some of their rows of deploys, one row after another."""

    def __init__(self, found: Columns) -> None:
        self.columns = found

    def lead_times(self, rows: Index) -> Durations:
        return columns.runs(self.columns.lead_times, self._leads_begin, rows)

    def of_each(self, values: NDArray[Any], rows: Index) -> NDArray[Any]:
        """Return those of *values* that some rows have; *values* has one for each deploy."""
        if len(values) == len(self.columns.deploys):
            return values.take(rows)
        return columns.runs(values, self._deploys_begin, rows)

    @cached_property
    def _leads_begin(self) -> Durations:
        return columns.begins_of(self.columns.deploys["leads"])

    @cached_property
    def _deploys_begin(self) -> Durations:
        return columns.begins_of(self.columns.deploys["deploys"])


class _Group:
    """The rows of one group, and how far each sum is at each cut."""

    def __init__(
        self,
        values: _Values,
        deploys: Chosen,
        failures: Chosen,
        unlinked: Chosen,
        cuts: Cuts,
    ) -> None:
        self._values, self._rows, found = values, deploys.rows, values.columns
        self._segments, self._settled = cuts.segments, cuts.settled
        rows, at = found.deploys.take(deploys.rows), deploys.begins
        self._deploys, self._leads_at = (_sums(rows[name], at) for name in ("deploys", "leads"))
        self._counts = {name: _sums(rows[column], at) for column, name in _COUNTS.items()}
        self._leads = values.lead_times(deploys.rows)
        # In order of time, and so is each segment.
        self._times = np.sort(values.of_each(found.times, deploys.rows))
        rows, at = found.failures.take(failures.rows), failures.begins
        self._failures = at.tolist()
        self._recoveries, self._recoveries_at = _known(rows["recovery"], at)
        self._remedied, self._remedied_at = _known(rows["remedied"], at)
        self._open = _sums(rows["open"], at)
        self._evidence = [_sums(rows["evidence"] == number, at) for number in range(len(EVIDENCE))]
        self._unlinked = unlinked.begins.tolist()
        self._wide = _sums(found.incidents["wide"].take(unlinked.rows), unlinked.begins)

    @property
    def size(self) -> int:
        return len(self._leads) + len(self._rows)

    def numbers(self, parts: Iterable[range]) -> list[int]:
        sums, at = self._deploys, self._segments
        return [sums[at[part.stop]] - sums[at[part.start]] for part in parts]

    def leads_in(self, segments: range) -> Durations:
        return self._leads[self._slice(self._leads_at, segments)]

    def lead_counts_in(self, segments: range) -> Counts:
        return self._lead_counts[self._slice(self._deploys, segments)]

    @cached_property
    def _lead_counts(self) -> Counts:
        return self._values.of_each(self._values.columns.lead_counts, self._rows)

    def over(self, segments: range) -> Tally:
        first, behind = self._ends(segments)
        # The sums of what is not settled begin here.
        unsettled = min(max(first, self._settled), behind)
        deploys, failures = self._deploys, self._failures
        failed_pending = failures[behind] - failures[unsettled]
        return Tally(
            **{name: at[behind] - at[first] for name, at in self._counts.items()},
            deploys=deploys[behind] - deploys[first],
            unsettled=deploys[behind] - deploys[unsettled],
            times=self._times[self._deploys[first] : self._deploys[behind]],
            lead_times=self._leads[self._leads_at[first] : self._leads_at[behind]],
            evidence=tuple(at[unsettled] - at[first] for at in self._evidence),
            failed_pending=failed_pending,
            recoveries=self._recoveries[self._recoveries_at[first] : self._recoveries_at[behind]],
            remedied=self._remedied[self._remedied_at[first] : self._remedied_at[behind]],
            open=self._open[behind] - self._open[first],
            unlinked=self._unlinked[behind] - self._unlinked[first],
            attributed_in72h=self._wide[behind] - self._wide[first],
        )

    def _ends(self, segments: range) -> tuple[int, int]:
        return self._segments[segments.start], self._segments[segments.stop]

    def _slice(self, at: Sequence[int], segments: range) -> slice:
        first, behind = self._ends(segments)
        return slice(at[first], at[behind])


def _sums(values: NDArray[Any], at: Index) -> list[int]:
    """Return the sum of the values before each position; there is none before the first one."""
    return [0, *np.cumsum(columns.sums_between(values, at)).tolist()]


def _known(durations: Durations, at: Index) -> tuple[Durations, list[int]]:
    """Return the durations that there are, and how many are before each position."""
    is_known = durations != NO_TIME
    return durations[is_known], _sums(is_known, at)
