"""The review of a week, from rows: `figures.review` decides which lines there are.

Each line has a key, by which a person marks it as done. An index finds the deploys and incidents of the week.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived import detail, rows, statements, twice
from gitdailies_webhooks.derived.related import Reader
from gitdailies_webhooks.events import acknowledgements
from gitdailies_webhooks.events.corrections import all_corrections
from gitdailies_webhooks.figures import incidents, review
from gitdailies_webhooks.figures.corrections import OF_INCIDENT
from gitdailies_webhooks.figures.review import Change, Sighting, Week
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import DEFINITIONS, PRODUCTION, FigureSettings
from gitdailies_webhooks.sql.bulk import lookup_many

_MOST_ENVIRONMENTS, _MOST_PAIRS, _NEAR = 100, 2000, 3

# The counting deploys to an environment in a period, in order.
_SIGHTINGS = (
    "SELECT id, at, repo, environment, service, reporter FROM figures_deploys"
    " WHERE counts = 1 AND environment = ? AND at >= ? AND at < ? ORDER BY at, id"
)
# Whether a name was there before a moment: a repository, an environment of it, a service, a reporter.
_REPO_BEFORE = "SELECT 1 FROM figures_deploys WHERE counts = 1 AND repo = ? AND at < ? LIMIT 1"
_ENVIRONMENT_BEFORE = (
    "SELECT 1 FROM figures_deploys WHERE counts = 1 AND repo = ? AND environment = ? AND at < ? LIMIT 1"
)
_SERVICE_BEFORE = (
    "SELECT 1 FROM figures_deploys"
    " WHERE counts = 1 AND repo = ? AND environment = ? AND service = ? AND at < ? LIMIT 1"
)
_REPORTER_BEFORE = (
    "SELECT 1 FROM figures_deploys"
    " WHERE counts = 1 AND repo = ? AND environment = ? AND reporter = ? AND at < ? ORDER BY at DESC LIMIT 1"
)

Line = dict[str, Any]


def answer(session: Session, week: Week, settings: FigureSettings) -> dict[str, Any]:
    """Return the body of `GET /api/review`. Raises Refusal while the rows are for other settings."""
    reader = Reader(session, settings, week.period.now)
    found = _Lines(session, reader, week, settings)
    sections = {
        review.FAILED: found.failed(),
        review.UNLINKED: found.unlinked(),
        review.UNCOUNTED: found.uncounted(),
        review.TWICE: found.twice(),
        review.SLOWEST: found.slowest(),
        review.SILENT: found.silent(),
    }
    shown = {name: lines[: review.MOST_LINES] for name, lines in sections.items()}
    _mark(session, [line for lines in shown.values() for line in lines])
    done = sum(line["done"] is not None for lines in shown.values() for line in lines)
    return {
        "definitions": DEFINITIONS,
        "week": week.name,
        "from": _text(week.period.began_at),
        "to": _text(week.period.ended_at or week.period.now),
        "asOf": _text(week.period.now),
        "open": sum(map(len, shown.values())) - done,
        "done": done,
        "sections": shown,
        "left": {name: len(lines) - len(shown[name]) for name, lines in sections.items()},
    }


def _mark(session: Session, lines: Sequence[Line]) -> None:
    """Say of each line who decided it, if it is not corrected: by acknowledging it."""
    made = acknowledgements.of_lines(session, (line["key"] for line in lines))
    for line in lines:
        one = made.get(line["key"])
        if line["done"] is None and one is not None:
            line["done"] = {"how": "acknowledged", "by": one.actor, "at": _text(one.at), "reason": one.reason}


class _Lines:
    """The lines of each section."""

    def __init__(self, session: Session, reader: Reader, week: Week, settings: FigureSettings) -> None:
        self._session = session
        self._reader = reader
        self._week = week
        self._settings = settings
        self._selection = Selection(week.period)
        self._deploys = rows.read_deploys(session, self._selection)
        self._until = min(week.period.ended_at or week.period.now, week.period.now + 1)

    def failed(self) -> list[Line]:
        """The deploys that failed, and those that a person judged."""
        corrected = all_corrections(self._session)
        wanted = [row.id for row in self._deploys if row.failed or row.id in corrected]
        return [self._failed(id_) for id_ in wanted]

    def _failed(self, id_: str) -> Line:
        found = self._deploy(id_)
        return {
            **_line(review.FAILED, id_, found["correction"]),
            "deploy": detail.reference(found["event"]),
            "state": found["state"],
            "incidents": found["related"]["incidents"],
            "remediedBy": found["related"]["remediedBy"],
            "recoverySeconds": found["recoverySeconds"],
            "recoveredBy": found["recoveredBy"],
        }

    def unlinked(self) -> list[Line]:
        """The incidents that are attributed to no deploy, and those that a person decided about."""
        open_ = [row.id for row in rows.read_incidents(self._session, self._selection) if not row.linked]
        lines = []
        for id_ in dict.fromkeys([*open_, *self._corrected_incidents()]):
            found = detail.incident(self._session, id_, self._settings, self._reader.now)
            if found is None:
                continue
            if found["attribution"]["how"] == incidents.NO_CAUSE and found["correction"] is None:
                continue  # its own event says that no deploy caused it
            lines.append(
                {
                    **_line(review.UNLINKED, id_, found["correction"]),
                    "incident": detail.reference(found["event"]),
                    "state": found["state"],
                    "attributedTo": found["related"]["deploy"],
                    "near": found["attribution"]["near"][:_NEAR],
                }
            )
        return sorted(lines, key=lambda line: (line["incident"]["time"], line["key"]))

    def _corrected_incidents(self) -> list[str]:
        """Return the starts of the week that a person decided about."""
        given = [(start,) for start, one in all_corrections(self._session).items() if one.what in OF_INCIDENT]
        found = lookup_many(self._session, "id", sorted(given), statements.INCIDENTS_BY_ID)
        period = self._week.period
        return [row[0] for row in found if row[4] == PRODUCTION and row[7] in period]

    def uncounted(self) -> list[Line]:
        """The names that appeared in this week."""
        environments = [PRODUCTION, *rows.environments(self._session, _MOST_ENVIRONMENTS)]
        sightings = [
            one
            for environment in dict.fromkeys(environments)
            for one in self._sightings(environment, self._week.period.began_at, self._until)
        ]
        known, repos = self._known(sightings)
        found = review.new_names(sorted(sightings, key=lambda one: (one.at, one.id)), known, repos)
        refs = self._references(one.first for one in found)
        return [
            {
                **_line(review.UNCOUNTED, f"{self._week.name}:{one.what}:{one.repo}:{one.name}", None),
                "what": one.what,
                "repo": refs[one.first].get("repo", one.repo),
                "name": one.name,
                "deploys": one.deploys,
                "first": refs[one.first],
            }
            for one in found
            if one.first in refs
        ]

    def twice(self) -> list[Line]:
        """The reporters that may have counted deploys twice."""
        pairs = twice.pairs(self._session, PRODUCTION, self._week.period.began_at, self._until, _MOST_PAIRS)
        found = review.doubles(pairs)
        refs = self._references(id_ for one in found for id_ in (one.last.id, one.last.other))
        return [
            {
                **_line(
                    review.TWICE,
                    f"{self._week.name}:{one.repo}:{one.reporter}:{one.other_reporter}",
                    None,
                ),
                "repo": refs[one.last.id].get("repo", one.repo),
                "reporters": [one.reporter, one.other_reporter],
                "times": one.times,
                "events": [refs[one.last.id], refs[one.last.other]],
            }
            for one in found
            if one.last.id in refs and one.last.other in refs
        ]

    def slowest(self) -> list[Line]:
        """The changes with the longest lead times."""
        changes = [
            Change(row.id, row.at, max(map(int, row.lead_times.split(","))))
            for row in self._deploys
            if row.lead_times
        ]
        found = review.slowest(changes)
        refs = self._references(one.deploy for one in found)
        return [
            {
                **_line(review.SLOWEST, one.deploy, None),
                "deploy": refs[one.deploy],
                "leadTimeSeconds": one.lead_time / 1_000_000,
            }
            for one in found
            if one.deploy in refs
        ]

    def silent(self) -> list[Line]:
        """The repositories and reporters that stopped."""
        weeks = self._week.weeks_before()
        before = self._sightings(PRODUCTION, weeks[0][0], weeks[-1][1])
        current = self._sightings(PRODUCTION, self._week.period.began_at, self._until)
        found = review.silent(before, current, weeks) if self._is_over() else []
        refs = self._references(one.last for one in found)
        return [
            {
                **_line(review.SILENT, f"{self._week.name}:{one.what}:{one.repo}:{one.name}", None),
                "what": one.what,
                "repo": refs[one.last].get("repo", one.repo),
                "name": one.name,
                "last": refs[one.last],
            }
            for one in found
            if one.last in refs
        ]

    def _is_over(self) -> bool:
        """Whether the week is over: nothing is silent in a week that goes on."""
        return self._week.period.until == self._week.period.ended_at

    def _deploy(self, id_: str) -> Mapping[str, Any]:
        found = detail.deploy(self._session, id_, self._settings, self._reader.now)
        assert found is not None
        return found

    def _sightings(self, environment: str, since: int, until: int) -> list[Sighting]:
        found = self._session.execute(_SIGHTINGS, (environment, since, until)).fetchall()
        return [Sighting(*row) for row in found]

    def _known(self, sightings: Sequence[Sighting]) -> tuple[set[tuple[str, str, str]], set[str]]:
        """Return the names and the repositories of deploys that were there before the week."""
        began, known = self._week.period.began_at, set()
        repos = {repo for repo in {one.repo for one in sightings} if self._is_here(_REPO_BEFORE, repo, began)}
        for repo, environment in sorted({(one.repo, one.environment) for one in sightings}):
            here = [one for one in sightings if (one.repo, one.environment) == (repo, environment)]
            if self._is_here(_ENVIRONMENT_BEFORE, repo, environment, began):
                known.add((review.ENVIRONMENT, repo, environment))
            known |= {
                (review.SERVICE, repo, service)
                for service in {one.service for one in here}
                if self._is_here(_SERVICE_BEFORE, repo, environment, service, began)
            }
            known |= {
                (review.REPORTER, repo, reporter)
                for reporter in {one.reporter for one in here}
                if self._is_here(_REPORTER_BEFORE, repo, environment, reporter, began)
            }
        return known, repos

    def _is_here(self, statement: str, *values: Any) -> bool:
        return self._session.execute(statement, values).fetchone() is not None

    def _references(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {id_: detail.reference(body) for id_, body in self._reader.bodies(ids).items()}


def _line(section: str, name: str, correction: Mapping[str, Any] | None) -> Line:
    done = None
    if correction is not None:
        done = {"how": "corrected", **{key: correction[key] for key in ("by", "at", "reason")}}
    return {"key": f"{section}:{name}", "done": done}


def _text(at: int) -> str:
    return text_of(from_us(at))
