"""The sums of groups over segments of time, from columns of deploys, failures and incidents. Pure.

The rows of a group are in order of time, and what adds up is added up from the first row on. So the sum of
any segments that follow each other is a difference of two numbers, and their lead times are a slice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures import columns
from gitdailies_webhooks.figures.columns import NO_TIME, Columns, Durations, Index, Rows
from gitdailies_webhooks.figures.tally import (
    OF_LEADS,
    OF_OTHERS,
    Leads,
    Spread,
    Tally,
    in_seconds_of_runs,
    merged,
)

# The value of a group for each dimension by which it is made, folded.
Key: TypeAlias = tuple[str, ...]

# Groups are made when they are asked for. Those with this many deploys in all are kept.
_MOST_KEPT = 200_000

_NOTHING: Index = np.empty(0, np.intp)


class _Chosen(NamedTuple):
    """Which rows are in a group, in order of time."""

    deploys: Index = _NOTHING
    failures: Index = _NOTHING
    unlinked: Index = _NOTHING


class Sums:
    """The sums of each group. Segments are given as a range of their numbers.

    *keys* has the groups of each place of *found*. Segment n has the times from `edges[n]` on, before
    `edges[n + 1]`. Deploys later than *settled_until* are young.
    """

    def __init__(
        self, found: Columns, keys: Sequence[Sequence[Key]], edges: Sequence[int], settled_until: int
    ) -> None:
        self._found = found
        self._edges = np.array(edges, np.int64)
        self._settled_until = settled_until
        # Where the lead times of each deploy begin, and where the last ones end.
        self._leads_begin: Durations = np.zeros(len(found.deploys) + 1, np.int64)
        np.cumsum(found.deploys["leads"], out=self._leads_begin[1:])
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._kept = 0
        self._chosen = _chosen(found, keys, edges)

    def keys(self, segments: range) -> list[Key]:
        """Return the groups that have a deploy, or an incident of no deploy, in *segments*."""
        if not segments:
            return []
        first, behind = self._edges[segments.start], self._edges[segments.stop]

        def has_one(rows: Rows, chosen: Index) -> bool:
            begin, end = np.searchsorted(rows["at"].take(chosen), (first, behind))
            return bool(begin < end)

        return [
            key
            for key, chosen in self._chosen.items()
            if has_one(self._found.deploys, chosen.deploys) or has_one(self._found.unlinked, chosen.unlinked)
        ]

    def over(self, key: Key, segments: range) -> Tally:
        """Return the sum of a group over some segments."""
        return self._group(key).over(segments) if segments else Tally()

    def together(self, keys: Iterable[Key], segments: range) -> Tally:
        """Return the sum of several groups."""
        return merged([self.over(key, segments) for key in keys])

    def deploys(self, keys: Iterable[Key], segments: range) -> int:
        """Return the number of deploys of several groups, without adding up anything else."""
        return sum(self._group(key).number(segments) for key in keys) if segments else 0

    def times(self, key: Key, segments: range) -> Durations:
        """Return the times of the deploys of a group, in order."""
        return self._group(key).times_in(segments) if segments else columns.NONE

    def spreads(self, key: Key, parts: Sequence[range]) -> list[Spread]:
        """Return the percentiles of a group over each of some ranges of segments that follow each other."""
        return self._group(key).spreads(parts) if parts else []

    def _group(self, key: Key) -> _Group:
        if key not in self._groups:
            chosen, found = self._chosen.get(key, _Chosen()), self._found
            deploys = _as_run(chosen.deploys)
            if isinstance(deploys, slice):
                begins = self._leads_begin
                leads: slice | Index = slice(begins[deploys.start], begins[deploys.stop])
            else:
                begins = self._leads_begin.take(deploys)
                leads = columns.positions(begins, self._leads_begin.take(deploys + 1) - begins)
            self._groups[key] = _Group(
                _taken(found.deploys, deploys),
                _taken(found.lead_times, leads),
                found.failures.take(chosen.failures),
                found.unlinked.take(chosen.unlinked),
                self._edges,
                self._settled_until,
            )
            self._kept += len(chosen.deploys)
            while self._kept > _MOST_KEPT and len(self._groups) > 1:
                dropped, _ = self._groups.popitem(last=False)
                self._kept -= len(self._chosen.get(dropped, _Chosen()).deploys)
        return self._groups[key]


def _as_run(chosen: Index) -> slice | Index:
    """Return positions that follow each other as a slice, which copies nothing, and others as they are."""
    if not len(chosen):
        return slice(0, 0)
    first, last = int(chosen[0]), int(chosen[-1])
    is_run = last - first + 1 == len(chosen) and bool((np.diff(chosen) == 1).all())
    return slice(first, last + 1) if is_run else chosen


def _taken(values: NDArray[Any], positions: slice | Index) -> NDArray[Any]:
    # `take` copies rows four times as fast as an index does.
    return values[positions] if isinstance(positions, slice) else values.take(positions)


def _chosen(found: Columns, keys: Sequence[Sequence[Key]], edges: Sequence[int]) -> dict[Key, _Chosen]:
    """Return the rows of each group that are in a segment."""
    numbers: dict[Key, int] = {}
    groups = [[numbers.setdefault(key, len(numbers)) for key in of_place] for of_place in keys]
    split = (
        columns.in_groups(rows, columns.between(rows, edges[0], edges[-1]), groups, len(numbers))
        for rows in (found.deploys, found.failures, found.unlinked)
    )
    return {key: _Chosen(*rows) for key, *rows in zip(numbers, *split, strict=True)}


class _Group:
    """The rows of one group, and how far each sum is at each edge."""

    def __init__(
        self,
        deploys: Rows,
        leads: Durations,
        failures: Rows,
        unlinked: Rows,
        edges: NDArray[np.int64],
        settled_until: int,
    ) -> None:
        self._times: Durations = np.ascontiguousarray(deploys["at"])
        at = np.searchsorted(self._times, edges)
        self._at = at.tolist()
        self._settled = int(np.searchsorted(self._times, settled_until, "right"))
        self._leads, self._lead_counts = leads, deploys["leads"]
        self._leads_at = _sums(deploys["leads"], at)
        self._rework, self._unknown, self._unknown_commits = (
            _sums(deploys[name], at) for name in ("rework", "unknown", "unknown_commits")
        )
        at = np.searchsorted(failures["at"], edges)
        self._failures_at = at.tolist()
        self._failures_settled = int(np.searchsorted(failures["at"], settled_until, "right"))
        self._recoveries, self._recoveries_at = _known(failures["recovery"], at)
        self._remedied, self._remedied_at = _known(failures["remedied"], at)
        self._open = _sums(failures["open"], at)
        at = np.searchsorted(unlinked["at"], edges)
        self._unlinked, self._wide = at.tolist(), _sums(unlinked["wide"], at)

    def number(self, segments: range) -> int:
        return _difference(self._at, segments)

    def times_in(self, segments: range) -> Durations:
        return self._times[_slice(self._at, segments)]

    def spreads(self, parts: Sequence[range]) -> list[Spread]:
        edges = [*(part.start for part in parts), parts[-1].stop]
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
        deploys = self.number(segments)
        settled = _before(self._settled, self._at, segments)
        failed = _before(self._failures_settled, self._failures_at, segments)
        return Tally(
            deploys=deploys,
            rework=_difference(self._rework, segments),
            young=deploys - settled,
            unknown_deploys=_difference(self._unknown, segments),
            unknown_commits=_difference(self._unknown_commits, segments),
            leads=Leads(
                self._leads[_slice(self._leads_at, segments)], self._lead_counts[_slice(self._at, segments)]
            ),
            failed=failed,
            failed_young=_difference(self._failures_at, segments) - failed,
            recoveries=self._recoveries[_slice(self._recoveries_at, segments)],
            remedied=self._remedied[_slice(self._remedied_at, segments)],
            still_open=_difference(self._open, segments),
            unlinked=_difference(self._unlinked, segments),
            unlinked_72h=_difference(self._wide, segments),
        )


def _sums(values: NDArray[np.unsignedinteger], at: Index) -> list[int]:
    """Return the sum of the values before each position."""
    found: list[int] = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[at].tolist()
    return found


def _known(durations: Durations, at: Index) -> tuple[Durations, list[int]]:
    """Return the durations that there are, and how many are before each position."""
    is_known = durations != NO_TIME
    return durations[is_known], _sums(is_known, at)


def _slice(at: Sequence[int], segments: range) -> slice:
    return slice(at[segments.start], at[segments.stop])


def _difference(sums: Sequence[int], segments: range) -> int:
    return sums[segments.stop] - sums[segments.start]


def _before(position: int, at: Sequence[int], segments: range) -> int:
    """Return how many rows of the segments are before a position."""
    return min(position, at[segments.stop]) - min(position, at[segments.start])
