"""Whole weeks, added up and stored, so that a question about many repositories reads few rows.

A week is packed once it is over: one row for each repository of an environment, and a mark that it is
complete. What is stored are the sums of `derived.series.parts`, at the end of all time. Whatever changes a
deploy of that week, or an incident that belongs to it, takes the mark and the rows away in the same step,
and a later step packs the week again. A question reads the rows themselves of a week without a mark.

An incident belongs to the week of the deploy that it is attributed to, and without one to that of its start.
Whether a deploy failed, and when it was recovered, depends on the moment of the question. The mark says from
when on nothing more of it changes: a question about an earlier moment reads the rows themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import tzinfo
from typing import NamedTuple

import orjson
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series.parts import Moment, Where, parts
from gitdailies_webhooks.derived.update.attribution import FOREVER
from gitdailies_webhooks.figures import trend
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.series import WEEK, Segment
from gitdailies_webhooks.figures.tally import Tally, merged
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, insert_many, lookup_many

# How many weeks before a moment are packed, a little more than three years, and of how many environments.
PACKED_WEEKS = 160
_MOST_ENVIRONMENTS = 20
_WEEK_US = 7 * 86_400_000_000
_DAY_US = 86_400_000_000

# At the end of all time, everything that is known holds, and every deploy is settled.
_AT_THE_END = Moment(FOREVER - 1, FOREVER)

_MARKED = "SELECT began FROM packed_weeks WHERE environment = ? AND began < ? AND ended > ?"
# The weeks that a question may use: the last two parameters are its moment, and that of settled deploys.
_USABLE = (
    "SELECT began, ended - 1 FROM packed_weeks"
    " WHERE environment = ? AND began < ? AND ended > ? AND holds_from <= ? AND ended - 1 <= ?"
)
_MARKED_AT = Lookup(
    "DISTINCT p.environment, p.began",
    "packed_weeks p",
    "p.environment = given.environment AND p.began < given.behind AND p.ended > given.first",
)
_MARK = "INSERT INTO packed_weeks (environment, began, ended, holds_from) VALUES (?, ?, ?, ?)"
_UNMARK = "DELETE FROM packed_weeks WHERE environment = ? AND began = ?"
_DELETE_SUMS = "DELETE FROM packed_sums WHERE environment = ? AND began = ?"

# The fields of a sum that are stored; no deploy of a packed week is young.
_FIELDS = (
    "deploys, +rework, +unknown_deploys, +unknown_commits, leads, +failed, recoveries, remedied, +still_open,"
    " +unlinked, +unlinked_72h"
)
_COLUMNS = f"environment, +began, repo, +{_FIELDS}"
# Packed weeks of a place that begin between two moments; the place comes first.
_SUMS = (
    f"SELECT began, repo, {_FIELDS.replace('+', '')} FROM packed_sums"  # noqa: S608  constants
    " WHERE {} AND began >= ? AND began <= ?"
)

# The last moments at which something of a week changed: a deploy was remedied; an incident became known, was
# attributed to another deploy, or ended. An environment and a week follow. Of incidents, `FOREVER` is first.
_LAST_REMEDY = (
    "SELECT max(remedied_at) FROM figures_deploys WHERE counts = 1 AND remedied_at IS NOT NULL"
    " AND environment = ? AND at >= ? AND at <= ?"
)
_LAST_CHANGE = (
    "SELECT max(since), max(ended_at), max(CASE WHEN until < ? THEN until END) FROM figures_incidents"
    " WHERE environment = ? AND"
)
_LAST_CHANGE_OF_LINKED = f"{_LAST_CHANGE} deploy IS NOT NULL AND deploy_at >= ? AND deploy_at <= ?"
_LAST_CHANGE_OF_UNLINKED = f"{_LAST_CHANGE} deploy IS NULL AND at >= ? AND at <= ?"


class Week(NamedTuple):
    """A week of an environment, in microseconds; `ended` is the beginning of the next one."""

    environment: str
    began: int
    ended: int


def next_week(session: Session, zone: tzinfo, now: int, weeks: int = PACKED_WEEKS) -> Week | None:
    """Return the latest of *weeks* weeks before a day ago that is not packed; None if all are."""
    period = Period(now - (weeks + 1) * _WEEK_US, None, now - _DAY_US, zone)
    whole = [bucket.period for bucket in trend.cut(period, WEEK) if bucket.whole]
    for environment in rows.environments(session, _MOST_ENVIRONMENTS):
        packed = {
            began for (began,) in session.execute(_MARKED, (environment, now, period.began_at)).fetchall()
        }
        for week in reversed(whole):
            if week.ended_at is not None and week.began_at not in packed:
                return Week(environment, week.began_at, week.ended_at)
    return None


def pack(session: Session, week: Week) -> None:
    """Add up the deploys and incidents of a week."""
    began = (week.environment, week.began)
    segment = Segment(week.began, week.ended - 1)
    found: dict[str, list[Tally]] = defaultdict(list)
    for place, _, tally in parts(
        session, Where(week.environment), [segment], {0}, _AT_THE_END, by_service=False
    ):
        found[place.repo].append(tally)
    session.execute(_DELETE_SUMS, began)
    sums = [(*began, repo, *_stored(merged(tallies))) for repo, tallies in sorted(found.items())]
    insert_many(session, "packed_sums", _COLUMNS, sums)
    session.execute(_MARK, (*week, _holds_from(session, week.environment, segment)))


def _holds_from(session: Session, environment: str, segment: Segment) -> int:
    """Return the moment from which on the sums of a week hold."""
    moments = [segment.last]
    moments += session.execute(_LAST_REMEDY, (environment, *segment)).fetchone() or ()
    for statement in (_LAST_CHANGE_OF_LINKED, _LAST_CHANGE_OF_UNLINKED):
        moments += session.execute(statement, (FOREVER, environment, *segment)).fetchone() or ()
    return max(moment for moment in moments if moment is not None)


def weeks(session: Session, environment: str, first: int, last: int, moment: Moment) -> set[tuple[int, int]]:
    """Return the packed weeks that answer a question of a moment, each with its first and last time."""
    return {
        (began, ends)
        for began, ends in session.execute(_USABLE, (environment, last, first, *moment)).fetchall()
    }


def read(session: Session, where: Where, began: Collection[int]) -> Iterator[tuple[int, str, Tally]]:
    """Yield the sum of each repository of the packed weeks that began at these times."""
    if began:
        values = (*where.values, min(began), max(began))
        for at, repo, *fields in session.execute(_SUMS.format(where.condition()), values).fetchall():
            if at in began:
                yield at, repo, _read(*fields)


def _stored(found: Tally) -> tuple[int | str, ...]:
    kept = found._asdict()
    del kept["young"], kept["failed_young"]
    texts = {name: ",".join(map(str, kept[name])) for name in ("recoveries", "remedied")}
    return tuple({**kept, **texts}.values())


def _read(  # noqa: PLR0917  the columns of a row
    deploys: int,
    rework: int,
    unknown: int,
    commits: int,
    leads: str,
    failed: int,
    recoveries: str,
    remedied: str,
    still_open: int,
    unlinked: int,
    unlinked_72h: int,
) -> Tally:
    return Tally(
        deploys,
        rework,
        0,
        unknown,
        commits,
        leads,
        failed,
        0,
        _numbers(recoveries),
        _numbers(remedied),
        still_open,
        unlinked,
        unlinked_72h,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(orjson.loads(f"[{text}]")) if text else ()


def unpack(session: Session, changed: Iterable[tuple[str, int]]) -> None:
    """Take away what is packed of the weeks of changed rows, each an environment and a time."""
    days = sorted({(environment, at // _DAY_US) for environment, at in changed})
    given = [(environment, day * _DAY_US, (day + 1) * _DAY_US) for environment, day in days]
    found = sorted({*lookup_many(session, "environment, first, behind", given, _MARKED_AT)})
    execute_many(session, _UNMARK, found)
    execute_many(session, _DELETE_SUMS, found)
