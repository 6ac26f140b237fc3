"""Which weeks are packed, and which is next: without NumPy, which only packing and reading them need."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.figures.answers import trend
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.sql.bulk import Lookup, lookup_many

# How many weeks before a moment are packed, a little more than three years, and of how many environments.
PACKED_WEEKS = 160
_MOST_ENVIRONMENTS = 20
_WEEK_US = 7 * 86_400_000_000
_DAY_US = 86_400_000_000

_PACKED = "SELECT began FROM packed_weeks WHERE environment = ? AND began < ? AND ended > ?"
_PACKED_AT = Lookup(
    "DISTINCT p.environment, p.began",
    "packed_weeks p",
    "p.environment = given.environment AND p.began < given.behind AND p.ended > given.first",
)
_DELETE = "DELETE FROM packed_weeks WHERE environment = ? AND began = ?"


class Week(NamedTuple):
    """A week of an environment, in microseconds; `ended` is the beginning of the next one."""

    environment: str
    began: int
    ended: int


def next_week(session: Session, zone: tzinfo, now: int, weeks: int = PACKED_WEEKS) -> Week | None:
    """Return the latest of *weeks* weeks before a day ago that is not packed; None if all are."""
    period = Period(now - (weeks + 1) * _WEEK_US, None, now - _DAY_US, zone)
    whole = [bucket.period for bucket in trend.cut(period, trend.WEEK) if bucket.whole]
    for environment in rows.environments(session, _MOST_ENVIRONMENTS):
        packed = {
            began for (began,) in session.execute(_PACKED, (environment, now, period.began_at)).fetchall()
        }
        for week in reversed(whole):
            if week.ended_at is not None and week.began_at not in packed:
                return Week(environment, week.began_at, week.ended_at)
    return None


def unpack(session: Session, changed: Iterable[tuple[str, int, int]]) -> None:
    """Delete the packed form of some weeks: each an environment, a first and a last moment in them."""
    days = sorted({(where, first // _DAY_US, last // _DAY_US) for where, first, last in changed})
    given = [(where, first * _DAY_US, (last + 1) * _DAY_US) for where, first, last in days]
    found = sorted({*lookup_many(session, "environment, first, behind", given, _PACKED_AT)})
    session.executemany(_DELETE, found)
