"""A week of deploys in columns: one row for each place, and the values of each deploy. Pure.

Most questions need the sums of a week and its lead times. Only where a segment of time begins within the week
are single deploys read: then those of each segment and place have a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures.columns import DEPLOYS, Columns, Index, Rows, begins_of, runs

# What a deploy adds besides its lead times.
_REST = ("unknown_commits", "rework", "unknown")
REST = np.dtype(list(zip(_REST, ("<u4", "<u2", "<u2"), strict=True)))
# The arrays that have a value for each deploy.
OF_EACH = ("lead_counts", "times", "rest")


class WeekByPlace(NamedTuple):
    """The deploys and incidents of a week: `columns` has one row of deploys for each place.

    `rest` has a row of `REST` for each deploy. It is None if a question needs no single deploys.
    """

    columns: Columns
    rest: Rows | None


def by_place(found: Columns, began: int) -> WeekByPlace:
    """Put the deploys of a week that began at *began* together by place; *found* has a row for each."""
    deploys = found.deploys
    order = np.lexsort((deploys["at"], deploys["place"]))
    together = _together(found, deploys, deploys["place"], deploys["place"], order)
    together.deploys["at"] = began
    rest = np.empty(len(order), REST)
    for name in _REST:
        rest[name] = deploys[name].take(order)
    return WeekByPlace(together, rest)


def by_segment(week: WeekByPlace, edges: Sequence[int]) -> Columns:
    """Return a week with a row for each segment of time and place, in order of segments.

    *edges* are the beginnings of segments within the week. The week has `rest`, `times` and `lead_counts`.
    """
    found, rest = week
    assert rest is not None
    assert found.times is not None
    places = len(found.places)
    place = np.repeat(found.deploys["place"], found.deploys["deploys"])
    row = np.searchsorted(edges, found.times, "right") * places + place
    # Numbers of two bytes are sorted several times as fast as others.
    row = row.astype(np.min_scalar_type((len(edges) + 1) * places))
    return _together(found, rest, place, row, np.argsort(row, kind="stable"))


def _together(
    found: Columns, rest: Rows, place: NDArray[np.unsignedinteger], row: NDArray[Any], order: Index
) -> Columns:
    """Put deploys together that have the same number of a *row*, in the order of these numbers.

    There are `times` and `lead_counts`, and fields of *rest*, of each deploy. A row begins `at` the first.
    """
    assert found.times is not None
    assert found.lead_counts is not None
    times, lead_counts, row = (values.take(order) for values in (found.times, found.lead_counts, row))
    is_first = np.ones(len(row), np.bool_)
    np.not_equal(row[1:], row[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    deploys = np.empty(len(first), DEPLOYS)
    deploys["at"], deploys["place"] = times.take(first), place.take(order.take(first))
    deploys["deploys"] = np.diff(first, append=len(row))
    if len(first):
        deploys["leads"] = np.add.reduceat(lead_counts, first)
        for name in _REST:
            deploys[name] = np.add.reduceat(rest[name].take(order), first)
    return found._replace(
        deploys=deploys,
        lead_times=runs(found.lead_times, begins_of(found.lead_counts), order),
        times=times,
        lead_counts=lead_counts,
    )
