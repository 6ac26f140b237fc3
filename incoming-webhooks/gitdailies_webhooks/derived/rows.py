"""Rows that figures are answered from, with the settings that they were derived with; and the events.

Each function runs inside a transaction that the caller began. `deriving` writes the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import git_commits
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.events import History, read
from gitdailies_webhooks.figures.metrics import IncidentRow, Row
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings, folded

_KEYS = {
    "figures_deploys": "id",
    "figures_incidents": "id",
    "figures_commits": "repo, environment, key, deploy, sha",
}

TABLES = ("figures_deploys", "figures_incidents")

_Values = tuple[Any, ...]

# What `Row._make` does, without a step of Python for each of many.
_row: Callable[[_Values], Row] = partial(tuple.__new__, Row)

# Every name once, without going through all events: the next larger one is one step in the index.
_NAMES = """WITH RECURSIVE known(name) AS (
 SELECT min(repo) FROM events
 UNION ALL
 SELECT (SELECT min(repo) FROM events WHERE repo > known.name) FROM known WHERE known.name IS NOT NULL
) SELECT name FROM known WHERE name IS NOT NULL"""


def names(session: Session) -> dict[str, str]:
    """Return every spelling of a repository, and what it is compared as."""
    return {name: folded(name) for (name,) in session.execute(_NAMES)}


def history(session: Session, spelled: Iterable[str], settings: Settings, now: int) -> History:
    """Read the events of repositories, by every spelling of their names, and what git tells of them."""
    found = (
        body
        for name in spelled
        for (body,) in session.execute("SELECT body FROM events WHERE repo = ?", (name,))
    )
    return read_bodies(session, found, settings, now)


def read_bodies(session: Session, bodies: Iterable[str], settings: Settings, now: int) -> History:
    """Read events as they are stored, and what git tells of deploys that do not say what they brought."""
    events = [orjson.loads(body) for body in bodies]
    silent = [
        event["id"]
        for event in events
        if event["kind"] == DEPLOYED and "commits" not in event and "commitTime" not in event
    ]
    return read(events, settings, now=now, told=git_commits.of_deploys(session, silent))


def unsettled(session: Session, settings: Settings) -> bool:
    """Whether there is something that was, or is to be, derived with other settings than are kept."""
    something = "SELECT 1 FROM events UNION ALL SELECT 1 FROM figures_deploys LIMIT 1"
    return _differ(session, settings) and session.execute(something).fetchone() is not None


def _differ(session: Session, settings: Settings) -> bool:
    found = session.execute("SELECT value FROM figures_settings WHERE name = 'figures'").fetchone()
    return found is None or found[0] != written(settings)


def settle(session: Session, settings: Settings, most: int) -> bool:
    """Take away up to *most* rows a table that other settings made; return whether none is left.

    Then the settings are kept, and every event is to be looked at.
    """
    if not _differ(session, settings):
        return True
    session.execute("DELETE FROM figures_settings WHERE name = 'figures'")
    taken = [
        session.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT ?)",  # noqa: S608
            (most,),
        )
        for table, key in _KEYS.items()
    ]
    if any(cursor.rowcount for cursor in taken):
        return False
    change_log.restart(session)
    session.execute("INSERT INTO figures_settings (name, value) VALUES ('figures', ?)", (written(settings),))
    return True


def written(settings: Settings) -> str:
    """Write settings as they are kept."""
    return json.dumps(
        {
            "windowSeconds": settings.window.total_seconds(),
            "timezone": settings.timezone,
            "production": list(settings.production),
        }
    )


def settings_of(session: Session) -> Settings:
    """Return the settings of the server that last used the store."""
    found = session.execute("SELECT value FROM figures_settings WHERE name = 'figures'").fetchone()
    if found is None:
        return Settings()
    said = json.loads(found[0])
    return Settings(timedelta(seconds=said["windowSeconds"]), said["timezone"], tuple(said["production"]))


def rows(session: Session, selection: Selection) -> list[Row]:
    """Read the rows of the selected deploys, by time and id."""
    where, values = _where(selection)
    query = (
        "SELECT id, at, rework, failed, unknown, unknown_commits, leads, recovery, open"  # noqa: S608  columns of this file
        f" FROM figures_deploys WHERE {where} ORDER BY at, id"
    )
    return list(map(_row, session.execute(query, values).fetchall()))


def incidents(session: Session, selection: Selection) -> list[IncidentRow]:
    """Read the rows of the selected incidents, by time and id."""
    where, values = _where(selection)
    query = f"SELECT id, at, ended_at, deploy FROM figures_incidents WHERE {where} ORDER BY at, id"  # noqa: S608
    return [
        IncidentRow(id_, at, ended_at, deploy is not None)
        for id_, at, ended_at, deploy in session.execute(query, values).fetchall()
    ]


def first(session: Session, table: str, selection: Selection) -> int | None:
    """Return when the first deploy, or incident, of a place happened, whenever that was."""
    where, values = _place(selection)
    query = f"SELECT at FROM {table} WHERE {where} ORDER BY at LIMIT 1"  # noqa: S608  the tables above
    found = session.execute(query, values).fetchone()
    return None if found is None else int(found[0])


def environments(session: Session, most: int) -> list[str]:
    """Return up to so many environments that were deployed to, in order, as they are compared."""
    found: list[str] = []
    query = "SELECT environment FROM figures_deploys{} ORDER BY environment LIMIT 1"
    row_ = session.execute(query.format("")).fetchone()
    while row_ is not None and len(found) < most:
        found.append(row_[0])
        row_ = session.execute(query.format(" WHERE environment > ?"), (row_[0],)).fetchone()
    return found


def _where(selection: Selection) -> tuple[str, _Values]:
    span = selection.span
    where, values = _place(selection)
    last = span.now if span.ended_at is None else min(span.now, span.ended_at - 1)
    return f"{where} AND at >= ? AND at <= ?", (*values, span.began_at, last)


def _place(selection: Selection) -> tuple[str, _Values]:
    named = {"environment": selection.environment, "repo": selection.repo, "service": selection.service}
    asked = {column: value for column, value in named.items() if value is not None}
    return " AND ".join(f"{column} = ?" for column in asked) or "1 = 1", tuple(asked.values())
