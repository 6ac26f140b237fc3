"""The rows of each group, by segment of time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures.columns import Index, Rows

_NOTHING: Index = np.empty(0, np.intp)


class Chosen(NamedTuple):
    """The rows of one group by segments of time, and the position among them at which each segment begins.

    The last position is where the last segment ends.
    """

    rows: Index
    begins: Index


def in_groups(
    rows: Rows, edges: NDArray[np.int64], groups: Sequence[Sequence[int]], count: int
) -> Iterator[Chosen]:
    """Yield which rows are in each of *count* groups and in a segment, ordered by segment.

    *groups* has the numbers of the groups of each place. Segment n has the times from `edges[n]` on, before
    `edges[n + 1]`.
    """
    segment = np.searchsorted(edges, rows["at"], "right")
    segment = segment.astype(np.min_scalar_type(len(edges)))
    # Sorting few different small numbers, which are in order for the most part, is fast.
    chosen = np.argsort(segment, kind="stable")
    first, behind = np.searchsorted(segment, np.array((1, len(edges)), segment.dtype), sorter=chosen)
    chosen = chosen[first:behind]
    segment, place = segment.take(chosen), rows["place"].take(chosen)
    numbers = np.arange(1, len(edges) + 1, dtype=segment.dtype)
    found: list[list[Index]] = [[] for _ in range(count)]
    # Most places have one group: a table of first groups, one of second groups, and so on.
    for turn in range(max(map(len, groups), default=0)):
        table = np.array(
            [of_place[turn] if turn < len(of_place) else count for of_place in groups],
            np.min_scalar_type(count),
        )
        group = table.take(place)
        ordered = np.argsort(group, kind="stable")
        cuts = np.searchsorted(group, np.arange(count + 1, dtype=group.dtype), sorter=ordered)
        for number in range(count):
            if cuts[number] < cuts[number + 1]:
                found[number].append(ordered[cuts[number] : cuts[number + 1]])
    for parts in found:
        mine = parts[0] if len(parts) == 1 else np.sort(np.concatenate([_NOTHING, *parts]))
        yield Chosen(chosen.take(mine), np.searchsorted(segment.take(mine), numbers))
