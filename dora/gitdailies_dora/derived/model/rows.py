"""The derived rows as a question reads them, and the settings with which they were made.

Each function runs inside a transaction of its caller. The package `update` writes the rows.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gitdailies_core.values.renames import Renames
from gitdailies_server.round_trips import fetch_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements, team_targets
from gitdailies_dora.derived.model.deploys import Order, TargetKey, first_named, first_of_services
from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.tracks import DeployRow, IncidentRow
from gitdailies_dora.figures.history.incidents import BY_TIME, strange_to
from gitdailies_dora.figures.history.lead_time import several_services
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings

_Values = tuple[Any, ...]

# The latest deploy in each target with lead times, or with a list that says which commits are not of its
# service, if its list does not say which are; `{where}` is for a target and a period.
_UNTOLD_LISTS = """
SELECT repo, at, id FROM (SELECT repo, at, id, mentions,
 row_number() OVER (PARTITION BY repo, environment, service ORDER BY at DESC, id DESC) AS place
 FROM figures_deploys WHERE counts = 1 AND (leads <> '' OR mentions LIKE '%-%') AND {where}) AS listing
WHERE place = 1 AND mentions LIKE '%*%'
"""


def read_deploys(session: Session, selection: Selection, settings: FigureSettings) -> list[DeployRow]:
    """Read the selected deploys as they were at the moment of the question, by time and id."""
    now = selection.period.now
    where, values = _in_period(session, selection)
    query = statements.SELECT_DEPLOYS.format(where=where)
    return [
        DeployRow(id_, at, failed > 0, failed == 1)
        for id_, at, failed in session.execute(
            query, (now, no_evidence(settings), now, now, *values)
        ).fetchall()
    ]


def untold_lists(session: Session, selection: Selection) -> bool:
    """Whether the commits of several services counted in a selected target, the last time that any did."""
    where, values = _in_period(session, selection)
    found = session.execute(_UNTOLD_LISTS.format(where=where), values).fetchall()
    several = several_services((), first_named(session, {repo for repo, *_ in found}))
    return any(repo in several and several[repo] <= (at, id_) for repo, at, id_ in found)


def no_evidence(settings: FigureSettings) -> str:
    """Return the way of attribution that makes no deploy fail, "" for none."""
    return BY_TIME if settings.by_evidence else ""


def read_incidents(session: Session, selection: Selection) -> list[IncidentRow]:
    """Read the selected incidents as they were at the moment of the question, by time and id."""
    now = selection.period.now
    where, values = _in_period(session, selection)
    query = statements.SELECT_INCIDENTS.format(where=where)
    return [
        IncidentRow(id_, at, None if ended_at is None or ended_at > now else ended_at, deploy is not None)
        for id_, at, ended_at, deploy in session.execute(query, (now, now, *values)).fetchall()
    ]


def first_event_at(session: Session, selection: Selection) -> int | None:
    """Return the time of the first deploy or incident of a target, before the period or in it."""
    where, values = _in_target(session, selection)
    of_both = (statements.FIRST_DEPLOY, statements.FIRST_INCIDENT)
    found = fetch_together(session, *((query.format(where=where), values) for query in of_both))
    now = selection.period.now
    return min((int(at) for rows in found for (at,) in rows if at <= now), default=None)


def environments(session: Session, most: int) -> list[str]:
    """Return up to *most* folded names of environments that were deployed to, in alphabetical order."""
    return [name for (name,) in session.execute(statements.ENVIRONMENTS, (most,)).fetchall()]


def deploys_by_environment(
    session: Session, selection: Selection, most: int, most_deploys: int
) -> list[tuple[str, int]]:
    """Return other environments with their number of deploys, up to *most_deploys*, the most first.

    They are those of the repository, service and period of *selection*, among the first *most* names.
    """
    names = [name for name in environments(session, most) if name != selection.environment]
    queries = []
    for name in names:
        where, values = _in_period(session, replace(selection, environment=name))
        queries.append((statements.COUNT_DEPLOYS.format(where=where), (*values, most_deploys)))
    found = zip(names, fetch_together(session, *queries), strict=True)
    return sorted(
        ((name, rows[0][0]) for name, rows in found if rows[0][0]), key=lambda one: (-one[1], one[0])
    )


def _in_period(session: Session, selection: Selection) -> tuple[str, _Values]:
    period = selection.period
    where, values = _in_target(session, selection)
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    return f"{where} AND at >= ? AND at <= ?", (*values, period.began_at, last)


def _in_target(session: Session, selection: Selection) -> tuple[str, _Values]:
    filters = {
        "environment": selection.environment,
        "repo": selection.repo,
        "service": selection.service,
    }
    given = {column: value for column, value in filters.items() if value is not None}
    parts, values = [f"{column} = ?" for column in given], tuple(given.values())
    if selection.team is not None:
        repos = set(spellings.names(session, selection.renames).values())
        if selection.repo is not None:
            repos &= {selection.repo}
        names = {repo: repo for repo in sorted(repos)}
        of_team = team_targets.of_team(selection.teams, selection.team, names, "service")
        parts, values = [*parts, of_team.text], (*values, *of_team.values)
    return " AND ".join(parts) or "1 = 1", values


def outdated(session: Session, settings: FigureSettings) -> bool:
    """Whether the rows were made with other settings, or are to be made for the first time.

    A store without events and rows is not outdated.
    """
    return _differ(session, settings) and session.execute(statements.ANYTHING).fetchone() is not None


def newer_definitions(session: Session) -> str:
    """Return the version of the definitions that a newer release made the rows by; "" if none did."""
    stored = str(_stored(session).get("definitions", ""))
    return stored if stored and _ordered(stored) > _ordered(DEFINITIONS) else ""


def not_ready(session: Session) -> Refusal:
    """Return the refusal of a question that needs rows, while these are for other settings."""
    if newer := newer_definitions(session):
        return refusal(
            "busy", f"a newer release derived the figures, by definitions {newer}; upgrade this server"
        )
    text = "the figures are being computed again from all events; ask again in a minute"
    return refusal("busy", text, Retry_After="60")


def reset(session: Session, settings: FigureSettings, most: int) -> bool:
    """Delete rows that were made with other settings, up to *most* of each table.

    Once none is left, store the settings, mark every event to be derived again, and return True. Rows of a
    newer release are left alone.
    """
    if not _differ(session, settings) or newer_definitions(session):
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
    stored = _stored(session)
    if stored.get("definitions") != DEFINITIONS or "failures" not in stored:  # none, or of another version
        return FigureSettings()
    return FigureSettings(
        timedelta(seconds=stored["windowSeconds"]),
        stored["timezone"],
        tuple(stored["production"]),
        stored["countSameCommit"],
        tuple(stored["hotfix"]),
        Renames(tuple((former, name) for former, name in stored["renames"])),
        stored["failures"],
    )


def _stored(session: Session) -> dict[str, Any]:
    row = session.execute(statements.SELECT_SETTINGS).fetchone()
    stored: dict[str, Any] = {} if row is None else json.loads(row[0])
    return stored


def _ordered(definitions: str) -> list[int]:
    """Return a version of the definitions, such as 2026-2, as it is compared with others."""
    return [int(part) for part in definitions.split("-")]


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
            "renames": list(settings.renames.pairs),
            "failures": settings.failures,
        }
    )


def services_beside(session: Session, repo: str, place: str, service: str, until: int) -> tuple[str, ...]:
    """Return what `strange_to` does of a service and the deploys to an environment up to a moment (µs)."""
    targets = first_of_services(session, [repo]) if service else {}
    return strange_beside(targets, repo, place, service, until)


def strange_beside(
    targets: Mapping[TargetKey, Order], repo: str, place: str, service: str, until: int
) -> tuple[str, ...]:
    """Return the same, from the first deploys of *targets*."""
    found = [
        key[2] for key, (at, _) in targets.items() if key[:2] == (repo, place) and key[2] and at <= until
    ]
    return strange_to(service, found)
