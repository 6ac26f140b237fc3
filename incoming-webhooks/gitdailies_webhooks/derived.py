"""Rows that figures are answered from: behind when an event comes or goes, derived a repository at a time.

Each function runs inside a transaction that the caller began. Whatever order things happen in, a
repository without a change that is due has the rows that `figures.derive` makes of its events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from gitdailies_server.database import Session

from gitdailies_webhooks import git_told
from gitdailies_webhooks.figures.facts import Facts, derive
from gitdailies_webhooks.figures.figures import IncidentRow, Row, row
from gitdailies_webhooks.figures.history import History, read
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings, folded

_DEPLOYS = (
    "id, repo, environment, service, at, rework, failed, unknown, unknown_commits, leads, recovery, open"
)
_INCIDENTS = "id, repo, environment, service, at, ended_at, deploy"
TABLES = {"figures_deploys": _DEPLOYS, "figures_incidents": _INCIDENTS}

_Values = tuple[Any, ...]


class Update(NamedTuple):
    """What a repository's rows have to become: by table, rows to write and ids to take away."""

    repo: str
    version: int
    names: tuple[str, ...]
    until: int
    now: int
    written: Mapping[str, list[_Values]]
    gone: Mapping[str, list[str]]


def note(session: Session, events: Iterable[tuple[str | None, int]], now: int) -> None:
    """Note that events came or went: the repository and time of each."""
    changes = {(repo, max(at, now)) for repo, at in events if repo is not None}
    session.executemany("INSERT INTO figures_changes (repo, due_at) VALUES (?, ?)", sorted(changes))


def due(session: Session, now: int) -> list[str]:
    """Return the repositories that are behind, as they are compared."""
    rows = session.execute("SELECT DISTINCT repo FROM figures_changes WHERE due_at <= ?", (now,))
    return sorted({folded(name) for (name,) in rows})


def behind_since(session: Session, now: int) -> int | None:
    """Return the moment up to which every row is right, or None where all of them are at *now*."""
    found = session.execute("SELECT min(due_at) FROM figures_changes WHERE due_at <= ?", (now,)).fetchone()
    return None if found is None or found[0] is None else int(found[0])


def noted(session: Session) -> bool:
    """Whether anything is noted, due or to come."""
    return session.execute("SELECT 1 FROM figures_changes LIMIT 1").fetchone() is not None


def names(session: Session) -> dict[str, str]:
    """Return every spelling of a repository, and what it is compared as."""
    found = session.execute("SELECT name FROM figures_names UNION SELECT DISTINCT repo FROM figures_changes")
    return {name: folded(name) for (name,) in found}


def history(session: Session, spelled: Iterable[str], settings: Settings, now: int) -> History:
    """Read the events of repositories, by every spelling of their names, and what git tells of them."""
    spelled = list(spelled)
    return read(
        (
            orjson.loads(body)
            for name in spelled
            for (body,) in session.execute("SELECT body FROM events WHERE repo = ?", (name,))
        ),
        settings,
        now=now,
        told=git_told.of(session, {folded(name) for name in spelled}),
    )


def compare(session: Session, repo: str, settings: Settings, now: int) -> Update:
    """Derive a repository from its events, and say in what its rows differ."""
    until = session.execute("SELECT coalesce(max(seq), 0) FROM figures_changes").fetchone()
    version = session.execute("SELECT version FROM figures_repos WHERE repo = ?", (repo,)).fetchone()
    spelled = tuple(sorted(name for name, compared in names(session).items() if compared == repo))
    facts = derive(history(session, spelled, settings, now), settings)
    rows = {"figures_deploys": _deploys(facts), "figures_incidents": _incidents(facts)}
    written, gone = {}, {}
    for table, columns in TABLES.items():
        query = f"SELECT {columns} FROM {table} WHERE repo = ?"  # noqa: S608  the tables above
        there = {found[0]: tuple(found) for found in session.execute(query, (repo,))}
        written[table] = [values for values in rows[table] if there.pop(values[0], None) != values]
        gone[table] = list(there)
    return Update(repo, 0 if version is None else version[0], spelled, until[0], now, written, gone)


def apply(session: Session, update: Update) -> None:
    """Write an update, unless another server wrote one meanwhile."""
    session.execute(
        "INSERT INTO figures_repos (repo, version) VALUES (?, 0) ON CONFLICT (repo) DO NOTHING",
        (update.repo,),
    )
    counted = session.execute(
        "UPDATE figures_repos SET version = version + 1 WHERE repo = ? AND version = ?",
        (update.repo, update.version),
    )
    if counted.rowcount != 1:
        return
    for table, columns in TABLES.items():
        # An id may have moved to another repository, where an event was deleted and sent again.
        ids = [(id_,) for id_ in (*update.gone[table], *(values[0] for values in update.written[table]))]
        marks = ", ".join("?" * len(columns.split(", ")))
        session.executemany(f"DELETE FROM {table} WHERE id = ?", ids)  # noqa: S608  the tables above
        session.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", update.written[table])  # noqa: S608
    for name in update.names:
        session.execute(
            "INSERT INTO figures_names (name, repo) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
            (name, update.repo),
        )
        session.execute(
            "DELETE FROM figures_changes WHERE repo = ? AND seq <= ? AND due_at <= ?",
            (name, update.until, update.now),
        )


def unsettled(session: Session, settings: Settings) -> bool:
    """Whether there is something that was, or is to be, derived with other settings than are kept."""
    row_ = session.execute("SELECT value FROM figures_settings WHERE name = 'figures'").fetchone()
    return (row_ is None or row_[0] != written(settings)) and bool(names(session))


def settle(session: Session, settings: Settings, now: int) -> None:
    """Keep the settings of the rows; where they changed, every repository is behind."""
    text = written(settings)
    row_ = session.execute("SELECT value FROM figures_settings WHERE name = 'figures'").fetchone()
    if row_ is not None and row_[0] == text:
        return
    session.execute("DELETE FROM figures_settings WHERE name = 'figures'")
    session.execute("INSERT INTO figures_settings (name, value) VALUES ('figures', ?)", (text,))
    note(session, [(name, now) for name in names(session)], now)


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
    loads = orjson.loads
    return [
        Row(id_, at, rework, failed, unknown, commits, () if leads == "[]" else loads(leads), recovery, open_)
        for id_, at, rework, failed, unknown, commits, leads, recovery, open_ in session.execute(
            query, values
        )
    ]


def incidents(session: Session, selection: Selection) -> list[IncidentRow]:
    """Read the rows of the selected incidents, by time and id."""
    where, values = _where(selection)
    query = f"SELECT id, at, ended_at, deploy FROM figures_incidents WHERE {where} ORDER BY at, id"  # noqa: S608
    return [
        IncidentRow(id_, at, ended_at, deploy is not None)
        for id_, at, ended_at, deploy in session.execute(query, values)
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
    where = "environment = ?"
    values: _Values = (selection.environment,)
    for column, value in (("repo", selection.repo), ("service", selection.service)):
        if value is not None:
            where += f" AND {column} = ?"
            values += (value,)
    return where, values


def _deploys(facts: Facts) -> list[_Values]:
    found = []
    for one in facts.deploys:
        told, place = row(one), one.deploy.place
        found.append(
            (
                one.deploy.id,
                *place,
                told.at,
                int(told.rework),
                int(told.failed),
                int(told.unknown),
                told.unknown_commits,
                orjson.dumps(told.leads).decode(),
                told.recovery,
                int(told.open),
            )
        )
    return found


def _incidents(facts: Facts) -> list[_Values]:
    return [
        (
            one.period.start.id,
            *one.period.place,
            one.period.began_at,
            one.period.ended_at,
            None if one.link.deploy is None else one.link.deploy.id,
        )
        for one in facts.incidents
    ]
