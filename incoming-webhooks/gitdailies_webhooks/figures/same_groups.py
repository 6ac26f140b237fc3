"""Puts places together that are in the same groups: for a question they are one place. Pure.

What is in no group is left out. It is worth its time where much is left out, or each deploy has a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures.columns import DEPLOYS, Columns, Index, Rows, begins_of, place_of, runs
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.sums import Key

# What is added up of each row of deploys.
_SUMS = ("deploys", "leads", "unknown_commits", "rework", "unknown")


class SameGroups:
    """The places of a question, and of those that are in the same groups the first one.

    *groups* returns the groups of a place; none if it is left out.
    """

    def __init__(self, groups: Callable[[Place], tuple[Key, ...]]) -> None:
        self.groups_of = cache(lambda text: groups(place_of(text)))
        self._firsts: list[str] = []
        self._numbers: dict[tuple[Key, ...], int] = {}
        self._number_of = cache(self._number)

    def together(self, found: Columns, edges: Sequence[int]) -> Columns:
        """Return columns with a row of deploys for each segment and first place, in the order of segments.

        *edges* are the times among those of *found* at which segments begin.
        """
        numbers = np.array(list(map(self._number_of, found.places)), np.intp)
        out = len(self._firsts)
        numbers[numbers < 0] = out
        place = numbers.take(found.deploys["place"])
        row = place
        if edges:
            row = np.searchsorted(edges, found.deploys["at"], "right") * out + place
            row[place == out] = out * (len(edges) + 1)
        # Numbers of two bytes are sorted several times as fast as others.
        row = row.astype(np.min_scalar_type(out * (len(edges) + 1)))
        order = np.argsort(row, kind="stable")[: np.count_nonzero(place < out)]
        return Columns(
            places=self._firsts,
            deploys=_added_up(found.deploys, place, row, order),
            lead_times=_values(found.lead_times, found.deploys["leads"], order),
            failures=_numbered(found.failures, numbers, out),
            unlinked=_numbered(found.unlinked, numbers, out),
            times=_values(found.times, found.deploys["deploys"], order),
            lead_counts=_values(found.lead_counts, found.deploys["deploys"], order),
        )

    def _number(self, text: str) -> int:
        """Return the number of the first place that is in the same groups; -1 for one that is left out."""
        groups = self.groups_of(text)
        if not groups:
            return -1
        if groups not in self._numbers:
            self._numbers[groups] = len(self._firsts)
            self._firsts.append(text)
        return self._numbers[groups]


def _added_up(deploys: Rows, place: Index, row: NDArray[Any], order: Index) -> Rows:
    """Add up deploys that have the same number of a *row*; each sum begins `at` its first one."""
    ordered = row.take(order)
    begins = np.ones(len(order), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    at = np.flatnonzero(begins)
    first = order.take(at)
    found = np.empty(len(first), DEPLOYS)
    found["at"], found["place"] = deploys["at"].take(first), place.take(first)
    if len(first):
        for name in _SUMS:
            found[name] = np.add.reduceat(deploys[name].take(order), at)
    return found


def _values(values: NDArray[Any] | None, counts: NDArray[Any], order: Index) -> Any:
    """Return the values of rows in an order; *counts* is how many each row has."""
    return None if values is None else runs(values, begins_of(counts), order)


def _numbered(rows: Rows, numbers: Index, out: int) -> Rows:
    """Give rows the numbers of their first places; those of the number *out* are left out."""
    place = numbers.take(rows["place"])
    found = rows[place < out]
    found["place"] = place[place < out]
    return found
