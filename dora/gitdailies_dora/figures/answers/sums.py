"""The sums of groups over segments of time, from columns of deploys, failures and incidents. Pure.

Rows are ordered by group and segment, and what adds up is added up from the first row on. So the sum of any
segments that follow each other is a difference of two numbers, and their lead times are a slice. A row may
have several deploys, if they are in one segment.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, islice
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
    Split,
    begins_of,
)
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.answers.tally import Tally, drawn_lead_times, merged
from gitdailies_dora.figures.history.facts import EVIDENCE

# The value of a group for each dimension by which it is made, folded.
Key: TypeAlias = tuple[str, ...]

# What adds up of deploys, and is a number in a sum: the first fields of `Tally`.
_OF_DEPLOYS = ("deploys", "rework", "inferred", "unknown", "unknown_commits", "nothing_new")
# Where the sums of a group are: those that are numbers in a `Tally`; the failures, and by evidence; and how
# many values there are of each array of a `Tally`.
_DEPLOYS, _NUMBERS, _FAILURES, _BY_EVIDENCE, _VALUES = 0, slice(9), 9, slice(10, 14), (0, 14, 15, 16)


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
    def of(cls, edges: Sequence[int], now: int, window: int) -> "Cuts":
        """Cut at the *edges* of segments; deploys less than a *window* before *now* are not settled."""
        settled = min(max(now - window + 1, edges[0]), edges[-1])
        every = sorted({*edges, settled})
        return cls(every, [bisect_left(every, edge) for edge in edges], bisect_left(every, settled), window)

    def is_whole(self, first: int, last: int) -> bool:
        """Whether the times from *first* to *last* are in one segment, and all settled or none."""
        return 0 < bisect_right(self.edges, first) == bisect_right(self.edges, last) < len(self.edges)

    def ends(self, parts: Sequence[range]) -> tuple[Index, Index, Index]:
        """Return the edges where ranges of segments begin, are no longer settled, and end."""
        first = np.array([self.segments[part.start] for part in parts], np.intp)
        behind = np.array([self.segments[part.stop] for part in parts], np.intp)
        return first, np.minimum(np.maximum(first, self.settled), behind), behind


class Sums:
    """The sums of each group. Segments are given as a range of their numbers.

    *keys* has the groups of each target of *found*. Packed weeks that began at one of *cut* are cut.
    """

    def __init__(
        self, found: Columns, keys: Sequence[Sequence[Key]], cuts: Cuts, cut: Sequence[int] = ()
    ) -> None:
        self._found = found
        self._deploys = Split(found, cut)
        self._cuts = cuts
        self._targets: defaultdict[Key, list[int]] = defaultdict(list)
        for target, of_target in enumerate(keys):
            for key in of_target:
                self._targets[key].append(target)
        self._pools: dict[Period, Pools] = {}
        self._numbers = {key: number for number, key in enumerate(self._targets)}
        groups = [[self._numbers[key] for key in of_target] for of_target in keys]
        rows = self._deploys, found.failures, found.incidents[found.incidents["unlinked"] == 1]
        # The last group has no rows. It is that of any other key.
        self._ordered = [_Ordered(some, groups, len(self._numbers) + 1, cuts) for some in rows]
        self._sums = _sums(*rows, *self._ordered)

    def keys(self, segments: range) -> list[Key]:
        """Return the groups that have a deploy, or an incident of no deploy, in *segments*."""
        first, behind = (self._cuts.segments[edge] for edge in (segments.start, segments.stop))
        deploys, _, unlinked = (one.begins[:, first] < one.begins[:, behind] for one in self._ordered)
        return [key for key, has_one in zip(self._numbers, deploys | unlinked, strict=False) if has_one]

    def over(self, key: Key, segments: range) -> Tally:
        """Return the sum of a group over some segments."""
        return self.each([key], [segments])[0]

    def each(self, keys: Sequence[Key], parts: Sequence[range]) -> list[Tally]:
        """Return the sum over each of some ranges of segments, one group after another."""
        before, unsettled, ended = self._at(keys, parts)
        found, pending = ended - before, ended - unsettled
        values = (
            [array[begin:end] for begin, end in zip(before[at].tolist(), ended[at].tolist(), strict=True)]
            for array, at in zip(self._values, _VALUES, strict=True)
        )
        evidence = map(tuple, (found - pending)[_BY_EVIDENCE].T.tolist())
        numbers = *found[_NUMBERS].tolist(), *pending[[_DEPLOYS, _FAILURES]].tolist()
        return list(map(Tally, *numbers, evidence, *values))

    def together(self, groups: Sequence[Sequence[Key]], segments: range) -> list[Tally]:
        """Return the sum of each of some groups, which several keys make."""
        found = iter(self.each(list(chain.from_iterable(groups)), [segments]))
        return [merged(list(islice(found, len(keys)))) for keys in groups]

    def pools(self, keys: Iterable[Key], period: Period) -> Pools:
        """Return what the targets of several groups say about chance in a period."""
        self.pool(period)
        return self._pools[period].of(self._targets_of(keys))

    def pool(self, *periods: Period) -> None:
        """Make the pools of some periods with the same moment, which is faster for all at once."""
        new = [period for period in periods if period not in self._pools]
        if new:
            chosen = np.zeros(len(self._found.targets), np.bool_)
            chosen[list(chain.from_iterable(self._targets.values()))] = True
            lines = list(Timeline.some_at_once(self._found, new[0].now, chosen))
            for period in new:
                self._pools[period] = chance.pools(self._found, lines, period, self._cuts.window)

    def shares(self, keys: Sequence[Key], period: Period) -> list[float]:
        """Return how late after a deploy each incident in the pools of several groups came, from 0 to 1.

        It is the share of all moments of a target that are sooner after a deploy; in order.
        """
        self.pool(period)
        found = self._pools[period].shares
        return sorted(found.share[np.isin(found.target, self._targets_of(keys))].tolist())

    def _targets_of(self, keys: Iterable[Key]) -> Index:
        return np.array(list(chain.from_iterable(self._targets[key] for key in keys)), np.intp)

    def deploys(self, groups: Sequence[Sequence[Key]], parts: Sequence[range]) -> list[list[int]]:
        """Return the number of deploys of each of some groups in each of some ranges of segments."""
        keys = list(chain.from_iterable(groups))
        before, _, ended = self._at(keys, parts)
        of_keys = (ended - before)[_DEPLOYS].reshape(len(keys), len(parts))
        until = np.concatenate([np.zeros((1, len(parts)), np.int64), np.cumsum(of_keys, axis=0)])
        found: list[list[int]] = np.diff(until[begins_of(np.array(list(map(len, groups))))], axis=0).tolist()
        return found

    def drawn(self, groups: Sequence[Sequence[Key]], segments: range) -> list[NDArray[np.float64]]:
        """Return `drawn_lead_times` of each of some groups, which several keys make."""
        before, _, ended = self._at(list(chain.from_iterable(groups)), [segments])
        times, counts = (
            np.concatenate([NONE, *map(array.__getitem__, map(slice, before[at], ended[at]))])
            for array, at in ((self._values[1], _VALUES[1]), (self._lead_counts, _DEPLOYS))
        )
        ends = begins_of((ended - before)[_DEPLOYS])[np.cumsum(list(map(len, groups)), dtype=np.int64)]
        return drawn_lead_times(times, counts, ends)

    def _at(self, keys: Sequence[Key], parts: Sequence[range]) -> list[Durations]:
        """Return the sums where each range begins, is no longer settled, and ends; as `each` has them."""
        numbers = np.array([self._numbers.get(key, -1) for key in keys], np.intp)[:, None]
        return [
            self._sums[:, numbers, edges].reshape(len(self._sums), -1) for edges in self._cuts.ends(parts)
        ]

    @cached_property
    def _values(self) -> tuple[Durations, ...]:
        """The times, lead times, recoveries and times to a remedy, each by group and segment."""
        found, (of_deploys, of_failures, _) = self._found, self._ordered
        times = self._of_each(found.times)
        # Each segment is in order of time.
        for begin, *_, end in self._sums[_DEPLOYS].tolist():
            times[begin:end].sort()
        leads = columns.runs(found.lead_times, begins_of(self._deploys["leads"]), of_deploys.rows)
        # They are many, and nothing else needs them.
        self._found = found._replace(lead_times=NONE)
        durations = (found.failures[name].take(of_failures.rows) for name in ("recovery", "remedied"))
        return times, leads, *(some[some != NO_TIME] for some in durations)

    @cached_property
    def _lead_counts(self) -> Counts:
        return self._of_each(self._found.lead_counts)

    def _of_each(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return *values*, one for each deploy, by group and segment."""
        rows = self._ordered[0].rows
        deploys = self._deploys["deploys"]
        # Where every week is split, each row is one deploy.
        if len(values) == len(deploys):
            return values.take(rows)
        return columns.runs(values, begins_of(deploys), rows)


class _Ordered:
    """The rows of one group after another, each by segments: `rows` has their positions.

    `begins` has a row for each group: where each segment of it begins, and where the last one ends.
    """

    def __init__(self, rows: Rows | Split, groups: Sequence[Sequence[int]], count: int, cuts: Cuts) -> None:
        """*groups* has the numbers of the groups of each target, less than *count*."""
        at, width, self._most = rows["at"], len(cuts.edges) + 1, max(map(len, groups), default=0)
        self._shape = count + 1, width
        # A number of less than 16 bits is sorted fast.
        number = np.min_scalar_type((count + 1) * width)
        # The first segment is 1. What is before it, and what is behind the last one, is in no segment.
        segment = np.searchsorted(np.array(cuts.edges, np.int64), at, "right").astype(number)
        # Most targets have one group: the first groups of all rows, then the second ones, and so on.
        several = [[*of_target, *[count] * (self._most - len(of_target))] for of_target in groups]
        table = np.array(several, number).reshape(len(groups), self._most) * number.type(width)
        self._cells = (table.T[:, rows["target"]] + segment).ravel()
        self.begins: Index = self._before(np.bincount(self._cells, minlength=(count + 1) * width))
        self.rows: Index = np.argsort(self._cells, kind="stable")[: self.begins[-1, -1]]
        if self._most > 1:
            self.rows %= len(at)

    def sums(self, values: NDArray[Any]) -> Durations:
        """Return what sum of the *values* of the rows of each group is before each segment."""
        cells = self._shape[0] * self._shape[1]
        values = np.tile(values, self._most) if self._most > 1 else values
        return self._before(np.bincount(self._cells, values, cells).astype(np.int64))

    def _before(self, cells: Durations) -> Durations:
        return begins_of(cells)[:-1].reshape(self._shape)[:-1, 1:]


def _sums(
    deploys: Split,
    failures: Rows,
    unlinked: Rows,
    of_deploys: _Ordered,
    of_failures: _Ordered,
    of_unlinked: _Ordered,
) -> Durations:
    """Return how far each sum is before each segment of each group."""
    evidence = failures["evidence"]
    return np.array(
        [
            *(of_deploys.sums(deploys[name]) for name in _OF_DEPLOYS),
            of_failures.sums(failures["open"]),
            of_unlinked.begins,
            of_unlinked.sums(unlinked["wide"]),
            of_failures.begins,
            *(of_failures.sums(evidence == number) for number in range(len(EVIDENCE))),
            of_deploys.sums(deploys["leads"]),
            *(of_failures.sums(failures[name] != NO_TIME) for name in ("recovery", "remedied")),
        ]
    )
