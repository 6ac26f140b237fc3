"""Rows of incidents: their occurrences, and the deploy that each one is attributed to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.repositories import parse_bodies
from gitdailies_webhooks.derived.update import neighbors
from gitdailies_webhooks.derived.update.neighbors import (
    Adjacent,
    CommitMention,
    Position,
    PositionKey,
    StoredIncident,
    place_key,
)
from gitdailies_webhooks.figures.events import Commit, Deploy, Place, Start, commit_key
from gitdailies_webhooks.figures.incidents import Linker, Occurrence, occurrences
from gitdailies_webhooks.figures.lead_time import new_commits
from gitdailies_webhooks.figures.settings import FigureSettings, folded
from gitdailies_webhooks.sql.bulk import execute_many, insert_many, lookup_many


def affected(
    session: Session,
    positions: Sequence[Position],
    sides: Mapping[PositionKey, Adjacent],
    settings: FigureSettings,
) -> dict[str, StoredIncident]:
    """Return, by id, the incidents that may have to be attributed to another deploy."""
    found = (
        neighbors.incidents_after(session, positions, sides, settings.window_us),
        neighbors.incidents_caused_by(session, {key for position in positions for key in position.commits}),
    )
    return {incident.id: incident for incidents in found for incident in incidents}


def attribute(
    session: Session,
    near: dict[str, StoredIncident],
    changed: set[tuple[str, str]],
    settings: FigureSettings,
    now: int,
) -> set[str]:
    """Write the rows of incidents again: those of *near*, and all occurrences of *changed* incidents.

    *changed* are repositories and ids of incidents whose events arrived, were deleted or changed.
    Returns the ids of deploys whose incidents differ now.
    """
    old = near | {row.id: row for row in neighbors.occurrences_of(session, changed)}
    paired = _paired(session, changed, settings, now)
    # A deleted event may have come back under its id, and its old row may be that of another incident.
    old |= {row.id: row for row in neighbors.incidents_by_id(session, paired.keys() - old.keys())}
    wanted = {id_: row for id_, row in old.items() if row.incident not in changed} | paired
    attributed = {row.id: row for row in _attributed(session, list(wanted.values()), settings.window_us)}
    outdated = [row for id_, row in old.items() if attributed.get(id_) != row]
    new = [row for id_, row in attributed.items() if old.get(id_) != row]
    execute_many(session, statements.DELETE_INCIDENT, [(row.id,) for row in outdated])
    insert_many(session, "figures_incidents", statements.INCIDENT_COLUMNS, new)
    return {row.deploy for row in (*outdated, *new) if row.deploy is not None}


def _paired(
    session: Session, incidents: set[tuple[str, str]], settings: FigureSettings, now: int
) -> dict[str, StoredIncident]:
    """Pair the starts and ends of incidents; return the occurrences, attributed to no deploy yet."""
    rows = [(incident,) for incident in sorted({incident for _, incident in incidents})]
    found = lookup_many(session, "incident_id", rows, statements.BODIES_OF_INCIDENT, now)
    bodies = (body for incident, repo, body in found if (folded(repo), incident) in incidents)
    history = parse_bodies(session, bodies, settings, now)
    return {row.id: row for row in map(_row, occurrences(history.starts, history.ends))}


def _row(occurrence: Occurrence) -> StoredIncident:
    cause = occurrence.caused_by
    return StoredIncident(
        occurrence.start.id,
        *place_key(occurrence.place),
        occurrence.start.incident,
        occurrence.began_at,
        occurrence.ended_at,
        int(occurrence.merged),
        cause,
        None if cause is None else commit_key(cause),
        None,
    )


def _attributed(session: Session, rows: Sequence[StoredIncident], window: int) -> list[StoredIncident]:
    by_time = neighbors.latest_deploys(session, [row for row in rows if row.cause is None], window)
    causes = {(row.repo, row.environment, row.cause_key) for row in rows if row.cause_key is not None}
    linkers = {key: _linker(found, window) for key, found in neighbors.mentions(session, causes).items()}
    attributed = []
    for row in rows:
        deploy = by_time.get(row.id)
        if row.cause is not None and row.cause_key is not None:
            linker = linkers.get((row.repo, row.environment, row.cause_key))
            deploy = None if linker is None else _deploy_by_cause(row, linker)
        attributed.append(row._replace(deploy=deploy))
    return attributed


def _linker(mentions: Sequence[CommitMention], window: int) -> Linker:
    """Return a linker for incidents caused by commits of one key, which needs only their mentions."""
    by_deploy: dict[str, list[CommitMention]] = defaultdict(list)
    for mention in mentions:
        by_deploy[mention.deploy].append(mention)
    deploys = []
    for id_, of_deploy in by_deploy.items():
        repo, environment, service = of_deploy[0].place
        sha = next((mention.sha for mention in of_deploy if mention.own), "")
        listed = tuple(Commit(mention.sha, None) for mention in of_deploy if mention.position)
        place = Place(repo, environment, service or None)
        deploys.append(Deploy(id_, of_deploy[0].at, place, sha, "", listed, None))
    return Linker(deploys, new_commits(deploys), window)


def _deploy_by_cause(row: StoredIncident, linker: Linker) -> str | None:
    place = Place(row.repo, row.environment, row.service or None)
    start = Start(row.id, row.at, place, row.incident_id, row.cause)
    deploy = linker.link(Occurrence(start, None)).deploy
    return None if deploy is None else deploy.id
