"""The sums of a series, read from the derived rows.

Deploys are added up by the database, for each repository and segment. Failed deploys and incidents are few,
and are added up here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.events import spellings
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.metrics import DeployRow
from gitdailies_webhooks.figures.series import SERVICE, Plan, SeriesQuestion, Sums
from gitdailies_webhooks.figures.tally import Tally, failures
from gitdailies_webhooks.sql.bulk import lookup_many, takes_lists

_MOST_ENVIRONMENTS = 1000


def add_up(session: Session, question: SeriesQuestion, planned: Plan, window: int) -> Sums:
    now, sums = question.period.now, Sums()
    settled_until = now - window
    by_service = SERVICE in question.by or question.services or question.teams_known.name_services
    joined = statements.JOINED_BY_POSTGRESQL if takes_lists(session) else statements.JOINED_BY_SQLITE
    begins = [segment.began_at for segment in planned.segments]
    for environment in environments(session, question):
        place = _Place(environment, question.repos)
        statement = statements.SUMS_OF_DEPLOYS.format(
            service="service" if by_service else "''",
            joined=joined,
            where=place.where("at"),
            grouped="repo, service" if by_service else "repo",
        )
        for number, segment in enumerate(planned.segments):
            for repo, service, deploys, rework, young, unknown, commits, leads in session.execute(
                statement, (settled_until, *place.values, *segment)
            ).fetchall():
                keys = question.keys(Place(repo, environment, service or None))
                counts = Tally(deploys, rework, young, unknown, commits, leads or "")
                sums.add(keys, number, counts)
        first, last = planned.segments[0].began_at, planned.segments[-1].last
        for where, row in _failed(session, place, now, first, last):
            number = bisect_right(begins, row.at) - 1
            sums.add(question.keys(where), number, failures([row], settled_until))
        for repo, service, _, at, deploy, wide in session.execute(
            statements.INCIDENTS.format(where=place.where("at")), (now, now, *place.values, first, last)
        ).fetchall():
            unlinked = deploy is None
            found = Tally(unlinked=int(unlinked), unlinked_72h=int(unlinked and wide is not None))
            keys = question.keys(Place(repo, environment, service or None))
            sums.add(keys, bisect_right(begins, at) - 1, found)
    return sums


class _Place:
    """The condition of one environment, and of some repositories."""

    def __init__(self, environment: str, repos: Iterable[str]) -> None:
        self._repos = sorted(repos)
        self.values = (environment, *self._repos)

    def where(self, at: str = "") -> str:
        """Return the condition; a column *at* adds that of a period."""
        marks = ", ".join("?" * len(self._repos))
        repos = f" AND repo IN ({marks})" if marks else ""
        return f"environment = ?{repos}" + (f" AND {at} >= ? AND {at} <= ?" if at else "")


def _failed(
    session: Session, place: _Place, now: int, first: int, last: int
) -> Iterator[tuple[Place, DeployRow]]:
    """Yield the place and the row of each deploy that failed, without what it is besides."""
    found: dict[str, tuple[Place, DeployRow]] = {}
    for id_, at, repo, service, environment, remedied_at in session.execute(
        statements.REMEDIED.format(where=place.where("at")), (now, *place.values, first, last)
    ).fetchall():
        row = DeployRow(id_, at, False, True, False, 0, "", None, False, remedied_at - at)
        found[id_] = Place(repo, environment, service or None), row
    spans: dict[str, list[rows.Span]] = defaultdict(list)
    for id_, at, repo, service, environment, began_at, ended_at, merged in session.execute(
        statements.SPANS.format(where=place.where("deploy_at")), (now, now, *place.values, first, last)
    ).fetchall():
        spans[id_].append(rows.Span.known(now, began_at, ended_at, merged))
        if id_ not in found:
            row = DeployRow(id_, at, False, True, False, 0, "", None, False)
            found[id_] = Place(repo, environment, service or None), row
    for id_, (where, row) in found.items():
        yield where, rows.failed_by(row, spans[id_]) if id_ in spans else row


def open_incidents(session: Session, question: SeriesQuestion, *, live: bool) -> list[Place]:
    """Return the place of each incident that is open at the moment of the question.

    A *live* question is about the present moment, and no incident has ended later than that.
    """
    now = question.period.now
    found: list[Place] = []
    for environment in environments(session, question):
        place = _Place(environment, question.repos)
        asked = [(statements.OPEN_INCIDENTS, (now, now, now))]
        if not live:
            asked.append((statements.OPEN_THEN, (now, now, now, now)))  # type: ignore[arg-type]
        for statement, moments in asked:
            rows_ = session.execute(statement.format(where=place.where()), (*moments, *place.values))
            found += [Place(repo, where, service or None) for repo, service, where in rows_.fetchall()]
    return [place for place in found if question.keys(place)]


def environments(session: Session, question: SeriesQuestion) -> list[str]:
    """Return the environments of a question: those that it names, or all."""
    if question.environments:
        return sorted(question.environments)
    found = set(rows.environments(session, _MOST_ENVIRONMENTS))
    row = session.execute(statements.FIRST_ENVIRONMENT).fetchone()
    while row is not None and len(found) < _MOST_ENVIRONMENTS:
        found.add(row[0])
        row = session.execute(statements.NEXT_ENVIRONMENT, (row[0],)).fetchone()
    return sorted(found)


def first_times(session: Session) -> dict[str, int]:
    """Return the time of the first event of each repository, by its folded name."""
    names = spellings.names(session)
    found: dict[str, int] = {}
    for name, at in lookup_many(session, "name", [(name,) for name in names], statements.FIRST_TIMES):
        repo = names[name]
        found[repo] = min(at, found.get(repo, at))
    return found
