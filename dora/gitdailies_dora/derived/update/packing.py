"""Whole weeks in columns, so that a question about many repositories reads few rows.

A week of an environment is packed once it is over: one row holds its deploys, failures and incidents as bytes
of `figures.answers.columns`. Whatever changes a deploy of that week, or an incident that belongs to it, takes
that row away in the same step, and a later step packs the week again. A question reads the derived rows
themselves of a week that is not packed.

An incident belongs to the week of the deploy that it is attributed to, to that of its start, and to those of
the deploys that may have fixed it.
Whether a deploy failed, and when it was recovered, depends on the moment of the question. A packed week
holds the facts at the end of all time, and `holds_from` says from when on nothing in it changes: a question
about an earlier moment reads the derived rows.
"""

from typing import NamedTuple

from gitdailies_core.values.renames import Renames
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.columns import ENDED_COLUMNS, TimeSpan, Where, ended_soon, read_rows
from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.derived.update.packed_weeks import Week
from gitdailies_dora.events.records import change_log
from gitdailies_dora.figures.answers.columns import ARRAYS, by_target
from gitdailies_dora.sql.bulk import lookup_many

_INSERT = (
    "INSERT INTO packed_weeks (environment, began, ended, holds_from,"
    " places, deploys, lead_times, failures, unlinked, lead_counts, times, rest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DELETE_OVERLAPPING = "DELETE FROM packed_weeks WHERE environment = ? AND began < ? AND ended > ?"

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
_LAST_CHANGE_OF_STARTED = f"{_LAST_CHANGE} at >= ? AND at <= ?"


class Packed(NamedTuple):
    """A week as it is stored: from when on it holds, and the bytes of its targets and of each of `ARRAYS`.

    `version` is that of the rows that it was read from; None if they cannot be told from later ones.
    """

    week: Week
    holds_from: int
    columns: tuple[bytes, ...]
    version: change_log.Version | None


def collect(session: Session, week: Week, renames: Renames) -> Packed:
    """Read the deploys and incidents of a week. It takes a while, and may run during a write."""
    span = TimeSpan(week.began, week.ended - 1)
    found = read_rows(session, Where(week.environment), span, FOREVER - 1, renames)
    packed = by_target(found, week.began)
    stored = ("\n".join(packed.targets).encode(), *(getattr(packed, name).tobytes() for name in ARRAYS))
    holds_from = _holds_from(session, week.environment, span, renames)
    return Packed(week, holds_from, stored, change_log.rows_version(session))


def keep(session: Session, packed: Packed, renames: Renames) -> None:
    """Replace the packed form of a week. If the rows have changed since, it is read again."""
    week = packed.week
    if packed.version is None or packed.version != change_log.rows_version(session):
        packed = collect(session, week, renames)
    # A time zone that has changed leaves weeks that begin at other times.
    session.execute(_DELETE_OVERLAPPING, (week.environment, week.ended, week.began))
    session.execute(_INSERT, (*week, packed.holds_from, *packed.columns))


def _holds_from(session: Session, environment: str, span: TimeSpan, renames: Renames) -> int:
    moments = [span.last]
    ended = ended_soon(session, Where(environment), span, FOREVER - 1, renames)
    for of_end in lookup_many(session, ENDED_COLUMNS, ended, statements.ENDED_SINCE):
        moments += of_end
    moments += session.execute(_LAST_REMEDY, (environment, *span)).fetchone() or ()
    for statement in (_LAST_CHANGE_OF_LINKED, _LAST_CHANGE_OF_STARTED):
        moments += session.execute(statement, (FOREVER, environment, *span)).fetchone() or ()
    return max(moment for moment in moments if moment is not None)
