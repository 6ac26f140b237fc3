"""The review of a week, from rows: `figures.words.review` decides which lines there are.

Each line has a key, by which a person marks it as done. An index finds the deploys and incidents of the week.
Lines that are open come first, and only those that are shown are read in full.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_core.values.deploy_target import EXAMPLE, DeployTarget
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import text_of_us
from msgspec import structs

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.model.deploys import lead_times_of
from gitdailies_dora.derived.read import answers, week
from gitdailies_dora.derived.read.events import detail, possible_duplicates
from gitdailies_dora.derived.read.events.related import RelatedReader
from gitdailies_dora.derived.read.review_question import ReviewQuestion
from gitdailies_dora.events.records import acknowledgements, change_log
from gitdailies_dora.events.records.acknowledgements import Acknowledgement
from gitdailies_dora.events.records.corrections import StoredCorrection, all_corrections, correction_of
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history import incidents
from gitdailies_dora.figures.history.corrections import NOT_AN_INCIDENT
from gitdailies_dora.figures.history.repeats import LATE_US
from gitdailies_dora.figures.history.settings import DEFINITIONS, PRODUCTION, FigureSettings
from gitdailies_dora.figures.words import review, silence
from gitdailies_dora.figures.words.reasons import service_line
from gitdailies_dora.figures.words.review import Doubles, NewName, SlowChange
from gitdailies_dora.figures.words.silence import Sighting, Sign, Silence

_MOST_ENVIRONMENTS, _MOST_PAIRS, _MOST_SIGNS, _NEAR = 100, 2000, 10_000, 3
# The environments whose names are not new: production is read by itself, and examples are of no team.
_NOT_NEW = (PRODUCTION, EXAMPLE.environment)
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
# The newest events of one kind in a period, but those of the examples, up to a number.
_SIGNS = (
    "SELECT id, time, repo, service, body FROM events"
    " WHERE kind = ? AND time >= ? AND time < ? AND coalesce(repo, '') <> ? ORDER BY time DESC LIMIT ?"
)
# The lead times of these deploys, where they have any.
_LEAD_TIMES = (
    "SELECT id, at, leads, repo, service FROM figures_deploys"
    " WHERE counts = 1 AND environment = ? AND at >= ? AND at < ? AND leads <> '' ORDER BY at, id"
)
# Of these deploys, the ones whose commit another run deployed soon after to the same environment, in order.
_TWO_RUNS = (
    "SELECT d.id, o.id, d.repo, d.service FROM figures_deploys d"
    " JOIN figures_deploys o ON o.repo = d.repo AND o.environment = d.environment AND o.service = d.service"
    " AND o.sha = d.sha AND o.exact = d.exact AND o.run <> d.run AND d.run <> '' AND o.run <> ''"
    " WHERE d.counts = 1 AND d.environment = ? AND d.at >= ? AND d.at < ? AND o.at BETWEEN d.at AND d.at + ?"
    " ORDER BY d.at, d.id, o.at, o.id"
)
# The deploys of a repository in a period that count as repeats of others.
_REPEATS = (
    "SELECT id, at, repo, environment, service, reporter FROM figures_deploys"
    " WHERE counts = 0 AND repo = ? AND environment = ? AND at >= ? AND at < ?"
)
# Whether a repository was there before a moment, or in an environment of it another name.
_REPO_BEFORE = "SELECT 1 FROM figures_deploys WHERE counts = 1 AND repo = ? AND at < ? LIMIT 1"
_NAMED = "SELECT 1 FROM figures_deploys WHERE counts = 1 AND repo = ? AND environment = ?"
_NAME_BEFORE = {
    review.ENVIRONMENT: f"{_NAMED} AND environment = ? AND at < ? LIMIT 1",
    review.SERVICE: f"{_NAMED} AND service = ? AND at < ? LIMIT 1",
    silence.REPORTER: f"{_NAMED} AND reporter = ? AND at < ? ORDER BY at DESC LIMIT 1",
}

Line = TypeVar("Line", bound=answers.ReviewLine)


class _LineCandidate(NamedTuple, Generic[Line]):
    """A line that may be shown: its key, what reads it, and the event that a correction of it is about."""

    key: str
    read: Callable[[], Line | None]
    event: str = ""


def answer(session: Session, question: ReviewQuestion, settings: FigureSettings) -> answers.Review:
    """Return the answer to `GET /api/review`. Raises Refusal while the rows are for other settings."""
    period = question.week.period
    # Before the rows are read: what is derived meanwhile may be missing in them.
    as_of = change_log.complete_until(session, period.now)
    reader = RelatedReader(session, settings, period.now)
    reader.check()
    found = _Lines(session, reader, question)
    sections: dict[str, Sequence[_LineCandidate[Any]]] = {
        name: getattr(found, name)() for name in review.SECTIONS
    }
    everything = [one for candidates in sections.values() for one in candidates]
    decided = _decisions(session, everything)

    def lines(candidates: Sequence[_LineCandidate[Any]]) -> tuple[Any, ...]:
        shown = sorted(candidates, key=lambda one: one.key in decided)[: review.MOST_LINES]
        return tuple(
            structs.replace(line, key=one.key, done=decided.get(one.key))
            for one in shown
            if (line := one.read()) is not None
        )

    failures = {row.id: row.at for row in found.deploys if row.failed}
    happened, more = week.happenings(session, found.reader, question, failures, review.MOST_LINES)
    figures, before, change = week.figures_of(session, question, settings)
    left = {name: max(len(candidates) - review.MOST_LINES, 0) for name, candidates in sections.items()}
    return answers.Review(
        definitions=DEFINITIONS,
        week=question.week.name,
        filter=answers.ReviewFilter(repo=question.repo or None, team=question.scope.team or None),
        from_=text_of_us(period.began_at),
        to=text_of_us(period.ended_at or period.now),
        as_of=text_of_us(as_of),
        figures=figures,
        before=before,
        change=change,
        happened=happened,
        happened_left=more,
        open=sum(one.key not in decided for one in everything),
        done=sum(one.key in decided for one in everything),
        sections=answers.ReviewSections(**{name: lines(found) for name, found in sections.items()}),
        left=answers.LinesLeft(**left),
    )


def _decisions(
    session: Session, candidates: Sequence[_LineCandidate[Any]]
) -> dict[str, answers.LineDecision]:
    """Return who decided a line, by its key: by correcting its event, or by acknowledging the line."""
    made = acknowledgements.of_lines(session, (one.key for one in candidates))
    decided = {key: _decision(answers.ACKNOWLEDGED, one) for key, one in made.items()}
    corrected = all_corrections(session)
    for one in candidates:
        if one.event in corrected and (stored := correction_of(session, one.event)) is not None:
            decided[one.key] = _decision(answers.CORRECTED, stored, one.event)
    return decided


def _decision(how: str, made: Acknowledgement | StoredCorrection, event: str = "") -> answers.LineDecision:
    at = text_of_us(made.at)
    return answers.LineDecision(how=how, by=made.actor, at=at, reason=made.reason, event=event)


class _Lines:
    """The lines of each section."""

    def __init__(self, session: Session, reader: RelatedReader, question: ReviewQuestion) -> None:
        self._session = session
        self.reader = reader
        self._question = question
        self._week = question.week
        period = question.week.period
        self._began = period.began_at
        self._until = min(period.ended_at or period.now, period.now + 1)
        self._current = self._sightings(PRODUCTION, self._began, self._until)
        self._here = {one.id for one in self._current}
        self.deploys = [
            row
            for row in rows.read_deploys(session, Selection(period), reader.settings)
            if row.id in self._here
        ]

    def failed(self) -> list[_LineCandidate[answers.FailedDeploy]]:
        """The deploys that failed, and those that a person judged, or named as the cause of an incident."""
        corrected = all_corrections(self._session)
        named = {one.deploy: id_ for id_, one in corrected.items()}
        return [
            _LineCandidate(
                f"{review.FAILED}:{row.id}",
                partial(detail.failed_deploy, self.reader, row.id),
                row.id if row.id in corrected else named.get(row.id, ""),
            )
            for row in self.deploys
            if row.failed or row.id in corrected
        ]

    def unlinked(self) -> list[_LineCandidate[answers.UnlinkedIncident]]:
        """The incidents that are attributed to no deploy, and those that a person decided about.

        One whose own event says that no deploy caused it needs no decision. One of a deploy that failed in
        this week is on the line of the deploy.
        """
        now, corrected = self.reader.now, all_corrections(self._session)
        asked = (PRODUCTION, self._began, self._until, now, now, NOT_AN_INCIDENT)
        return [
            _LineCandidate(
                f"{review.UNLINKED}:{id_}",
                partial(detail.unlinked_incident, self.reader, id_, _NEAR),
                id_,
            )
            for id_, repo, service, deploy, how in self._session.execute(_INCIDENTS, asked).fetchall()
            if self._question.scope.includes(repo, service)
            and deploy not in self._here
            and (id_ in corrected or (deploy is None and how != incidents.NO_CAUSE))
        ]

    def uncounted(self) -> list[_LineCandidate[answers.UncountedName]]:
        """The names that appeared in this week."""
        found = rows.environments(self._session, _MOST_ENVIRONMENTS)
        others = [name for name in found if name not in _NOT_NEW]
        sightings = [
            *self._current,
            *(one for name in others for one in self._sightings(name, self._began, self._until)),
        ]
        known, repos = self._known(sightings)
        names = review.new_names(sorted(sightings, key=lambda one: (one.at, one.id)), known, repos)
        return [
            self._of_event(one.first, partial(_new_name, one), review.UNCOUNTED, one.what, one.repo, one.name)
            for one in names
        ]

    def twice(self) -> list[_LineCandidate[answers.DoubleReports]]:
        """The reporters that may have counted deploys twice."""
        pairs = possible_duplicates.pairs(self._session, PRODUCTION, self._began, self._until, _MOST_PAIRS)
        found = review.doubles(pair for pair in pairs if self._question.scope.includes_repo(pair.repo))
        return [
            self._of_event(one.last.id, partial(self._doubles, one), review.TWICE, *one[:3]) for one in found
        ]

    def _doubles(self, one: Doubles, ref: answers.EventReference) -> answers.DoubleReports:
        return answers.DoubleReports(
            repo=ref.repo or one.repo,
            reporters=(one.reporter, one.other_reporter),
            times=one.times,
            events=(ref, *self._references([one.last.other])),
        )

    def doubtful(self) -> list[_LineCandidate[answers.DoubtfulTarget]]:
        """Targets to which two workflows deploy, and deploys with many commits older than their target."""
        asked = PRODUCTION, self._began, self._until, LATE_US
        # By what is doubtful, repository and service: how many times or commits, and the last deploys.
        found: dict[tuple[str, str, str], tuple[int, tuple[str, ...]]] = {}
        for one, other, repo, service in self._session.execute(_TWO_RUNS, asked).fetchall():
            events = map(self.reader.event, (one, other) if one in self._here else ())
            texts = [event.texts for event in events if event is not None]
            if len(texts) == 2 and review.are_two_workflows(*texts):
                times, _ = found.get((review.WORKFLOWS, repo, service), (0, ()))
                found[review.WORKFLOWS, repo, service] = times + 1, (one, other)
        for id_, at, leads, repo, service in self._lead_times():
            if len(leads) > review.MOST_OLD_COMMITS:
                target = Selection(self._week.period, repo, service=service)
                since = rows.first_event_at(self._session, target) or at
                old = sum(at - lead < since for lead in leads)
                if old > review.MOST_OLD_COMMITS:
                    found[review.OLD_COMMITS, repo, service] = old, (id_,)
        here = PRODUCTION, self._began, self._until, self.reader.now, self.reader.now, NOT_AN_INCIDENT
        for id_, repo, service, _, how in self._session.execute(_INCIDENTS, here).fetchall():
            by_time = how == incidents.BY_TIME and self._question.scope.includes(repo, service)
            if by_time and rows.services_beside(self._session, repo, PRODUCTION, service, self._until):
                times, _ = found.get((review.SERVICES, repo, service), (0, ()))
                found[review.SERVICES, repo, service] = times + 1, (id_,)
        return [
            self._of_event(
                deploys[0], partial(self._doubtful, doubt, number, deploys), review.DOUBTFUL, *doubt
            )
            for doubt, (number, deploys) in found.items()
        ]

    def _doubtful(
        self, doubt: tuple[str, str, str], number: int, deploys: Sequence[str], ref: answers.EventReference
    ) -> answers.DoubtfulTarget:
        what, repo, service = doubt
        others = rows.services_beside(self._session, repo, PRODUCTION, service, self._until)
        sent = DeployTarget(ref.repo, ref.environment or None, ref.service)
        line = service_line(sent, others) if others else ""
        shown, repo = (ref, *self._references(deploys[1:])), ref.repo or ""
        return answers.DoubtfulTarget(
            what=what, repo=repo, service=service, number=number, deploys=shown, line=line
        )

    def slowest(self) -> list[_LineCandidate[answers.SlowestChange]]:
        """The changes with the longest lead times."""
        changes = [SlowChange(id_, at, max(leads)) for id_, at, leads, *_ in self._lead_times()]
        return [
            _LineCandidate(
                f"{review.SLOWEST}:{one.deploy}", partial(self._made, one.deploy, partial(_slow_change, one))
            )
            for one in review.slowest(changes)
        ]

    def silent(self) -> list[_LineCandidate[answers.SilentSender]]:
        """The repositories, reporters and sources that stopped; none in a week that goes on."""
        period, weeks = self._week.period, self._week.weeks_before()
        if period.until != period.ended_at:
            return []
        before = self._sightings(PRODUCTION, weeks[0][0], weeks[-1][1])
        gone = {one.repo for one in silence.silent_deploys(before, self._current, weeks)}
        asked = [(repo, PRODUCTION, self._began, self._until) for repo in gone]
        repeats = [Sighting._make(row) for one in asked for row in self._session.execute(_REPEATS, one)]
        silent = silence.silent_deploys(before, [*self._current, *repeats], weeks)
        found = [*silent, *self._silent_sources()]
        return [
            self._of_event(one.last, partial(self._silence, one), review.SILENT, *one[:3]) for one in found
        ]

    def _silence(self, one: Silence, ref: answers.EventReference) -> answers.SilentSender:
        quiet = (self._until - one.last_at) / 1_000_000
        repo = ref.repo or one.repo
        return answers.SilentSender(what=one.what, repo=repo, name=one.name, last=ref, quiet_seconds=quiet)

    def _silent_sources(self) -> list[Silence]:
        """The sources of incidents that became silent, if their last incident is in the scope."""
        asked = self._until - _LOOKED_BACK_US, self._until, EXAMPLE.repo, _MOST_SIGNS
        found = [
            row
            for kind in (INCIDENT_STARTED, INCIDENT_RESOLVED)
            for row in self._session.execute(_SIGNS, (kind, *asked)).fetchall()
        ]
        signs, targets = [], {}
        for id_, at, repo, service, body in sorted(found, key=lambda row: (row[1], row[0])):
            if source := orjson.loads(body).get("source"):
                signs.append(Sign(id_, at, source))
                targets[id_] = self.reader.settings.repo(repo or ""), folded(service or "")
        gone = silence.silent_sources(signs, self._began, self._until)
        return [one for one in gone if self._question.scope.includes(*targets[one.last])]

    def _of_event(
        self, id_: str, line: Callable[[answers.EventReference], Line], section: str, *names: str
    ) -> _LineCandidate[Line]:
        """Return a candidate of this week whose line is made of the reference to an event."""
        return _LineCandidate(":".join((section, self._week.name, *names)), partial(self._made, id_, line))

    def _made(self, id_: str, line: Callable[[answers.EventReference], Line]) -> Line | None:
        return next(map(line, self._references([id_])), None)

    def _lead_times(self) -> Iterator[tuple[str, int, list[int], str, str]]:
        asked = PRODUCTION, self._began, self._until
        for id_, at, leads, repo, service in self._session.execute(_LEAD_TIMES, asked).fetchall():
            if id_ in self._here:
                yield id_, at, lead_times_of(leads), repo, service

    def _sightings(self, environment: str, since: int, until: int) -> list[Sighting]:
        found = self._session.execute(_SIGHTINGS, (environment, since, until)).fetchall()
        scope = self._question.scope
        return [one for one in map(Sighting._make, found) if scope.includes(one.repo, one.service)]

    def _known(self, sightings: Sequence[Sighting]) -> tuple[set[tuple[str, str, str]], set[str]]:
        """Return the names and the repositories of deploys that were there before the week."""
        began = self._began
        repos = {repo for repo in {one.repo for one in sightings} if self._is_here(_REPO_BEFORE, repo, began)}
        named = {(one.environment, *name) for one in sightings for name in review.names(one)}
        known = {
            (what, repo, name)
            for environment, what, repo, name in named
            if self._is_here(_NAME_BEFORE[what], repo, environment, name, began)
        }
        return known, repos

    def _is_here(self, statement: str, *values: Any) -> bool:
        return self._session.execute(statement, values).fetchone() is not None

    def _references(self, ids: Iterable[str]) -> list[answers.EventReference]:
        return list(self.reader.references(ids).values())


def _new_name(one: NewName, ref: answers.EventReference) -> answers.UncountedName:
    return answers.UncountedName(
        what=one.what,
        repo="" if one.repos > 1 else ref.repo or one.repo,
        repos=one.repos,
        name=one.name,
        deploys=one.deploys,
        first=ref,
    )


def _slow_change(one: SlowChange, ref: answers.EventReference) -> answers.SlowestChange:
    return answers.SlowestChange(deploy=ref, lead_time_seconds=one.lead_time / 1_000_000)
