"""Rows of incidents: their periods, and the deploy that each is laid to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import neighbors
from gitdailies_webhooks.derived.neighbors import IncidentRow, Mention, Spot, place_of
from gitdailies_webhooks.derived.rows import read_bodies
from gitdailies_webhooks.figures.commits import key
from gitdailies_webhooks.figures.events import Commit, Deploy, Place, Start
from gitdailies_webhooks.figures.incidents import Period, periods
from gitdailies_webhooks.figures.lead_time import brought
from gitdailies_webhooks.figures.links import Links
from gitdailies_webhooks.figures.settings import Settings, folded
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, insert_many, lookup_many

_COLUMNS = "id, repo, environment, service, incident_id, +at, +ended_at, +merged, cause, +cause_key, deploy"
_EVENTS = Lookup(
    "given.incident_id, e.repo, e.body", "events e", "e.incident_id = given.incident_id AND e.time <= ?"
)


def near(
    session: Session,
    touched: Sequence[Spot],
    sides: Mapping[neighbors.Position, neighbors.Beside],
    settings: Settings,
) -> dict[str, IncidentRow]:
    """Return, by id, the incidents that may have to be laid to another deploy."""
    near = (
        neighbors.incidents_between(session, touched, sides, settings.window_us),
        neighbors.incidents_blaming(session, {key for spot in touched for key in spot.commits}),
    )
    return {row.id: row for rows in near for row in rows}


def lay(
    session: Session,
    near: dict[str, IncidentRow],
    groups: set[tuple[str, str]],
    settings: Settings,
    now: int,
) -> set[str]:
    """Lay incidents *near* and the periods of *groups*; return the deploys that had or have another one."""
    old = near | {row.id: row for row in neighbors.incidents_of(session, groups)}
    begun = _periods(session, groups, settings, now)
    # An id that went before and came back may still stand in the row of another incident.
    old |= {row.id: row for row in neighbors.incidents_under(session, begun.keys() - old.keys())}
    wanted = {id_: row for id_, row in old.items() if row.group not in groups} | begun
    laid = {row.id: row for row in _linked(session, list(wanted.values()), settings.window_us)}
    gone = [row for id_, row in old.items() if laid.get(id_) != row]
    new = [row for id_, row in laid.items() if old.get(id_) != row]
    execute_many(session, "DELETE FROM figures_incidents WHERE id = ?", [(row.id,) for row in gone])
    insert_many(session, "figures_incidents", _COLUMNS, new)
    return {row.deploy for row in (*gone, *new) if row.deploy is not None}


def _periods(
    session: Session, groups: set[tuple[str, str]], settings: Settings, now: int
) -> dict[str, IncidentRow]:
    """Return the periods of incidents, laid to no deploy yet."""
    rows = [(incident,) for incident in sorted({incident for _, incident in groups})]
    found = lookup_many(session, "incident_id", rows, _EVENTS, now)
    history = read_bodies(
        session, (body for incident, repo, body in found if (folded(repo), incident) in groups), settings, now
    )
    return {row.id: row for row in map(_incident, periods(history.starts, history.ends))}


def _incident(period: Period) -> IncidentRow:
    cause = period.caused_by
    return IncidentRow(
        period.start.id,
        *place_of(period.place),
        period.start.incident,
        period.began_at,
        period.ended_at,
        int(period.merged),
        cause,
        None if cause is None else key(cause),
        None,
    )


def _linked(session: Session, rows: Sequence[IncidentRow], window: int) -> list[IncidentRow]:
    by_time = neighbors.latest(session, [row for row in rows if row.cause is None], window)
    blamed = {(row.repo, row.environment, row.cause_key) for row in rows if row.cause_key is not None}
    links = {found: _links(there, window) for found, there in neighbors.mentions(session, blamed).items()}
    laid = []
    for row in rows:
        deploy = by_time.get(row.id)
        if row.cause is not None and row.cause_key is not None:
            guilty = links.get((row.repo, row.environment, row.cause_key))
            deploy = None if guilty is None else _blamed(row, guilty)
        laid.append(row._replace(deploy=deploy))
    return laid


def _links(there: Sequence[Mention], window: int) -> Links:
    """Return the links to deploys that mention commits of one key, of which nothing else matters."""
    by_deploy: dict[str, list[Mention]] = defaultdict(list)
    for mention in there:
        by_deploy[mention.deploy].append(mention)
    deploys = []
    for id_, mine in by_deploy.items():
        repo, environment, service = mine[0].place
        sha = next((mention.sha for mention in mine if mention.own), "")
        listed = tuple(Commit(mention.sha, None) for mention in mine if mention.position)
        place = Place(repo, environment, service or None)
        deploys.append(Deploy(id_, mine[0].at, place, sha, "", listed, None))
    return Links(deploys, brought(deploys), window)


def _blamed(row: IncidentRow, guilty: Links) -> str | None:
    place = Place(row.repo, row.environment, row.service or None)
    start = Start(row.id, row.at, place, row.incident_id, row.cause)
    deploy = guilty.of(Period(start, None)).deploy
    return None if deploy is None else deploy.id
