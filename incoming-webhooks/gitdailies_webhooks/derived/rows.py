"""The derived rows as a question reads them, and the settings with which they were made.

Each function runs inside a transaction of its caller. The package `update` writes the rows.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements, team_places
from gitdailies_webhooks.events import change_log, spellings
from gitdailies_webhooks.figures.facts import first_outage
from gitdailies_webhooks.figures.metrics import DeployRow, IncidentRow
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import DEFINITIONS, FigureSettings

_Values = tuple[Any, ...]


class Span(NamedTuple):
    """An incident of a deploy, as far as it is over."""

    began_at: int
    ended_at: int | None
    merged: bool

    @classmethod
    def known(cls, now: int, began_at: int, ended_at: int | None, merged: int) -> Span:
        """Return an incident as it was at *now*: one that ended later is open."""
        ended = _by(now, ended_at)
        return cls(began_at, ended, ended is not None and bool(merged))


# What `DeployRow._make` does, without a step of Python for each of many rows.
_deploy_row: Callable[[_Values], DeployRow] = partial(tuple.__new__, DeployRow)


def read_deploys(session: Session, selection: Selection) -> list[DeployRow]:
    """Read the rows of the selected deploys as they were at the moment of the question, by time and id."""
    now = selection.period.now
    where, values = _in_period(session, selection)
    query = statements.SELECT_DEPLOYS.format(where)
    found = list(map(_deploy_row, session.execute(query, (now, now, *values)).fetchall()))
    corrected = not_failed(session)
    for (at, id_), spans in _spans(session, selection).items():
        if id_ in corrected:
            continue
        index = bisect_left(found, (at, id_), key=lambda row: (row.at, row.id))
        found[index] = _failed(found[index], spans)
    return found


def not_failed(session: Session) -> set[str]:
    """Return the deploys that did not fail, whatever is attributed to them: corrections say so."""
    return {id_ for (id_,) in session.execute(statements.NOT_FAILED).fetchall()}


def read_incidents(session: Session, selection: Selection) -> list[IncidentRow]:
    """Read the rows of the selected incidents, sorted by time and id."""
    now = selection.period.now
    where, values = _in_period(session, selection)
    query = statements.SELECT_INCIDENTS.format(where)
    return [
        IncidentRow(id_, at, _by(now, ended_at), deploy is not None, wide is not None)
        for id_, at, ended_at, deploy, wide in session.execute(query, (now, now, *values)).fetchall()
    ]


def _spans(session: Session, selection: Selection) -> dict[tuple[int, str], list[Span]]:
    """Return the incidents of the selected deploys, by time and id of the deploy."""
    now = selection.period.now
    where, values = _in_period(session, selection, "deploy_service", "deploy_at")
    found: dict[tuple[int, str], list[Span]] = defaultdict(list)
    for at, id_, began_at, ended_at, merged in session.execute(
        statements.SELECT_SPANS.format(where), (now, now, *values)
    ).fetchall():
        found[at, id_].append(Span.known(now, began_at, ended_at, merged))
    return found


def _failed(row: DeployRow, spans: Sequence[Span]) -> DeployRow:
    """Return the row of a deploy that failed by incidents."""
    outage = first_outage(spans)
    if outage is None:
        return row._replace(failed=True)
    still_open = outage.duration_us is None
    return row._replace(failed=True, recovery=outage.duration_us, open=still_open, remedied_after=None)


def _by(now: int, ended_at: int | None) -> int | None:
    return None if ended_at is None or ended_at > now else ended_at


def first_event_at(session: Session, selection: Selection) -> int | None:
    """Return the time of the first deploy or incident of a place, before the period or in it."""
    where, values = _in_place(session, selection)
    found = [
        session.execute(query.format(where), values).fetchone()
        for query in (statements.FIRST_DEPLOY, statements.FIRST_INCIDENT)
    ]
    now = selection.period.now
    return min((int(row[0]) for row in found if row is not None and row[0] <= now), default=None)


def environments(session: Session, most: int) -> list[str]:
    """Return up to *most* folded names of environments that were deployed to, in alphabetical order."""
    found: list[str] = []
    row = session.execute(statements.FIRST_ENVIRONMENT).fetchone()
    while row is not None and len(found) < most:
        found.append(row[0])
        row = session.execute(statements.NEXT_ENVIRONMENT, (row[0],)).fetchone()
    return found


def deploys_by_environment(
    session: Session, selection: Selection, most: int, most_deploys: int
) -> list[tuple[str, int]]:
    """Return other environments with their number of deploys, up to *most_deploys*, the most first.

    They are those of the repository, service and period of *selection*, among the first *most* names.
    """
    found = []
    for name in environments(session, most):
        if name != selection.environment:
            where, values = _in_period(session, replace(selection, environment=name))
            query = statements.COUNT_DEPLOYS.format(where)
            row = session.execute(query, (*values, most_deploys)).fetchone()
            found.append((name, int(row[0])))
    return sorted(((name, number) for name, number in found if number), key=lambda one: (-one[1], one[0]))


def _in_period(
    session: Session, selection: Selection, service: str = "service", at: str = "at"
) -> tuple[str, _Values]:
    period = selection.period
    where, values = _in_place(session, selection, service)
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    return f"{where} AND {at} >= ? AND {at} <= ?", (*values, period.began_at, last)


def _in_place(session: Session, selection: Selection, service: str = "service") -> tuple[str, _Values]:
    filters = {"environment": selection.environment, "repo": selection.repo, service: selection.service}
    given = {column: value for column, value in filters.items() if value is not None}
    parts, values = [f"{column} = ?" for column in given], tuple(given.values())
    if selection.team is not None:
        repos = set(spellings.names(session).values())
        if selection.repo is not None:
            repos &= {selection.repo}
        names = {repo: repo for repo in sorted(repos)}
        of_team = team_places.of_team(selection.teams, selection.team, names, service)
        parts, values = [*parts, of_team.text], (*values, *of_team.values)
    return " AND ".join(parts) or "1 = 1", values


def outdated(session: Session, settings: FigureSettings) -> bool:
    """Whether the rows were made with other settings, or are to be made for the first time.

    A store without events and rows is not outdated.
    """
    return _differ(session, settings) and session.execute(statements.ANYTHING).fetchone() is not None


def reset(session: Session, settings: FigureSettings, most: int) -> bool:
    """Delete rows that were made with other settings, up to *most* of each table.

    Once none is left, store the settings, mark every event to be derived again, and return True.
    """
    if not _differ(session, settings):
        return True
    session.execute(statements.DELETE_SETTINGS)
    deleted = [session.execute(statement, (most,)) for statement in statements.DELETE_SOME_ROWS]
    if any(cursor.rowcount for cursor in deleted):
        return False
    change_log.restart(session)
    session.execute(statements.INSERT_SETTINGS, (_to_json(settings),))
    return True


def stored_settings(session: Session) -> FigureSettings:
    """Return the settings of the server that last used the store, or the default ones."""
    row = session.execute(statements.SELECT_SETTINGS).fetchone()
    if row is None:
        return FigureSettings()
    stored = json.loads(row[0])
    if stored.get("definitions") != DEFINITIONS:  # rows of an earlier version
        return FigureSettings()
    return FigureSettings(
        timedelta(seconds=stored["windowSeconds"]),
        stored["timezone"],
        tuple(stored["production"]),
        stored["countSameCommit"],
        tuple(stored["hotfix"]),
    )


def _differ(session: Session, settings: FigureSettings) -> bool:
    row = session.execute(statements.SELECT_SETTINGS).fetchone()
    return row is None or row[0] != _to_json(settings)


def _to_json(settings: FigureSettings) -> str:
    return json.dumps(
        {
            "definitions": DEFINITIONS,
            "windowSeconds": settings.window.total_seconds(),
            "timezone": settings.timezone,
            "production": list(settings.production),
            "countSameCommit": settings.count_same_commit,
            "hotfix": list(settings.hotfix),
        }
    )
