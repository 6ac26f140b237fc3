"""The review of a week, from rows: `figures.review` decides which lines there are.

Each line has a key, by which a person marks it as done. An index finds the deploys and incidents of the week.
Lines that are open come first, and only those that are shown are read in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived import detail, rows, twice
from gitdailies_webhooks.derived.related import Reader
from gitdailies_webhooks.derived.review_question import ReviewQuestion
from gitdailies_webhooks.events import acknowledgements, change_log
from gitdailies_webhooks.events.corrections import all_corrections, correction_of
from gitdailies_webhooks.figures import incidents, review, silence
from gitdailies_webhooks.figures.corrections import NOT_AN_INCIDENT
from gitdailies_webhooks.figures.review import Change, Doubles, NewName
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import DEFINITIONS, PRODUCTION, FigureSettings, folded
from gitdailies_webhooks.figures.silence import Sighting, Sign, Silence

_MOST_ENVIRONMENTS, _MOST_PAIRS, _MOST_SIGNS, _NEAR = 100, 2000, 10_000, 3
# The events of half a year say how long a source of incidents pauses.
_LOOKED_BACK_US = 26 * 7 * 86_400 * 1_000_000

# The counting deploys to an environment in a period, in order.
_SIGHTINGS = (
    "SELECT id, at, repo, environment, service, reporter FROM figures_deploys"
    " WHERE counts = 1 AND environment = ? AND at >= ? AND at < ? ORDER BY at, id"
)
# The incidents of an environment that started in a period, as known at a moment (the last two parameters),
# and those that are none, as corrections say.
_INCIDENTS = (
    "SELECT id, repo, service, deploy, how FROM figures_incidents"
    " WHERE environment = ? AND at >= ? AND at < ? AND ((since <= ? AND until > ?) OR how = ?)"
    " ORDER BY at, id"
)
# The newest events of one kind in a period, up to a number.
_SIGNS = (
    "SELECT id, time, repo, service, body FROM events"
    " WHERE kind = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT ?"
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
Reference = Mapping[str, Any]


class _Candidate(NamedTuple):
    """A line that may be shown: its key, what reads it, and the event that a correction of it is about."""

    key: str
    read: Callable[[], Line | None]
    event: str = ""


def answer(session: Session, question: ReviewQuestion, settings: FigureSettings) -> dict[str, Any]:
    """Return the body of `GET /api/review`. Raises Refusal while the rows are for other settings."""
    period = question.week.period
    # Before the rows are read: what is derived meanwhile may be missing in them.
    as_of = change_log.complete_until(session, period.now)
    found = _Lines(session, Reader(session, settings, period.now), question)
    sections = {
        review.FAILED: found.failed(),
        review.UNLINKED: found.unlinked(),
        review.UNCOUNTED: found.uncounted(),
        review.TWICE: found.twice(),
        review.SLOWEST: found.slowest(),
        review.SILENT: found.silent(),
    }
    everything = [one for candidates in sections.values() for one in candidates]
    decided = _decisions(session, everything)
    shown = {
        name: sorted(candidates, key=lambda one: one.key in decided)[: review.MOST_LINES]
        for name, candidates in sections.items()
    }
    return {
        "definitions": DEFINITIONS,
        "week": question.week.name,
        "filter": {"repo": question.repo or None, "team": question.scope.team or None},
        "from": _text(period.began_at),
        "to": _text(period.ended_at or period.now),
        "asOf": _text(as_of),
        "open": sum(one.key not in decided for one in everything),
        "done": sum(one.key in decided for one in everything),
        "sections": {
            name: [
                {"key": one.key, "done": decided.get(one.key), **line}
                for one in candidates
                if (line := one.read()) is not None
            ]
            for name, candidates in shown.items()
        },
        "left": {name: len(candidates) - len(shown[name]) for name, candidates in sections.items()},
    }


def _decisions(session: Session, candidates: Sequence[_Candidate]) -> dict[str, dict[str, str]]:
    """Return who decided a line, by its key: by correcting its event, or by acknowledging the line."""
    decided: dict[str, dict[str, str]] = {}
    for key, made in acknowledgements.of_lines(session, (one.key for one in candidates)).items():
        decided[key] = _decision("acknowledged", made.actor, made.at, made.reason)
    corrected = all_corrections(session)
    for one in candidates:
        if one.event in corrected and (stored := correction_of(session, one.event)) is not None:
            decided[one.key] = _decision("corrected", stored.actor, stored.at, stored.reason)
    return decided


def _decision(how: str, by: str, at: int, reason: str) -> dict[str, str]:
    return {"how": how, "by": by, "at": _text(at), "reason": reason}


class _Lines:
    """The lines of each section."""

    def __init__(self, session: Session, reader: Reader, question: ReviewQuestion) -> None:
        self._session = session
        self._reader = reader
        self._question = question
        self._week = question.week
        period = question.week.period
        self._began = period.began_at
        self._until = min(period.ended_at or period.now, period.now + 1)
        self._current = self._sightings(PRODUCTION, self._began, self._until)
        here = {one.id for one in self._current}
        self._deploys = [row for row in rows.read_deploys(session, Selection(period)) if row.id in here]

    def failed(self) -> list[_Candidate]:
        """The deploys that failed, and those that a person judged."""
        corrected = all_corrections(self._session)
        return [
            _Candidate(f"{review.FAILED}:{row.id}", partial(self._failed, row.id), row.id)
            for row in self._deploys
            if row.failed or row.id in corrected
        ]

    def _failed(self, id_: str) -> Line | None:
        found = detail.deploy_of(self._reader, id_)
        if found is None:
            return None
        return {
            "deploy": detail.reference(found["event"]),
            "state": found["state"],
            "incidents": found["related"]["incidents"],
            "remediedBy": found["related"]["remediedBy"],
            "recoverySeconds": found["recoverySeconds"],
            "recoveredBy": found["recoveredBy"],
        }

    def unlinked(self) -> list[_Candidate]:
        """The incidents that are attributed to no deploy, and those that a person decided about.

        One whose own event says that no deploy caused it needs no decision.
        """
        now, corrected = self._reader.now, all_corrections(self._session)
        asked = (PRODUCTION, self._began, self._until, now, now, NOT_AN_INCIDENT)
        return [
            _Candidate(f"{review.UNLINKED}:{id_}", partial(self._unlinked, id_), id_)
            for id_, repo, service, deploy, how in self._session.execute(_INCIDENTS, asked).fetchall()
            if self._question.scope.includes(repo, service)
            and (id_ in corrected or (deploy is None and how != incidents.NO_CAUSE))
        ]

    def _unlinked(self, id_: str) -> Line | None:
        found = detail.incident_of(self._reader, id_)
        if found is None:
            return None
        return {
            "incident": detail.reference(found["event"]),
            "state": found["state"],
            "attributedTo": found["related"]["deploy"],
            "near": found["attribution"]["near"][:_NEAR],
        }

    def uncounted(self) -> list[_Candidate]:
        """The names that appeared in this week."""
        others = [name for name in rows.environments(self._session, _MOST_ENVIRONMENTS) if name != PRODUCTION]
        sightings = [
            *self._current,
            *(one for name in others for one in self._sightings(name, self._began, self._until)),
        ]
        known, repos = self._known(sightings)
        found = review.new_names(sorted(sightings, key=lambda one: (one.at, one.id)), known, repos)
        return [
            self._of_event(
                f"{review.UNCOUNTED}:{self._week.name}:{one.what}:{one.repo}:{one.name}",
                one.first,
                partial(_new_name, one),
            )
            for one in found
        ]

    def twice(self) -> list[_Candidate]:
        """The reporters that may have counted deploys twice."""
        pairs = twice.pairs(self._session, PRODUCTION, self._began, self._until, _MOST_PAIRS)
        found = review.doubles(pair for pair in pairs if self._question.scope.includes_repo(pair.repo))
        return [
            self._of_event(
                f"{review.TWICE}:{self._week.name}:{one.repo}:{one.reporter}:{one.other_reporter}",
                one.last.id,
                partial(self._doubles, one),
            )
            for one in found
        ]

    def _doubles(self, one: Doubles, ref: Reference) -> Line:
        return {
            "repo": ref.get("repo", one.repo),
            "reporters": [one.reporter, one.other_reporter],
            "times": one.times,
            "events": [ref, *self._references([one.last.other])],
        }

    def slowest(self) -> list[_Candidate]:
        """The changes with the longest lead times."""
        changes = [
            Change(row.id, row.at, max(map(int, row.lead_times.split(","))))
            for row in self._deploys
            if row.lead_times
        ]
        return [
            self._of_event(
                f"{review.SLOWEST}:{one.deploy}",
                one.deploy,
                partial(_slow_change, one),
            )
            for one in review.slowest(changes)
        ]

    def silent(self) -> list[_Candidate]:
        """The repositories, reporters and sources that stopped; none in a week that goes on."""
        period, weeks = self._week.period, self._week.weeks_before()
        if period.until != period.ended_at:
            return []
        before = self._sightings(PRODUCTION, weeks[0][0], weeks[-1][1])
        found = [*silence.silent_deploys(before, self._current, weeks), *self._silent_sources()]
        return [
            self._of_event(
                f"{review.SILENT}:{self._week.name}:{one.what}:{one.repo}:{one.name}",
                one.last,
                partial(_silence, one, (self._until - one.last_at) / 1_000_000),
            )
            for one in found
        ]

    def _silent_sources(self) -> list[Silence]:
        """The sources of incidents that became silent, if their last incident is in the scope."""
        since = self._until - _LOOKED_BACK_US
        found = [
            row
            for kind in (INCIDENT_STARTED, INCIDENT_RESOLVED)
            for row in self._session.execute(_SIGNS, (kind, since, self._until, _MOST_SIGNS)).fetchall()
        ]
        signs, places = [], {}
        for id_, at, repo, service, body in sorted(found, key=lambda row: (row[1], row[0])):
            if source := orjson.loads(body).get("source"):
                signs.append(Sign(id_, at, source))
                places[id_] = folded(repo or ""), folded(service or "")
        gone = silence.silent_sources(signs, self._began, self._until)
        return [one for one in gone if self._question.scope.includes(*places[one.last])]

    def _of_event(self, key: str, id_: str, line: Callable[[Reference], Line]) -> _Candidate:
        """Return a candidate whose line is made of the reference to an event."""
        return _Candidate(key, lambda: next(map(line, self._references([id_])), None))

    def _sightings(self, environment: str, since: int, until: int) -> list[Sighting]:
        found = self._session.execute(_SIGHTINGS, (environment, since, until)).fetchall()
        scope = self._question.scope
        return [one for one in map(Sighting._make, found) if scope.includes(one.repo, one.service)]

    def _known(self, sightings: Sequence[Sighting]) -> tuple[set[tuple[str, str, str]], set[str]]:
        """Return the names and the repositories of deploys that were there before the week."""
        began, known = self._began, set()
        repos = {repo for repo in {one.repo for one in sightings} if self._is_here(_REPO_BEFORE, repo, began)}
        places: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
        for one in sightings:
            places[one.repo, one.environment].append(one)
        for (repo, environment), here in places.items():
            if self._is_here(_ENVIRONMENT_BEFORE, repo, environment, began):
                known.add((review.ENVIRONMENT, repo, environment))
            known |= {
                (review.SERVICE, repo, service)
                for service in {one.service for one in here}
                if self._is_here(_SERVICE_BEFORE, repo, environment, service, began)
            }
            known |= {
                (silence.REPORTER, repo, reporter)
                for reporter in {one.reporter for one in here}
                if self._is_here(_REPORTER_BEFORE, repo, environment, reporter, began)
            }
        return known, repos

    def _is_here(self, statement: str, *values: Any) -> bool:
        return self._session.execute(statement, values).fetchone() is not None

    def _references(self, ids: Iterable[str]) -> list[Reference]:
        return [detail.reference(body) for body in self._reader.bodies(ids).values()]


def _new_name(one: NewName, ref: Reference) -> Line:
    repo = ref.get("repo", one.repo)
    return {"what": one.what, "repo": repo, "name": one.name, "deploys": one.deploys, "first": ref}


def _slow_change(one: Change, ref: Reference) -> Line:
    return {"deploy": ref, "leadTimeSeconds": one.lead_time / 1_000_000}


def _silence(one: Silence, quiet_seconds: float, ref: Reference) -> Line:
    repo = ref.get("repo", one.repo)
    return {
        "what": one.what,
        "repo": repo,
        "name": one.name,
        "last": ref,
        "quietSeconds": quiet_seconds,
    }


def _text(at: int) -> str:
    return text_of(from_us(at))
