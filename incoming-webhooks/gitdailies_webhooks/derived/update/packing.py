"""Whole weeks of deploys, added up and stored, so that a question about many repositories reads few rows.

A week is packed once it is over: one row for each repository of an environment, and a mark that it is
complete. Whatever changes a deploy of that week takes the mark and the rows away in the same step, and a
later step packs the week again. A question reads the deploys themselves of a week without a mark.

What is packed does not depend on the moment of a question. Failures do, and are never packed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.figures import trend
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.series import WEEK
from gitdailies_webhooks.sql.bulk import execute_many, takes_lists

# How many weeks before a moment are packed, and of how many environments.
PACKED_WEEKS = 60
_MOST_ENVIRONMENTS = 20
_WEEK_US = 7 * 86_400_000_000
_DAY_US = 86_400_000_000

# The weeks of an environment that are packed and overlap a time.
PACKED = "SELECT began, ended FROM packed_weeks WHERE environment = ? AND began < ? AND ended > ?"
_MARK = "INSERT INTO packed_weeks (environment, began, ended) VALUES (?, ?, ?)"
_UNMARK = "DELETE FROM packed_weeks WHERE environment = ? AND began = ?"
_DELETE_SUMS = "DELETE FROM packed_sums WHERE environment = ? AND began = ?"
# The parameters are the beginning of the week, the environment, and the week. `{joined}` joins lead times.
_PACK = (
    "INSERT INTO packed_sums (environment, began, repo, deploys, rework, unknown, unknown_commits, leads)"
    " SELECT environment, CAST(? AS BIGINT), repo, count(*), sum(rework),"
    " sum(CASE WHEN unknown = '' THEN 0 ELSE 1 END), sum(unknown_commits), coalesce({joined}, '')"
    " FROM figures_deploys WHERE counts = 1 AND environment = ? AND at >= ? AND at < ?"
    " GROUP BY environment, repo"
)
# How each database joins the lead times of the deploys that have some.
JOINED_BY_SQLITE = "group_concat(nullif(leads, ''), ';')"
JOINED_BY_POSTGRESQL = "string_agg(nullif(leads, ''), ';')"


class Week(NamedTuple):
    """A week of an environment, in microseconds; `ended` is the beginning of the next one."""

    environment: str
    began: int
    ended: int


def joined(session: Session) -> str:
    """Return the expression that joins lead times."""
    return JOINED_BY_POSTGRESQL if takes_lists(session) else JOINED_BY_SQLITE


def next_week(session: Session, zone: tzinfo, now: int, weeks: int = PACKED_WEEKS) -> Week | None:
    """Return the latest of *weeks* weeks before a day ago that is not packed; None if all are."""
    period = Period(now - (weeks + 1) * _WEEK_US, None, now - _DAY_US, zone)
    whole = [bucket.period for bucket in trend.cut(period, WEEK) if bucket.whole]
    for environment in rows.environments(session, _MOST_ENVIRONMENTS):
        packed = {
            began for began, _ in session.execute(PACKED, (environment, now, period.began_at)).fetchall()
        }
        for week in reversed(whole):
            if week.ended_at is not None and week.began_at not in packed:
                return Week(environment, week.began_at, week.ended_at)
    return None


def pack(session: Session, week: Week) -> None:
    """Add up the deploys of a week."""
    began = (week.environment, week.began)
    session.execute(_DELETE_SUMS, began)
    session.execute(
        _PACK.format(joined=joined(session)), (week.began, week.environment, week.began, week.ended)
    )
    session.execute(_MARK, week)


def unpack(session: Session, deploys: Iterable[tuple[str, int]]) -> None:
    """Take away what is packed of the weeks of deploys, each an environment and a time."""
    days = {(environment, at // _DAY_US) for environment, at in deploys}
    found: set[tuple[str, int]] = set()
    for environment, day in days:
        span = (environment, (day + 1) * _DAY_US, day * _DAY_US)
        found |= {(environment, began) for began, _ in session.execute(PACKED, span).fetchall()}
    execute_many(session, _UNMARK, sorted(found))
    execute_many(session, _DELETE_SUMS, sorted(found))
