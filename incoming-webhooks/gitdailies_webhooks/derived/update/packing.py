"""Whole weeks in columns, so that a question about many repositories reads few rows.

A week of an environment is packed once it is over: one row holds its deploys, failures and incidents as the
bytes of `figures.weeks`. Whatever changes a deploy of that week, or an incident that belongs to it, takes
that row away in the same step, and a later step packs the week again. A question reads the derived rows
themselves of a week that is not packed.

An incident belongs to the week of the deploy that it is attributed to, and without one to that of its start.
Whether a deploy failed, and when it was recovered, depends on the moment of the question. What is packed is
what holds at the end of all time, and `holds_from` says from when on nothing more of it changes: a question
about an earlier moment reads the derived rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived.series.parts import Span, Where, read_rows
from gitdailies_webhooks.derived.update.attribution import FOREVER
from gitdailies_webhooks.derived.update.packed_weeks import Week
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures import weeks
from gitdailies_webhooks.figures.columns import DEPLOYS, FAILURE, UNLINKED, Columns, Each, text_of_place
from gitdailies_webhooks.figures.sums import Cuts
from gitdailies_webhooks.figures.weeks import REST
from gitdailies_webhooks.sql.bulk import stream_bytes

# The weeks that answer a question: its last and its first time follow, and its moment.
_USABLE = (
    "SELECT began, ended - 1 FROM packed_weeks"
    " WHERE environment = ? AND began <= ? AND ended > ? AND holds_from <= ? ORDER BY began"
)
# Some columns of some of these weeks: the first, the last and the moment follow.
_SELECT = (
    "SELECT began, ended - 1, {columns} FROM packed_weeks"
    " WHERE environment = ? AND began >= ? AND began <= ? AND holds_from <= ? ORDER BY began"
)
# The arrays of a week. SQLite reads the beginning of a row faster than its end, and few questions need the
# last three.
_ARRAYS: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "deploys": DEPLOYS,
        "lead_times": np.dtype("<i8"),
        "failures": FAILURE,
        "unlinked": UNLINKED,
        "lead_counts": np.dtype("<u4"),
        "times": np.dtype("<i8"),
        "rest": REST,
    }
)
_COLUMNS = ("places", *_ARRAYS)
_INSERT = (
    f"INSERT INTO packed_weeks (environment, began, ended, holds_from, {', '.join(_COLUMNS)})"  # noqa: S608  names of this module
    f" VALUES (?, ?, ?, ?, {', '.join('?' * len(_COLUMNS))})"
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
_LAST_CHANGE_OF_UNLINKED = f"{_LAST_CHANGE} deploy IS NULL AND at >= ? AND at <= ?"


class Packed(NamedTuple):
    """A week as it is stored: from when on it holds, and the bytes of each of `_COLUMNS`.

    `version` is that of the rows that it was read from; None if they cannot be told from later ones.
    """

    week: Week
    holds_from: int
    columns: tuple[bytes, ...]
    version: change_log.Version | None


def collect(session: Session, week: Week) -> Packed:
    """Read the deploys and incidents of a week. It takes a while, and may be done beside what is written."""
    span = Span(week.began, week.ended - 1)
    found = read_rows(session, Where(week.environment), span, FOREVER - 1)
    columns, rest = weeks.by_place(found, week.began)
    places = "\n".join(columns.places).encode()
    arrays = {**columns._asdict(), "rest": rest}
    stored = (places, *(arrays[name].tobytes() for name in _ARRAYS))
    holds_from = _holds_from(session, week.environment, span)
    return Packed(week, holds_from, stored, change_log.rows_version(session))


def keep(session: Session, packed: Packed) -> None:
    """Store a week in place of what is packed of it. If the rows have changed since, it is read again."""
    week = packed.week
    if packed.version is None or packed.version != change_log.rows_version(session):
        packed = collect(session, week)
    # A time zone that has changed leaves weeks that begin at other times.
    session.execute(_DELETE_OVERLAPPING, (week.environment, week.ended, week.began))
    session.execute(_INSERT, (*week, packed.holds_from, *packed.columns))


def _holds_from(session: Session, environment: str, span: Span) -> int:
    """Return the moment from which on what is packed of a week holds."""
    moments = [span.last]
    moments += session.execute(_LAST_REMEDY, (environment, *span)).fetchone() or ()
    for statement in (_LAST_CHANGE_OF_LINKED, _LAST_CHANGE_OF_UNLINKED):
        moments += session.execute(statement, (FOREVER, environment, *span)).fetchone() or ()
    return max(moment for moment in moments if moment is not None)


def read(
    session: Session, where: Where, span: Span, now: int, cuts: Cuts, each: Each, *, by_place: bool
) -> Iterator[tuple[Span, Columns]]:
    """Yield the packed weeks of an environment that answer a question about *span* at the moment *now*.

    They are in order. Without *by_place*, all places are one. A week with a cut inside has a row for each
    deploy. The other weeks have what *each* asks for. Until the last week, the session must not be used for
    anything else.
    """
    environment = where.environment
    one_place = text_of_place(where.place("", ""))
    usable = [
        Span(*week) for week in session.execute(_USABLE, (environment, span.last, span.first, now)).fetchall()
    ]
    for is_whole, alike in groupby(usable, lambda week: cuts.is_whole(*week)):
        some = list(alike)
        arrays = [
            name
            for name in _ARRAYS
            if not is_whole or name not in weeks.OF_EACH or getattr(each, name, False)
        ]
        columns = [*(["places"] if by_place else []), *arrays]
        statement = _SELECT.format(columns=", ".join(columns))
        between = environment, some[0].first, some[-1].first, now
        for began, last, *stored in stream_bytes(session, statement, between):
            found = _week(dict(zip(columns, stored, strict=True)))
            if not by_place:
                found = weeks.in_one_place(found, one_place)
            yield Span(began, last), found.columns if is_whole else weeks.by_deploy(found, each)


def _week(stored: dict[str, bytes]) -> weeks.WeekByPlace:
    places = stored.pop("places", b"")
    found: dict[str, Any] = dict.fromkeys(_ARRAYS)
    found |= {name: np.frombuffer(held, _ARRAYS[name]) for name, held in stored.items()}
    rest = found.pop("rest")
    return weeks.WeekByPlace(Columns(places=places.decode().split("\n") if places else [], **found), rest)
