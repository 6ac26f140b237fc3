"""The sums of groups over segments of time, from columns of deploys, failures and incidents. Pure.

The rows of a group are ordered by segment, and what adds up is added up from the first row on. So the sum of
any segments that follow each other is a difference of two numbers, and their lead times are a slice. A row
may have several deploys, if they are in one segment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import add
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures import columns
from gitdailies_webhooks.figures.columns import NO_TIME, NONE, Columns, Counts, Durations, Index
from gitdailies_webhooks.figures.groups import Chosen, in_groups
from gitdailies_webhooks.figures.tally import (
    OF_LEADS,
    OF_OTHERS,
    Spread,
    Tally,
    drawn_lead_times,
    in_seconds_of_runs,
    merged,
)

# The value of a group for each dimension by which it is made, folded.
Key: TypeAlias = tuple[str, ...]

# Groups are made when they are asked for. Those with this many lead times in all are kept.
_MOST_KEPT = 500_000


class Cuts(NamedTuple):
    """The moments at which the deploys of a question are cut. No row has deploys on both sides of one.

    `segments` has the position among `edges` of the beginning of each segment, and of the end of the last
    one. Deploys from the edge `settled` on are young.
    """

    edges: Sequence[int]
    segments: Sequence[int]
    settled: int

    @classmethod
    def of(cls, edges: Sequence[int], settled_until: int) -> Cuts:
        """Cut at the *edges* of segments; deploys later than *settled_until* are young."""
        settled = min(max(settled_until + 1, edges[0]), edges[-1])
        every = sorted({*edges, settled})
        return cls(every, [bisect_left(every, edge) for edge in edges], bisect_left(every, settled))

    def is_whole(self, first: int, last: int) -> bool:
        """Whether the times from *first* to *last* are in one segment, and all settled or all young."""
        return 0 < bisect_right(self.edges, first) == bisect_right(self.edges, last) < len(self.edges)

    def within(self, first: int, last: int) -> Sequence[int]:
        """Return the edges after *first*, up to *last*."""
        return self.edges[bisect_right(self.edges, first) : bisect_right(self.edges, last)]


class Sums:
    """The sums of each group. Segments are given as a range of their numbers.

    *keys* has the groups of each place of *found*.
    """

    def __init__(self, found: Columns, keys: Sequence[Sequence[Key]], cuts: Cuts) -> None:
        self._values = _Values(found)
        self._cuts = cuts
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

    def deploys(self, keys: Iterable[Key], parts: Sequence[range]) -> list[int]:
        """Return the number of deploys of several groups in each of some ranges of segments."""
        found = [0] * len(parts)
        for key in keys:
            found = list(map(add, found, self._group(key).numbers(parts)))
        return found

    def times(self, key: Key, segments: range) -> Durations:
        """Return the times of the deploys of a group, in order. The columns need `times`."""
        return np.sort(self._group(key).times_in(segments)) if segments else NONE

    def drawn(self, keys: Iterable[Key], segments: range) -> NDArray[np.float64]:
        """Return `drawn_lead_times` of several groups. The columns need `lead_counts`."""
        groups = [self._group(key) for key in keys] if segments else []
        times = np.concatenate([NONE, *(group.leads_in(segments) for group in groups)])
        counts = np.concatenate([NONE, *(group.lead_counts_in(segments) for group in groups)])
        return drawn_lead_times(times, counts)

    def spreads(self, key: Key, parts: Sequence[range]) -> list[Spread]:
        """Return the percentiles of a group over each of some ranges of segments that follow each other."""
        return self._group(key).spreads(parts) if parts else []

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
    groups = [[numbers.setdefault(key, len(numbers)) for key in of_place] for of_place in keys]
    edges = np.array(cuts.edges, np.int64)
    split = (
        in_groups(rows, edges, groups, len(numbers))
        for rows in (found.deploys, found.failures, found.unlinked)
    )
    return dict(zip(numbers, zip(*split, strict=True), strict=True))


class _Values:
    """Columns, and the values of some of their rows of deploys, one row after another."""

    def __init__(self, found: Columns) -> None:
        self.columns = found

    def lead_times(self, rows: Index) -> Durations:
        return columns.runs(self.columns.lead_times, self._leads_begin, rows)

    def of_each(self, values: NDArray[Any] | None, rows: Index) -> NDArray[Any]:
        """Return those of *values* that some rows have; *values* has one for each deploy."""
        assert values is not None, "the question needs no single deploys"
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
        self._deploys, self._leads_at, self._rework, self._unknown, self._unknown_commits = (
            _sums(rows[name], at) for name in ("deploys", "leads", "rework", "unknown", "unknown_commits")
        )
        self._leads = values.lead_times(deploys.rows)
        rows, at = found.failures.take(failures.rows), failures.begins
        self._failures = at.tolist()
        self._recoveries, self._recoveries_at = _known(rows["recovery"], at)
        self._remedied, self._remedied_at = _known(rows["remedied"], at)
        self._open = _sums(rows["open"], at)
        self._unlinked = unlinked.begins.tolist()
        self._wide = _sums(found.unlinked["wide"].take(unlinked.rows), unlinked.begins)

    @property
    def size(self) -> int:
        return len(self._leads) + len(self._rows)

    def numbers(self, parts: Iterable[range]) -> list[int]:
        sums, at = self._deploys, self._segments
        return [sums[at[part.stop]] - sums[at[part.start]] for part in parts]

    def leads_in(self, segments: range) -> Durations:
        return self._leads[self._slice(self._leads_at, segments)]

    def times_in(self, segments: range) -> Durations:
        return self._times[self._slice(self._deploys, segments)]

    def lead_counts_in(self, segments: range) -> Counts:
        return self._lead_counts[self._slice(self._deploys, segments)]

    @cached_property
    def _times(self) -> Durations:
        return self._values.of_each(self._values.columns.times, self._rows)

    @cached_property
    def _lead_counts(self) -> Counts:
        return self._values.of_each(self._values.columns.lead_counts, self._rows)

    def spreads(self, parts: Sequence[range]) -> list[Spread]:
        edges = [self._segments[edge] for edge in (*(part.start for part in parts), parts[-1].stop)]
        found = (
            in_seconds_of_runs(values, [at[edge] for edge in edges], *hundredths)
            for values, at, hundredths in (
                (self._leads, self._leads_at, OF_LEADS),
                (self._recoveries, self._recoveries_at, OF_OTHERS),
                (self._remedied, self._remedied_at, OF_OTHERS),
            )
        )
        return list(map(Spread, *found))

    def over(self, segments: range) -> Tally:
        first, behind = self._ends(segments)
        # The sums of what is young begin here.
        young = min(max(first, self._settled), behind)
        deploys, failures = self._deploys, self._failures
        failed_young = failures[behind] - failures[young]
        return Tally(
            deploys=deploys[behind] - deploys[first],
            rework=self._rework[behind] - self._rework[first],
            young=deploys[behind] - deploys[young],
            unknown_deploys=self._unknown[behind] - self._unknown[first],
            unknown_commits=self._unknown_commits[behind] - self._unknown_commits[first],
            lead_times=self._leads[self._leads_at[first] : self._leads_at[behind]],
            failed=failures[behind] - failures[first] - failed_young,
            failed_young=failed_young,
            recoveries=self._recoveries[self._recoveries_at[first] : self._recoveries_at[behind]],
            remedied=self._remedied[self._remedied_at[first] : self._remedied_at[behind]],
            still_open=self._open[behind] - self._open[first],
            unlinked=self._unlinked[behind] - self._unlinked[first],
            unlinked_72h=self._wide[behind] - self._wide[first],
        )

    def _ends(self, segments: range) -> tuple[int, int]:
        return self._segments[segments.start], self._segments[segments.stop]

    def _slice(self, at: Sequence[int], segments: range) -> slice:
        first, behind = self._ends(segments)
        return slice(at[first], at[behind])


def _sums(values: NDArray[np.unsignedinteger], at: Index) -> list[int]:
    """Return the sum of the values before each position."""
    found: list[int] = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[at].tolist()
    return found


def _known(durations: Durations, at: Index) -> tuple[Durations, list[int]]:
    """Return the durations that there are, and how many are before each position."""
    is_known = durations != NO_TIME
    return durations[is_known], _sums(is_known, at)
