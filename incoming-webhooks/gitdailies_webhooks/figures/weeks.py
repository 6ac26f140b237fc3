"""A week of deploys in columns: one row for each place, and the values of each deploy. Pure.

Most questions need the sums of a week and its lead times. Only where a segment of time begins within the week
does each deploy need a row of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gitdailies_webhooks.figures.columns import DEPLOYS, Columns, Each, Rows, begins_of, runs

# What a deploy adds besides its lead times.
_REST = ("unknown_commits", "rework", "unknown")
REST = np.dtype(list(zip(_REST, ("<u4", "<u2", "<u2"), strict=True)))
# The arrays that have a value for each deploy.
OF_EACH = ("lead_counts", "times", "rest")


class WeekByPlace(NamedTuple):
    """The deploys and incidents of a week: `columns` has one row of deploys for each place.

    `rest` has a row of `REST` for each deploy. It is None if a question needs no rows of single deploys.
    """

    columns: Columns
    rest: Rows | None


def by_place(found: Columns, began: int) -> WeekByPlace:
    """Put the deploys of a week that began at *began* together by place; *found* has a row for each."""
    deploys = found.deploys
    order = np.lexsort((deploys["at"], deploys["place"]))
    ordered = deploys.take(order)
    first = np.flatnonzero(np.diff(ordered["place"], prepend=-1))
    together = np.empty(len(first), DEPLOYS)
    together["at"], together["place"] = began, ordered["place"].take(first)
    for name in ("deploys", "leads", *_REST):
        together[name] = np.add.reduceat(ordered[name], first) if len(first) else 0
    rest = np.empty(len(ordered), REST)
    for name in _REST:
        rest[name] = ordered[name]
    return WeekByPlace(
        found._replace(
            deploys=together,
            lead_times=runs(found.lead_times, begins_of(deploys["leads"]), order),
            times=ordered["at"].copy(),
            lead_counts=ordered["leads"].copy(),
        ),
        rest,
    )


def by_deploy(week: WeekByPlace, each: Each) -> Columns:
    """Return the deploys of a week with a row for each, and what *each* asks for.

    The week has `rest`, `times` and `lead_counts`.
    """
    found, rest = week
    assert rest is not None
    rows = np.empty(len(rest), DEPLOYS)
    rows["at"], rows["leads"], rows["deploys"] = found.times, found.lead_counts, 1
    rows["place"] = np.repeat(found.deploys["place"], found.deploys["deploys"])
    for name in _REST:
        rows[name] = rest[name]
    return found._replace(
        deploys=rows,
        times=found.times if each.times else None,
        lead_counts=found.lead_counts if each.lead_counts else None,
    )


def in_one_place(week: WeekByPlace, place: str) -> WeekByPlace:
    """Return a week whose places do not matter: it has a row of deploys for all of them together."""
    found = week.columns
    deploys = _in_first_place(found.deploys[:1])
    if len(deploys):
        for name in ("deploys", "leads", *_REST):
            deploys[name] = found.deploys[name].sum()
    failures, unlinked = map(_in_first_place, (found.failures, found.unlinked))
    together = found._replace(places=[place], deploys=deploys, failures=failures, unlinked=unlinked)
    return week._replace(columns=together)


def _in_first_place(rows: Rows) -> Rows:
    moved = rows.copy()
    moved["place"] = 0
    return moved
